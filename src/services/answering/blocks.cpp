#include "services/answering/blocks.hpp"

#include <algorithm>
#include <optional>

#include "base/words.hpp"
#include "services/answering/sentence_end.hpp"

namespace opaline::services {
namespace {

using Kind = Block::Kind;

constexpr std::size_t kHeadingWords = 12;
constexpr std::size_t kRecordNameBytes = 60;
// A shorter or longer line was not wrapped: it ends where its writer ended it.
constexpr std::size_t kWrappedLineBytesMin = 50;
constexpr std::size_t kWrappedLineBytesMax = 160;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_alnum(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z') || is_digit(c); }

// ---- Lines

bool is_row(std::string_view line) {
  return line.contains(" | ") || line.find_first_not_of("| ") == std::string_view::npos;
}

/// "seats: 12; floor: 3": values with their names, as data files are read.
bool is_record(std::string_view line) {
  const std::size_t colon = line.find(": ");
  return colon < kRecordNameBytes && colon > 0 && is_alnum(line.front());
}

bool is_item(std::string_view line) { return list_marker(line) > 0; }

/// Whether a line alone between blank ones looks like a heading.
bool is_heading(std::string_view line) {
  const auto first = static_cast<unsigned char>(line.front());
  if (is_lower(line.front()) || (first < 0x80 && !is_alnum(line.front()) && first != '"'))
    return false;
  if (line.ends_with(':') || line.find_first_of("{}=;\\$") != std::string_view::npos) return false;
  const std::size_t count = base::words(line).size();
  return count > 0 && count <= kHeadingWords;
}

/// Whether the line that ends at the break goes on in the next one.
bool wraps(std::string_view line, std::string_view next) {
  if (line.size() < kWrappedLineBytesMin || line.size() > kWrappedLineBytesMax) return false;
  if (is_row(line) || is_row(next) || is_item(next) || line.ends_with(':')) return false;
  return !next.empty() && (is_item(line) || !is_space(next.front()));
}

// ---- Groups

/// The lines between two blank ones, without white space at their ends.
using Group = std::vector<Range>;

std::vector<Group> groups(std::string_view text) {
  const auto line_at = [text](std::size_t begin) {
    return Range{begin, std::min(text.find('\n', begin), text.size())};
  };
  std::vector<Group> found(1);
  for (std::size_t begin = 0; begin < text.size();) {
    Range line = line_at(begin);
    Range last = line;
    while (last.end + 1 < text.size() && wraps(last.of(text), line_at(last.end + 1).of(text)))
      last = line_at(last.end + 1);
    begin = last.end + 1;
    line.end = last.end;
    while (line.end > line.begin && is_space(text[line.end - 1])) --line.end;
    if (!line.empty())
      found.back().push_back(line);
    else if (!found.back().empty())
      found.emplace_back();
  }
  if (found.back().empty()) found.pop_back();
  return found;
}

class BlockReader {
 public:
  BlockReader(std::string_view text, std::string_view title_path) : text_(text) {
    for (std::size_t begin = 0; begin < title_path.size();) {
      const std::size_t end = std::min(title_path.find(" > ", begin), title_path.size());
      headings_.push_back(title_path.substr(begin, end - begin));
      begin = end + 3;
    }
    in_table_ = !headings_.empty() && is_row(headings_.back());
  }

  std::vector<Block> read() {
    for (const Group& group : groups(text_)) {
      const auto kind = common_kind(group);
      if (!kind) {
        add_mixed(group);
      } else if (*kind == Kind::rows) {
        add_table(group);
      } else {
        found_.push_back({.kind = *kind, .lines = group});
      }
    }
    // A heading stands above something.
    if (!found_.empty() && found_.back().kind == Kind::heading) found_.back().kind = Kind::prose;
    return std::move(found_);
  }

 private:
  /// What all lines of the group are; nothing when they are of several kinds.
  [[nodiscard]] std::optional<Kind> common_kind(const Group& group) const {
    if (group.size() == 1) return kind_of_only(group.front().of(text_));
    const auto is = [this](auto kind) {
      return [this, kind](Range line) { return kind(line.of(text_)); };
    };
    if (std::ranges::all_of(group, is(is_item))) return Kind::items;
    if (std::ranges::all_of(group, is(is_row)) || std::ranges::all_of(group, is(is_record)))
      return Kind::rows;
    const bool announced_list = std::ranges::all_of(group.begin() + 1, group.end(), is(is_item));
    if (announced_list || std::ranges::any_of(group, is(ends_sentence))) return std::nullopt;
    return Kind::code;
  }

  [[nodiscard]] Kind kind_of_only(std::string_view line) const {
    if (std::ranges::find(headings_, line) != headings_.end()) return Kind::heading;
    if (is_item(line)) return Kind::items;
    // A sentence may have a bar in it; the last row of a table may end as a sentence.
    if (is_row(line) && (in_table_ || !ends_sentence(line))) return Kind::rows;
    if (ends_sentence(line)) return Kind::prose;
    if (is_heading(line)) return Kind::heading;
    const bool announces = line.ends_with(':');
    const bool full = base::words(line).size() > kHeadingWords;
    const bool prose = is_lower(line.front()) ? announces && full : announces || full;
    return prose ? Kind::prose : Kind::code;
  }

  void add_table(const Group& group) {
    const bool continued = found_.empty() && in_table_;
    const bool header = !continued && group.size() > 1 && is_row(group.front().of(text_));
    if (header) found_.push_back({.kind = Kind::header, .lines = {group.front()}});
    found_.push_back(
        {.kind = Kind::rows, .lines = {group.begin() + (header ? 1 : 0), group.end()}});
  }

  /// Terms with their definition, or a list right after its announcement.
  void add_mixed(const Group& group) {
    for (std::size_t i = 0; i < group.size(); ++i) {
      const std::string_view line = group[i].of(text_);
      const bool open = !ends_sentence(line) && !line.ends_with(':');
      Kind kind = Kind::prose;
      if (is_item(line)) {
        kind = Kind::items;
      } else if (open && is_row(line)) {
        kind = Kind::rows;
      } else if (open && i + 1 < group.size() && base::words(line).size() <= kHeadingWords) {
        kind = Kind::term;
      }
      const bool goes_on = i > 0 && kind != Kind::prose && found_.back().kind == kind;
      if (!goes_on) found_.push_back({.kind = kind, .lines = {}});
      found_.back().lines.push_back(group[i]);
    }
  }

  std::string_view text_;
  std::vector<std::string_view> headings_;
  bool in_table_ = false;
  std::vector<Block> found_;
};

}  // namespace

Range trimmed(std::string_view text, Range range) {
  while (range.begin < range.end && is_space(text[range.begin])) ++range.begin;
  while (range.end > range.begin && is_space(text[range.end - 1])) --range.end;
  return range;
}

std::vector<Block> blocks(std::string_view passage, std::string_view title_path) {
  return BlockReader(passage, title_path).read();
}

std::size_t list_marker(std::string_view line) {
  const std::size_t start = line.find_first_not_of(" \t");
  if (start == std::string_view::npos) return 0;
  std::string_view rest = line.substr(start);
  if (rest.starts_with("- ") || rest.starts_with("* ")) return start + 2;
  if (rest.starts_with("\u2022")) return start + 3;
  std::size_t digits = 0;
  while (digits < rest.size() && digits < 3 && is_digit(rest[digits])) ++digits;
  rest.remove_prefix(digits);
  const bool numbered = digits > 0 && (rest.starts_with(". ") || rest.starts_with(") "));
  return numbered ? start + digits + 2 : 0;
}

}  // namespace opaline::services
