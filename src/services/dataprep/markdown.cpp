#include <md4c.h>

#include <algorithm>
#include <vector>

#include "services/dataprep/formats.hpp"

namespace opaline::services::dataprep {
namespace {

using base::ErrorCode;
using base::Result;

void append_code_point(std::string& out, std::uint32_t c) {
  if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) c = 0xFFFD;
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

/// The character an entity stands for; the few names that people type, others stay as they are.
void append_entity(std::string& out, std::string_view entity) {
  if (entity.starts_with("&#") && entity.size() > 3) {
    const bool hexadecimal = entity[2] == 'x' || entity[2] == 'X';
    std::uint32_t value = 0;
    for (const char c : entity.substr(hexadecimal ? 3 : 2)) {
      const int digit = c >= '0' && c <= '9'                     ? c - '0'
                        : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                                 : -1;
      if (digit < 0) break;
      value = std::min<std::uint32_t>(
          value * (hexadecimal ? 16 : 10) + static_cast<std::uint32_t>(digit), 0x110000);
    }
    append_code_point(out, value);
    return;
  }
  struct Name {
    std::string_view entity;
    std::string_view text;
  };
  constexpr Name kNames[] = {
      {"&amp;", "&"},   {"&lt;", "<"},    {"&gt;", ">"},     {"&quot;", "\""}, {"&apos;", "'"},
      {"&nbsp;", " "},  {"&copy;", "©"},  {"&mdash;", "—"},  {"&ndash;", "–"}, {"&hellip;", "…"},
      {"&rarr;", "→"},  {"&larr;", "←"},  {"&times;", "×"},  {"&deg;", "°"},   {"&euro;", "€"},
      {"&laquo;", "«"}, {"&raquo;", "»"}, {"&middot;", "·"}, {"&bull;", "•"},  {"&trade;", "™"}};
  for (const Name& name : kNames) {
    if (name.entity == entity) {
      out += name.text;
      return;
    }
  }
  out += entity;
}

class MarkdownReader {
 public:
  explicit MarkdownReader(DocumentWriter& out) : out_(out) {}

  Result<void> read(std::string_view text) {
    MD_PARSER parser{};
    parser.flags = MD_DIALECT_GITHUB;
    parser.enter_block = [](MD_BLOCKTYPE type, void* detail, void* self) {
      return of(self).enter(type, detail);
    };
    parser.leave_block = [](MD_BLOCKTYPE type, void* detail, void* self) {
      return of(self).leave(type, detail);
    };
    parser.enter_span = [](MD_SPANTYPE, void*, void*) { return 0; };
    parser.leave_span = [](MD_SPANTYPE, void*, void*) { return 0; };
    parser.text = [](MD_TEXTTYPE type, const MD_CHAR* bytes, MD_SIZE size, void* self) {
      return of(self).add_text(type, std::string_view(bytes, size));
    };
    if (md_parse(text.data(), static_cast<MD_SIZE>(text.size()), &parser, this) != 0) {
      return base::fail(ErrorCode::invalid_argument, "is not readable as Markdown");
    }
    return {};
  }

 private:
  struct List {
    bool ordered = false;
    unsigned next_number = 1;
  };

  static MarkdownReader& of(void* self) { return *static_cast<MarkdownReader*>(self); }

  int enter(MD_BLOCKTYPE type, void* detail) {
    // A tight list item holds its text itself; it ends where a nested list begins.
    if (type != MD_BLOCK_TD && type != MD_BLOCK_TH) flush();
    switch (type) {
      case MD_BLOCK_QUOTE: ++quote_depth_; break;
      case MD_BLOCK_UL: lists_.push_back({}); break;
      case MD_BLOCK_OL:
        lists_.push_back(
            {.ordered = true, .next_number = static_cast<MD_BLOCK_OL_DETAIL*>(detail)->start});
        break;
      case MD_BLOCK_LI: item_begins_ = true; break;
      case MD_BLOCK_CODE: code_ = true; break;
      case MD_BLOCK_HTML: html_ = true; break;
      case MD_BLOCK_THEAD: in_head_ = true; break;
      case MD_BLOCK_TBODY: in_head_ = false; break;
      case MD_BLOCK_TR: row_.clear(); break;
      case MD_BLOCK_TH:
      case MD_BLOCK_TD: text_.clear(); break;
      default: break;
    }
    return 0;
  }

