#include "flow/mistakes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/utf8.hpp"

namespace opaline::flow {
namespace {

constexpr std::size_t kQuotedBytes = 64;
constexpr std::size_t kSuggestedBytes = 128;  // Nobody mistypes a longer name into one of ours.

struct Position {
  std::size_t line = 1;
  std::size_t column = 1;
};

Position position_in(std::string_view text, std::size_t place) {
  const std::string_view before = text.substr(0, std::min(place, text.size()));
  const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0.
  return {.line = 1 + static_cast<std::size_t>(std::ranges::count(before, '\n')),
          .column = 1 + base::utf8_length(before.substr(line_begin))};
}

/// Control characters, line separators and marks that change the direction of writing.
bool steers_a_terminal(std::string_view sequence) {
  if (sequence.size() == 1) return sequence[0] < ' ' || sequence[0] == '\x7f';
  if (sequence.size() == 2) return sequence[0] == '\xc2' && sequence[1] < '\xa0';
  return (sequence >= "\u2028" && sequence <= "\u202e") ||
         (sequence >= "\u2066" && sequence <= "\u2069");
}

/// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours, case
/// ignored.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  const auto same = [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; };
    return lower(x) == lower(y);
  };
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(above, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool equal = same(a[i - 1], b[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (equal ? 0 : 1)});
      if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row.back();
}

}  // namespace

void Mistakes::add(std::size_t place, std::string message) {
  ++count_;
  if (found_.size() < kShown) found_.emplace(place, std::move(message));
}

std::string Mistakes::position(std::size_t place) const {
  const Position at = position_in(text_, place);
  return fmt::format("{}:{}", at.line, at.column);
}

base::Error Mistakes::error(std::string_view name) const {
  OPALINE_ASSERT(!empty());
  std::string text;
  for (const auto& [place, message] : found_) {
    if (!text.empty()) text += '\n';
    text += fmt::format("{}:{}: {}", name, position(place), message);
  }
  if (count_ > found_.size()) {
    text += fmt::format("\n{}: and {} more", name, count_ - found_.size());
  }
  return {.code = base::ErrorCode::invalid_argument, .message = std::move(text), .detail = {}};
}

std::string in_quotes(std::string_view text) {
  std::string shown = "'";
  const std::string_view kept = base::utf8_prefix(text, kQuotedBytes);
  for (std::size_t at = 0; at < kept.size();) {
    const std::size_t length = std::max<std::size_t>(1, base::utf8_sequence(kept.substr(at)));
    const std::string_view sequence = kept.substr(at, length);
    const bool ill_formed = length == 1 && static_cast<unsigned char>(sequence[0]) >= 0x80;
    if (ill_formed || steers_a_terminal(sequence)) {
      for (const char byte : sequence) {
        shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
      }
    } else {
      shown += sequence;
    }
    at += length;
  }
  if (kept.size() < text.size()) shown += "…";
  return shown + "'";
}

std::string suggestion(std::string_view wrong, std::span<const std::string_view> candidates) {
  if (wrong.empty() || wrong.size() > kSuggestedBytes) return {};
  std::optional<std::string_view> nearest;
  // A third of the letters may be wrong: 'prot' is near 'port', 'image' is near nothing.
  std::size_t best = std::max<std::size_t>(1, wrong.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kSuggestedBytes) continue;
    if (const std::size_t distance = edit_distance(wrong, candidate); distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  // One that was shortened or lengthened: 'micro_services' for 'opea_micro_services'.
  for (const std::string_view candidate : candidates) {
    if (nearest) break;
    const auto [shorter, longer] =
        std::minmax(wrong, candidate, [](auto a, auto b) { return a.size() < b.size(); });
    if (shorter.size() >= 4 && (longer.starts_with(shorter) || longer.ends_with(shorter))) {
      nearest = candidate;
    }
  }
  return nearest ? "; did you mean " + in_quotes(*nearest) + "?" : std::string();
}

std::string listed(std::span<const std::string_view> names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  return text;
}

}  // namespace opaline::flow
