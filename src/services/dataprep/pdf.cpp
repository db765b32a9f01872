#include <algorithm>
#include <map>
#include <vector>

#include "base/utf8.hpp"
#include "services/dataprep/formats.hpp"

namespace opaline::services::dataprep {
namespace {

using base::ErrorCode;
using base::Result;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// A line with its numbers blotted out, by which running headers and footers are the same on each
/// page.
std::string shape(std::string_view line) {
  std::string out;
  for (const char c : trimmed(line)) {
    if (!is_digit(c)) {
      out += c;
    } else if (out.empty() || out.back() != '#') {
      out += '#';
    }
  }
  return out;
}

using Page = std::vector<std::string_view>;

void drop_blank_ends(Page& page) {
  while (!page.empty() && trimmed(page.front()).empty()) page.erase(page.begin());
  while (!page.empty() && trimmed(page.back()).empty()) page.pop_back();
}

/// Removes short first and last lines that stand on many pages, up to two of each.
void drop_running_lines(std::vector<Page>& pages) {
  constexpr std::size_t kPages = 4;
  constexpr std::size_t kBytes = 100;
  if (pages.size() < kPages) return;
  const auto runs = [&](std::map<std::string, std::size_t>& counts, std::string_view line,
                        int round) {
    // Left and right pages differ, so a third is enough for the outermost line.
    const std::size_t found = counts[shape(line)];
    return line.size() <= kBytes &&
           (round == 0 ? found * 3 >= pages.size() : found * 3 >= pages.size() * 2);
  };
  for (int round = 0; round < 2; ++round) {
    std::map<std::string, std::size_t> first;
    std::map<std::string, std::size_t> last;
    for (const Page& page : pages) {
      if (page.size() < 3) continue;
      ++first[shape(page.front())];
      ++last[shape(page.back())];
    }
    for (Page& page : pages) {
      if (page.size() < 3) continue;
      const bool head = runs(first, page.front(), round);
      const bool foot = runs(last, page.back(), round);
      if (foot) page.pop_back();
      if (head) page.erase(page.begin());
      drop_blank_ends(page);
    }
  }
}

/// The level of "2.3 Title"; 0 for a line that is no numbered heading.
int numbered_heading(std::string_view line) {
  line = trimmed(line);
  if (line.size() > 100 || line.empty() || !is_digit(line.front()) || line.ends_with('.') ||
      line.ends_with(';') || line.ends_with(','))
    return 0;
  int level = 1;
  std::size_t at = 0;
  while (at < line.size() && (is_digit(line[at]) || line[at] == '.')) {
    if (line[at] == '.' && at + 1 < line.size() && is_digit(line[at + 1])) ++level;
    ++at;
  }
  if (at > 12 || at + 3 > line.size() || line[at] != ' ') return 0;
  const std::string_view title = trimmed(line.substr(at));
  return !title.empty() && is_upper(title.front()) ? std::min(level, 6) : 0;
}

bool is_item(std::string_view line) {
  return line.starts_with("• ") || line.starts_with("- ") || line.starts_with("– ") ||
         line.starts_with("◦ ") || line.starts_with("▪ ") || line.starts_with("* ");
}

/// Puts the lines of a paragraph together, and words that were parted at a line's end.
void append_line(std::string& paragraph, std::string_view line) {
  line = trimmed(line);
  if (paragraph.ends_with('-') && paragraph.size() > 2 &&
      is_lower(paragraph[paragraph.size() - 2]) && !line.empty() && is_lower(line.front())) {
    paragraph.pop_back();
  } else if (!paragraph.empty()) {
    paragraph += ' ';
  }
  paragraph += line;
}

void write_page(const Page& page, std::uint32_t number, DocumentWriter& out) {
  std::string paragraph;
  BlockKind kind = BlockKind::paragraph;
  const auto flush = [&] {
    out.add({.kind = kind, .page = number}, paragraph);
    paragraph.clear();
    kind = BlockKind::paragraph;
  };
  for (std::size_t i = 0; i < page.size(); ++i) {
    const std::string_view line = trimmed(page[i]);
    if (line.empty()) {
      flush();
      continue;
    }
    const bool starts = paragraph.empty();
    const int level = numbered_heading(line);
    const bool alone = i + 1 == page.size() || trimmed(page[i + 1]).empty();
    if (level > 0 && starts && (alone || level > 1)) {
      out.add(
          {.kind = BlockKind::heading, .level = static_cast<std::uint8_t>(level), .page = number},
          line);
      continue;
    }
    if (is_item(line)) {
      flush();
      kind = BlockKind::list_item;
    }
    append_line(paragraph, line);
  }
  flush();
}

std::string unescaped(std::string_view text) {
  std::string out(text);
  constexpr std::pair<std::string_view, std::string_view> kEntities[] = {
      {"&lt;", "<"},   {"&gt;", ">"},  {"&quot;", "\""},
      {"&apos;", "'"}, {"&#39;", "'"}, {"&amp;", "&"}};
  for (const auto& [entity, character] : kEntities) {
    for (auto at = out.find(entity); at != std::string::npos; at = out.find(entity, at + 1)) {
      out.replace(at, entity.size(), character);
    }
  }
  return out;
}

/// Titles that programs leave behind name a file, not its content.
bool is_title(std::string_view title) {
  title = trimmed(title);
  return title.size() > 2 && !title.starts_with("Microsoft Word") &&
         !title.starts_with("untitled") && !title.starts_with("Untitled") &&
         !title.ends_with(".doc") && !title.ends_with(".docx") && !title.ends_with(".dvi") &&
         !title.ends_with(".tex") && !title.ends_with(".indd");
}

Result<void> check_exit(const PdfText& pdf) {
  if (pdf.exit_status == 0) return {};
  if (pdf.errors.contains("Incorrect password"))
    return base::fail(ErrorCode::invalid_argument, "is password-protected");
  if (pdf.errors.contains("Copying of text")) {
    return base::fail(ErrorCode::invalid_argument, "does not permit its text to be copied");
  }
  if (pdf.exit_status == -1) {
    return base::fail(ErrorCode::invalid_argument,
                      "is a PDF file that could not be read within the limits of time and memory",
                      pdf.errors);
  }
  return base::fail(ErrorCode::invalid_argument, "is a damaged PDF file", pdf.errors);
}

}  // namespace

Result<void> parse_pdf(const PdfText& pdf, DocumentWriter& out) {
  OPALINE_TRY_DO(check_exit(pdf));
  const std::string text = base::is_utf8(pdf.output) ? pdf.output : base::to_utf8(pdf.output);
  std::string_view body = text;
  constexpr std::string_view kTitle = "<title>";
  constexpr std::string_view kBody = "<pre>\n";
  const auto pre = body.find(kBody);
  if (const auto at = body.find(kTitle); at != std::string_view::npos && at < pre) {
    const std::string title =
        unescaped(body.substr(at + kTitle.size(), body.find("</title>", at) - at - kTitle.size()));
    if (is_title(title)) out.set_title(title);
  }
  if (pre != std::string_view::npos)
    body = body.substr(pre + kBody.size(), body.rfind("</pre>") - pre - kBody.size());

  std::vector<Page> pages;
  for (const std::string_view page : split(body, '\f')) {
    pages.push_back(split(page, '\n'));
    drop_blank_ends(pages.back());
  }
  std::size_t blank = 0;
  for (const Page& page : pages) blank += page.empty() ? 1 : 0;
  if (!pages.empty() && pages.back().empty()) --blank;  // What follows the last form feed.
  if (blank > 0)
    out.warn(std::to_string(blank) + (blank == 1 ? " page has" : " pages have") +
             " no text (scanned?)");
  drop_running_lines(pages);
  for (std::size_t i = 0; i < pages.size(); ++i)
    write_page(pages[i], static_cast<std::uint32_t>(i + 1), out);
  if (out.empty()) {
    return base::fail(ErrorCode::invalid_argument, "has no text (scanned pages need OCR)");
  }
  if (pdf.errors.contains("Syntax Error"))
    out.warn("the PDF file has faults; some text may be missing");
  return {};
}

}  // namespace opaline::services::dataprep