  int leave(MD_BLOCKTYPE type, void* detail) {
    switch (type) {
      case MD_BLOCK_H: {
        const auto level =
            static_cast<std::uint8_t>(static_cast<MD_BLOCK_H_DETAIL*>(detail)->level);
        out_.add({.kind = BlockKind::heading, .level = level}, text_);
        text_.clear();
        break;
      }
      case MD_BLOCK_CODE:
        out_.add_verbatim({.kind = BlockKind::code, .level = depth()}, text_);
        text_.clear();
        code_ = false;
        item_begins_ = false;
        break;
      case MD_BLOCK_HTML:
        html_ = false;
        // A fragment that cannot be read (nested too deeply) is no loss to the rest.
        static_cast<void>(parse_html_fragment(text_, out_));
        text_.clear();
        break;
      case MD_BLOCK_TH:
      case MD_BLOCK_TD:
        if (!row_.empty()) row_ += " | ";
        row_ += text_.empty() ? " " : text_;
        text_.clear();
        break;
      case MD_BLOCK_TR:
        out_.add(
            {.kind = in_head_ ? BlockKind::table_header : BlockKind::table_row, .level = depth()},
            row_);
        row_.clear();
        break;
      case MD_BLOCK_LI:
        flush();
        item_begins_ = false;
        break;
      case MD_BLOCK_QUOTE:
        flush();
        --quote_depth_;
        break;
      case MD_BLOCK_UL:
      case MD_BLOCK_OL:
        flush();
        lists_.pop_back();
        break;
      default: flush(); break;
    }
    return 0;
  }

  int add_text(MD_TEXTTYPE type, std::string_view text) {
    switch (type) {
      case MD_TEXT_NULLCHAR: break;
      case MD_TEXT_BR: text_ += '\v'; break;
      case MD_TEXT_SOFTBR: text_ += ' '; break;
      case MD_TEXT_ENTITY: append_entity(text_, text); break;
      case MD_TEXT_HTML:
        if (html_) {
          text_ += text;
        } else if (text.starts_with("<br")) {
          text_ += '\v';
        }
        break;
      case MD_TEXT_NORMAL:
      case MD_TEXT_CODE:
      case MD_TEXT_LATEXMATH: text_ += text; break;
    }
    return 0;
  }

  [[nodiscard]] std::uint8_t depth() const {
    // What is in a list item besides its first line lies a level deeper than that line.
    return static_cast<std::uint8_t>(std::min<std::size_t>(15, lists_.size()));
  }

  void flush() {
    if (text_.empty() || code_ || html_) return;
    DocumentWriter::Place place{.level = depth()};
    std::string marker;
    if (item_begins_ && !lists_.empty()) {
      place.kind = BlockKind::list_item;
      place.level = static_cast<std::uint8_t>(place.level - 1);
      marker.assign(2 * (lists_.size() - 1), ' ');
      marker += lists_.back().ordered ? std::to_string(lists_.back().next_number++) + ". " : "- ";
      item_begins_ = false;
    } else if (quote_depth_ > 0) {
      place.kind = BlockKind::quote;
    }
    place.marker = marker;
    out_.add(place, text_);
    text_.clear();
  }

  DocumentWriter& out_;
  std::string text_;
  std::string row_;
  std::vector<List> lists_;
  std::size_t quote_depth_ = 0;
  bool item_begins_ = false;
  bool code_ = false;
  bool html_ = false;
  bool in_head_ = false;
};

/// The YAML block between "---" lines at the start; only its title is used.
std::string_view without_front_matter(std::string_view text, DocumentWriter& out) {
  if (!text.starts_with("---\n")) return text;
  const auto end = text.find("\n---\n", 3);
  if (end == std::string_view::npos || end > 64 * 1024) return text;
  std::string_view matter = text.substr(4, end - 3);
  while (!matter.empty()) {
    const auto stop = std::min(matter.find('\n'), matter.size());
    std::string_view line = matter.substr(0, stop);
    matter.remove_prefix(std::min(stop + 1, matter.size()));
    if (!line.starts_with("title:")) continue;
    line.remove_prefix(6);
    while (line.starts_with(' ')) line.remove_prefix(1);
    if (line.size() >= 2 && (line.front() == '"' || line.front() == '\'') &&
        line.back() == line.front()) {
      line = line.substr(1, line.size() - 2);
    }
    out.set_title(line);
  }
  return text.substr(end + 5);
}

}  // namespace

Result<void> parse_markdown(std::string_view text, DocumentWriter& out) {
  return MarkdownReader(out).read(without_front_matter(text, out));
}

}  // namespace opaline::services::dataprep
