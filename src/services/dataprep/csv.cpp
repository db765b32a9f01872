#include <algorithm>
#include <array>
#include <vector>

#include "services/dataprep/formats.hpp"

namespace opaline::services::dataprep {
namespace {

constexpr std::size_t kColumns = 4096;
constexpr std::size_t kQuotedFieldBytes = 1024 * 1024;

/// Reads records as RFC 4180 has them. A quote that never closes is taken as a plain character: one
/// typing mistake must not swallow the rest of a table.
class RecordReader {
 public:
  RecordReader(std::string_view text, char delimiter) : text_(text), delimiter_(delimiter) {}

  /// @return false at the end.
  bool next(std::vector<std::string>& record) {
    record.clear();
    if (at_ >= text_.size()) return false;
    for (;;) {
      record.emplace_back(field());
      if (at_ < text_.size() && text_[at_] == delimiter_ && record.size() < kColumns) {
        ++at_;
        continue;
      }
      // Past the line's end; what is left of a line with too many columns goes.
      at_ = std::min(text_.find('\n', at_), text_.size());
      ++at_;
      return true;
    }
  }

  [[nodiscard]] std::size_t unclosed() const { return unclosed_; }

 private:
  std::string field() {
    if (at_ < text_.size() && text_[at_] == '"') {
      if (auto quoted = quoted_field()) return std::move(*quoted);
      ++unclosed_;
    }
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != delimiter_ && text_[at_] != '\n') ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::optional<std::string> quoted_field() {
    std::string value;
    const std::size_t stop = std::min(text_.size(), at_ + kQuotedFieldBytes);
    if (at_ < no_close_before_) return {};
    for (std::size_t i = at_ + 1; i < stop; ++i) {
      if (text_[i] != '"') {
        value += text_[i];
      } else if (i + 1 < text_.size() && text_[i + 1] == '"') {
        value += '"';
        ++i;
      } else {
        at_ = i + 1;
        // Tolerated: text between the closing quote and the delimiter.
        while (at_ < text_.size() && text_[at_] != delimiter_ && text_[at_] != '\n')
          value += text_[at_++];
        return value;
      }
    }
    // No later quote of this stretch can close either; do not look again for each.
    no_close_before_ = stop;
    return {};
  }

  std::string_view text_;
  char delimiter_;
  std::size_t at_ = 0;
  std::size_t unclosed_ = 0;
  std::size_t no_close_before_ = 0;
};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n\v\f\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n\v\f\r") - first + 1);
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.,+-%eE$€ ") == std::string_view::npos;
}

bool is_header(const std::vector<std::string>& record) {
  for (std::size_t i = 0; i < record.size(); ++i) {
    const std::string_view name = trimmed(record[i]);
    if (name.empty() || name.size() > 100 || is_number(name)) return false;
    for (std::size_t j = 0; j < i && i < 64; ++j) {
      if (trimmed(record[j]) == name) return false;
    }
  }
  return true;
}

bool is_blank(const std::vector<std::string>& record) {
  return std::ranges::all_of(record, [](const std::string& cell) { return trimmed(cell).empty(); });
}

/// How many of the first records have as many columns as most of them, in per cent; 0 with fewer
/// than two columns.
struct Shape {
  std::size_t columns = 0;
  std::size_t agreement = 0;
  std::size_t records = 0;
};

Shape shape(std::string_view text, char delimiter) {
  constexpr std::size_t kRecords = 50;
  RecordReader reader(text.substr(0, 256 * 1024), delimiter);
  std::vector<std::size_t> counts;
  std::vector<std::string> record;
  while (counts.size() < kRecords && reader.next(record)) {
    if (!is_blank(record)) counts.push_back(record.size());
  }
  if (counts.size() < 2) return {};
  std::vector<std::size_t> sorted = counts;
  std::ranges::sort(sorted);
  const std::size_t median = sorted[sorted.size() / 2];
  if (median < 2) return {};
  const auto same = static_cast<std::size_t>(std::ranges::count(counts, median));
  return {median, same * 100 / counts.size(), counts.size()};
}

}  // namespace

std::optional<char> csv_delimiter(std::string_view text) {
  std::optional<char> best;
  Shape best_shape;
  for (const char delimiter : std::array{',', ';', '\t', '|'}) {
    const Shape found = shape(text, delimiter);
    // Prose has commas too: few records must agree wholly, many nearly so.
    if (found.columns < 2 || found.records < 2 ||
        found.agreement < (found.records < 10 ? 100U : 95U))
      continue;
    if (found.columns > best_shape.columns) {
      best = delimiter;
      best_shape = found;
    }
  }
  return best;
}

base::Result<void> parse_csv(std::string_view text, char delimiter, DocumentWriter& out) {
  RecordReader reader(text, delimiter);
  std::vector<std::string> record;
  std::vector<std::string> names;
  bool first = true;
  std::size_t ragged = 0;
  while (reader.next(record)) {
    if (is_blank(record)) continue;
    if (first && is_header(record)) {
      names = std::move(record);
      first = false;
      continue;
    }
    first = false;
    if (!names.empty() && record.size() != names.size()) ++ragged;
    std::string line;
    for (std::size_t i = 0; i < record.size(); ++i) {
      const std::string_view value = trimmed(record[i]);
      if (value.empty()) continue;
      if (!line.empty()) line += "; ";
      line += i < names.size() ? std::string(trimmed(names[i])) : "column " + std::to_string(i + 1);
      line += ": ";
      line += value;
    }
    out.add({.kind = BlockKind::table_row}, line);
  }
  if (out.empty() && !names.empty()) {
    // Only a header, or a single line: still text that somebody wrote.
    std::string line;
    for (const std::string& name : names)
      line.append(line.empty() ? "" : "; ").append(trimmed(name));
    out.add({.kind = BlockKind::table_row}, line);
  }
  if (reader.unclosed() > 0)
    out.warn(std::to_string(reader.unclosed()) + " quotes never close and were taken as text");
  if (ragged > 0)
    out.warn(std::to_string(ragged) + " rows have another number of columns than the header");
  return {};
}

}  // namespace opaline::services::dataprep
