#include <algorithm>

#include "services/dataprep/formats.hpp"

namespace opaline::services::dataprep {
namespace {

std::string_view trimmed(std::string_view line) {
  const auto first = line.find_first_not_of(" \t\f\v");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\f\v") - first + 1);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// "- ", "* ", "• ", "1. ", "2) ".
bool is_item(std::string_view line) {
  line = trimmed(line);
  if (line.starts_with("- ") || line.starts_with("* ") || line.starts_with("• ") ||
      line.starts_with("+ "))
    return true;
  std::size_t digits = 0;
  while (digits < line.size() && digits < 4 && is_digit(line[digits])) ++digits;
  return digits > 0 && digits + 1 < line.size() && (line[digits] == '.' || line[digits] == ')') &&
         line[digits + 1] == ' ';
}

/// A line of '=' or '-' below another of about its length.
bool is_underline(std::string_view line, std::string_view above) {
  line = trimmed(line);
  above = trimmed(above);
  if (line.size() < 3 || above.empty() || above.size() > 120) return false;
  if (line.front() != '=' && line.front() != '-' && line.front() != '~') return false;
  return line.find_first_not_of(line.front()) == std::string_view::npos &&
         line.size() + 3 >= above.size();
}

/// A short line that shouts: the headings of old manuals and licences.
bool is_shouted(std::string_view line) {
  line = trimmed(line);
  if (line.size() < 3 || line.size() > 80 || line.ends_with('.') || line.ends_with(','))
    return false;
  const auto upper = std::ranges::count_if(line, [](char c) { return c >= 'A' && c <= 'Z'; });
  const bool lower = std::ranges::any_of(line, [](char c) { return c >= 'a' && c <= 'z'; });
  return upper >= 3 && !lower;
}

class TextReader {
 public:
  TextReader(std::string_view text, DocumentWriter& out) : rest_(text), out_(out) {}

  void read() {
    std::string_view above;
    while (!rest_.empty()) {
      const auto end = std::min(rest_.find('\n'), rest_.size());
      const std::string_view line = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      if (trimmed(line).empty()) {
        flush(Standing::alone);
      } else if (lines_ == 1 && is_underline(line, above)) {
        out_.add({.kind = BlockKind::heading,
                  .level = static_cast<std::uint8_t>(trimmed(line).front() == '=' ? 1 : 2)},
                 paragraph_);
        clear();
      } else {
        if (is_item(line)) {
          flush(Standing::in_paragraph);
          kind_ = BlockKind::list_item;
        }
        if (lines_ > 0) paragraph_ += '\n';
        paragraph_ += line;
        ++lines_;
      }
      above = line;
    }
    flush(Standing::alone);
  }

 private:
  enum class Standing { alone, in_paragraph };

  void flush(Standing standing) {
    if (lines_ == 0) return;
    // The last line of a text is no heading: nothing stands below it.
    if (standing == Standing::alone && lines_ == 1 && kind_ == BlockKind::paragraph &&
        is_shouted(paragraph_) && !rest_.empty()) {
      out_.add({.kind = BlockKind::heading, .level = 2}, paragraph_);
    } else {
      out_.add_verbatim({.kind = kind_}, paragraph_);
    }
    clear();
  }

  void clear() {
    paragraph_.clear();
    lines_ = 0;
    kind_ = BlockKind::paragraph;
  }

  std::string_view rest_;
  DocumentWriter& out_;
  std::string paragraph_;
  std::size_t lines_ = 0;
  BlockKind kind_ = BlockKind::paragraph;
};

}  // namespace

base::Result<void> parse_plain_text(std::string_view text, DocumentWriter& out) {
  TextReader(text, out).read();
  return {};
}

}  // namespace opaline::services::dataprep
