// A page is parsed into a tree and walked once, without recursion, in document order. Inline text
// gathers in `inline_` until a block element begins or ends; then it becomes a block of the kind
// that the elements around it say:
//
//   li → list_item      dt → term        dd → its term's level + 1      pre → code (verbatim)
//   tr → table_row      caption, rows of th → table_header             blockquote → quote
#include <gumbo.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "base/limits.hpp"
#include "services/dataprep/formats.hpp"

namespace opaline::services::dataprep {
namespace {

using base::ErrorCode;
using base::Result;

/// Elements nested deeper than this are refused before a tree is made: the tree's cost grows with
/// the square of it.
constexpr std::size_t kDepth = 20'000;

/// Memory for one tree. It is given back at once and as a whole: Gumbo's own release recurses as
/// deep as the page nests.
class Arena {
 public:
  void* allocate(std::size_t size) {
    size = (size + 15) / 16 * 16;
    if (size > left_) {
      const std::size_t block = std::max<std::size_t>(size, std::size_t{256} << 10);
      blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(block));
      next_ = blocks_.back().get();
      left_ = block;
    }
    std::byte* result = next_;
    next_ += size;
    left_ -= size;
    return result;
  }

 private:
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::byte* next_ = nullptr;
  std::size_t left_ = 0;
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equals_lower(std::string_view text, std::string_view lower_case) {
  return std::ranges::equal(text, lower_case, {}, lower);
}

std::string_view attribute(const GumboNode& node, const char* name) {
  const GumboAttribute* found = gumbo_get_attribute(&node.v.element.attributes, name);
  return found == nullptr ? std::string_view() : std::string_view(found->value);
}

bool has_attribute(const GumboNode& node, const char* name) {
  return gumbo_get_attribute(&node.v.element.attributes, name) != nullptr;
}

/// Whether one of the words of the element's class is one of `names`.
template <std::size_t N>
bool has_class(const GumboNode& node, const std::array<std::string_view, N>& names) {
  std::string_view classes = attribute(node, "class");
  while (!classes.empty()) {
    const auto end = std::min(classes.find_first_of(" \t\n"), classes.size());
    const std::string_view one = classes.substr(0, end);
    classes.remove_prefix(std::min(end + 1, classes.size()));
    if (std::ranges::any_of(names, [&](std::string_view name) { return equals_lower(one, name); }))
      return true;
  }
  return false;
}

constexpr std::array<std::string_view, 20> kChromeClasses = {
    "navheader",   "navfooter",       "navbar",        "nav",           "navigation",
    "toc",         "toctree-wrapper", "breadcrumb",    "breadcrumbs",   "pagination",
    "menu",        "sidebar",         "sphinxsidebar", "related",       "headerlink",
    "site-header", "site-footer",     "skip-link",     "cookie-banner", "mw-editsection"};
constexpr std::array<std::string_view, 9> kNoteClasses = {"note",         "tip",       "warning",
                                                          "caution",      "important", "admonition",
                                                          "informalnote", "danger",    "hint"};
constexpr std::array<std::string_view, 1> kCaptionClasses = {"title"};
constexpr std::array<std::string_view, 3> kTableClasses = {"table", "informaltable",
                                                           "table-wrapper"};

bool is_hidden(const GumboNode& node) {
  if (has_attribute(node, "hidden")) return true;
  std::string style(attribute(node, "style"));
  if (style.empty()) return false;
  std::erase_if(style, [](char c) { return c == ' ' || c == '\t' || c == '\n'; });
  std::ranges::transform(style, style.begin(), lower);
  return style.contains("display:none") || style.contains("visibility:hidden");
}

/// Elements whose content is never part of the text.
bool is_silent(GumboTag tag) {
  switch (tag) {
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_STYLE:
    case GUMBO_TAG_NOSCRIPT:
    case GUMBO_TAG_TEMPLATE:
    case GUMBO_TAG_HEAD:
    case GUMBO_TAG_SVG:
    case GUMBO_TAG_IFRAME:
    case GUMBO_TAG_OBJECT:
    case GUMBO_TAG_EMBED:
    case GUMBO_TAG_CANVAS:
    case GUMBO_TAG_AUDIO:
    case GUMBO_TAG_VIDEO:
    case GUMBO_TAG_SELECT:
    case GUMBO_TAG_BUTTON:
    case GUMBO_TAG_INPUT:
    case GUMBO_TAG_TEXTAREA:
    case GUMBO_TAG_FRAMESET:
    case GUMBO_TAG_NOFRAMES:
    case GUMBO_TAG_TITLE: return true;
    default: return false;  // Gumbo's tags, of which there are 250.
  }
}

bool is_inline(GumboTag tag) {
  switch (tag) {
    case GUMBO_TAG_A:
    case GUMBO_TAG_ABBR:
    case GUMBO_TAG_ACRONYM:
    case GUMBO_TAG_B:
    case GUMBO_TAG_BDI:
    case GUMBO_TAG_BDO:
    case GUMBO_TAG_BIG:
    case GUMBO_TAG_CITE:
    case GUMBO_TAG_CODE:
    case GUMBO_TAG_DATA:
    case GUMBO_TAG_DEL:
    case GUMBO_TAG_DFN:
    case GUMBO_TAG_EM:
    case GUMBO_TAG_FONT:
    case GUMBO_TAG_I:
    case GUMBO_TAG_IMG:
    case GUMBO_TAG_INS:
    case GUMBO_TAG_KBD:
    case GUMBO_TAG_LABEL:
    case GUMBO_TAG_MARK:
    case GUMBO_TAG_NOBR:
    case GUMBO_TAG_Q:
    case GUMBO_TAG_RUBY:
    case GUMBO_TAG_RB:
    case GUMBO_TAG_RP:
    case GUMBO_TAG_RT:
    case GUMBO_TAG_S:
    case GUMBO_TAG_SAMP:
    case GUMBO_TAG_SMALL:
    case GUMBO_TAG_SPAN:
    case GUMBO_TAG_STRIKE:
    case GUMBO_TAG_STRONG:
    case GUMBO_TAG_SUB:
    case GUMBO_TAG_SUP:
    case GUMBO_TAG_TIME:
    case GUMBO_TAG_TT:
    case GUMBO_TAG_U:
    case GUMBO_TAG_VAR:
    case GUMBO_TAG_WBR:
    case GUMBO_TAG_UNKNOWN:
    case GUMBO_TAG_BR:
    case GUMBO_TAG_MATH:
    case GUMBO_TAG_MI:
    case GUMBO_TAG_MO:
    case GUMBO_TAG_MN:
    case GUMBO_TAG_MS:
    case GUMBO_TAG_MTEXT: return true;
    default: return false;
  }
}

int heading_level(GumboTag tag) {
  switch (tag) {
    case GUMBO_TAG_H1: return 1;
    case GUMBO_TAG_H2: return 2;
    case GUMBO_TAG_H3: return 3;
    case GUMBO_TAG_H4: return 4;
    case GUMBO_TAG_H5: return 5;
    case GUMBO_TAG_H6: return 6;
    default: return 0;
  }
}

class PageReader {
 public:
  enum class Chrome { drop, keep };
  PageReader(DocumentWriter& out, Chrome chrome) : out_(out), chrome_(chrome) {}

  void read(const GumboNode& root) {
    const GumboNode* node = &root;
    for (;;) {
      const GumboVector* children = enter(*node) ? &node->v.element.children : nullptr;
      if (children != nullptr && children->length > 0) {
        node = static_cast<const GumboNode*>(children->data[0]);
        continue;
      }
      // Up again until there is a next sibling. An element that was not entered is not left either.
      if (children != nullptr) leave(*node);
      for (;;) {
        if (node == &root) {
          flush();
          return;
        }
        const GumboNode* parent = node->parent;
        const GumboVector& siblings = parent->v.element.children;
        const std::size_t next = node->index_within_parent + 1;
        if (next < siblings.length) {
          node = static_cast<const GumboNode*>(siblings.data[next]);
          break;
        }
        node = parent;
        leave(*node);
      }
    }
  }

 private:
  struct List {
    bool ordered = false;
    bool definitions = false;
    int next_number = 1;
  };
  enum class Table { of_rows, layout };

  /// @return whether the children are to be visited, and leave() called after them.
  bool enter(const GumboNode& node) {
    switch (node.type) {
      case GUMBO_NODE_TEXT:
      case GUMBO_NODE_CDATA:
      case GUMBO_NODE_WHITESPACE: inline_ += node.v.text.text; return false;
      case GUMBO_NODE_COMMENT: return false;
      case GUMBO_NODE_DOCUMENT: return true;
      case GUMBO_NODE_ELEMENT:
      case GUMBO_NODE_TEMPLATE: break;
    }
    const GumboTag tag = node.v.element.tag;
    if (is_silent(tag) || is_hidden(node) || is_chrome(node, tag)) return false;
    if (tag == GUMBO_TAG_BR) {
      inline_ += pre_depth_ > 0 ? '\n' : '\v';
      return false;
    }
    if (tag == GUMBO_TAG_IMG) {
      if (const auto alt = attribute(node, "alt"); !alt.empty())
        inline_.append(" ").append(alt).append(" ");
      return false;
    }
    if (is_inline(tag)) return true;
    return enter_block(node, tag);
  }

  bool enter_block(const GumboNode& node, GumboTag tag) {
    if (cell_depth_ > 0) {
      // What is in a cell stays in its row.
      inline_ +=
          tag == GUMBO_TAG_TR || tag == GUMBO_TAG_LI || tag == GUMBO_TAG_DT || tag == GUMBO_TAG_P
              ? '\v'
              : ' ';
      if (tag == GUMBO_TAG_TABLE) ++cell_tables_;
      if (tag == GUMBO_TAG_PRE) ++pre_depth_;
      return true;
    }
    flush();
    switch (tag) {
      case GUMBO_TAG_UL:
      case GUMBO_TAG_OL:
      case GUMBO_TAG_MENU: lists_.push_back({.ordered = tag == GUMBO_TAG_OL}); break;
      case GUMBO_TAG_DL: lists_.push_back({.definitions = true}); break;
      case GUMBO_TAG_LI: item_begins_ = true; break;
      case GUMBO_TAG_DD: ++definition_depth_; break;
      case GUMBO_TAG_PRE: ++pre_depth_; break;
      case GUMBO_TAG_BLOCKQUOTE: ++quote_depth_; break;
      case GUMBO_TAG_TABLE:
        tables_.push_back(is_layout(node) ? Table::layout : Table::of_rows);
        break;
      case GUMBO_TAG_TR:
        row_.clear();
        row_headers_ = 0;
        break;
      case GUMBO_TAG_TD:
      case GUMBO_TAG_TH:
        if (!tables_.empty() && tables_.back() == Table::of_rows) ++cell_depth_;
        break;
      default: break;
    }
    if (has_class(node, kNoteClasses)) ++note_depth_;
    return true;
  }

  void leave(const GumboNode& node) {
    if (node.type != GUMBO_NODE_ELEMENT) return;
    const GumboTag tag = node.v.element.tag;
    if (is_inline(tag)) return;
    if (cell_depth_ > 0) {
      if (tag == GUMBO_TAG_PRE) --pre_depth_;
      if (cell_tables_ > 0) {
        if (tag == GUMBO_TAG_TABLE) --cell_tables_;
        inline_ += ' ';
        return;
      }
      if (tag != GUMBO_TAG_TD && tag != GUMBO_TAG_TH) {
        inline_ += ' ';
        return;
      }
      --cell_depth_;
      if (tag == GUMBO_TAG_TH) ++row_headers_;
      row_.push_back(std::move(inline_));
      inline_.clear();
      if (has_class(node, kNoteClasses)) --note_depth_;
      return;
    }
    if (const int level = heading_level(tag)) {
      flush_heading(level);
      return;
    }
    switch (tag) {
      case GUMBO_TAG_TR: end_row(); break;
      case GUMBO_TAG_DT: flush_as({.kind = BlockKind::term, .level = depth()}); break;
      case GUMBO_TAG_CAPTION: flush_as({.kind = BlockKind::table_header, .level = depth()}); break;
      case GUMBO_TAG_P:
        if (is_caption(node)) flush_as({.kind = BlockKind::table_header, .level = depth()});
        break;
      default: break;
    }
    flush();
    switch (tag) {
      case GUMBO_TAG_UL:
      case GUMBO_TAG_OL:
      case GUMBO_TAG_MENU:
      case GUMBO_TAG_DL:
        if (!lists_.empty()) lists_.pop_back();
        break;
      case GUMBO_TAG_LI: item_begins_ = false; break;
      case GUMBO_TAG_DD: --definition_depth_; break;
      case GUMBO_TAG_PRE: --pre_depth_; break;
      case GUMBO_TAG_BLOCKQUOTE: --quote_depth_; break;
      case GUMBO_TAG_TABLE:
        if (!tables_.empty()) tables_.pop_back();
        break;
      default: break;
    }
    if (has_class(node, kNoteClasses)) --note_depth_;
  }

  bool is_chrome(const GumboNode& node, GumboTag tag) const {
    if (chrome_ == Chrome::keep) return false;
    if (tag == GUMBO_TAG_NAV || tag == GUMBO_TAG_FOOTER) return true;
    if (tag == GUMBO_TAG_HEADER) {
      // The header of an article is its title; that of the page is decoration.
      for (const GumboNode* up = node.parent; up != nullptr; up = up->parent) {
        if (up->type != GUMBO_NODE_ELEMENT) break;
        const GumboTag above = up->v.element.tag;
        if (above == GUMBO_TAG_ARTICLE || above == GUMBO_TAG_MAIN || above == GUMBO_TAG_SECTION)
          return false;
      }
      return true;
    }
    if (attribute(node, "role") == "navigation") return true;
    return !is_inline(tag) || tag == GUMBO_TAG_A || tag == GUMBO_TAG_SPAN
               ? has_class(node, kChromeClasses)
               : false;
  }

  /// Whether a table only places things on the page: it holds another table or headings.
  static bool is_layout(const GumboNode& table) {
    if (attribute(table, "role") == "presentation") return true;
    const GumboNode* node = &table;
    for (;;) {
      if (node->type == GUMBO_NODE_ELEMENT) {
        const GumboTag tag = node->v.element.tag;
        if (node != &table && (tag == GUMBO_TAG_TABLE || heading_level(tag) > 0)) return true;
        if (tag == GUMBO_TAG_CAPTION || tag == GUMBO_TAG_TH) return false;
        if (node->v.element.children.length > 0) {
          node = static_cast<const GumboNode*>(node->v.element.children.data[0]);
          continue;
        }
      }
      while (node != &table &&
             node->index_within_parent + 1 >= node->parent->v.element.children.length) {
        node = node->parent;
      }
      if (node == &table) return false;
      node = static_cast<const GumboNode*>(
          node->parent->v.element.children.data[node->index_within_parent + 1]);
    }
  }

  /// DocBook puts a table's caption into a paragraph before it.
  static bool is_caption(const GumboNode& node) {
    return has_class(node, kCaptionClasses) && node.parent != nullptr &&
           node.parent->type == GUMBO_NODE_ELEMENT && has_class(*node.parent, kTableClasses);
  }

  /// Bulleted and numbered lists around this place.
  [[nodiscard]] std::size_t item_lists() const {
    return static_cast<std::size_t>(std::ranges::count(lists_, false, &List::definitions));
  }

  [[nodiscard]] std::uint8_t depth() const {
    // What is in a list item besides its first line lies a level deeper than that line.
    return static_cast<std::uint8_t>(std::min<std::size_t>(15, item_lists() + definition_depth_));
  }

  void flush_as(const DocumentWriter::Place& place) {
    out_.add(place, inline_);
    inline_.clear();
  }

  void flush_heading(int level) {
    if (note_depth_ > 0) {
      // "Note" above a remark is no section: what follows the remark does not belong to it.
      if (inline_.find_first_not_of(" \t\n\v\f\r") != std::string::npos) {
        while (std::string_view(" \t\n\v\f\r:").contains(inline_.back())) inline_.pop_back();
        inline_ += ':';
      }
      flush_as({.kind = BlockKind::paragraph, .level = depth()});
      return;
    }
    flush_as({.kind = BlockKind::heading, .level = static_cast<std::uint8_t>(level)});
  }

  void flush() {
    if (inline_.empty()) return;
    if (pre_depth_ > 0) {
      // The first line feed after <pre> is no part of it; the parser has removed it.
      out_.add_verbatim({.kind = BlockKind::code, .level = depth()}, inline_);
      inline_.clear();
      item_begins_ = false;
      return;
    }
    if (inline_.find_first_not_of(" \t\n\v\f\r") == std::string::npos) {
      inline_.clear();
      return;
    }
    DocumentWriter::Place place{.level = depth()};
    std::string marker;
    if (!lists_.empty() && !lists_.back().definitions && item_begins_) {
      place.kind = BlockKind::list_item;
      place.level = static_cast<std::uint8_t>(place.level - 1);
      marker.assign(2 * (item_lists() - 1), ' ');
      marker += lists_.back().ordered ? std::to_string(lists_.back().next_number++) + ". " : "- ";
      item_begins_ = false;
    } else if (quote_depth_ > 0) {
      place.kind = BlockKind::quote;
    }
    place.marker = marker;
    flush_as(place);
  }

  void end_row() {
    flush();
    std::string text;
    bool filled = false;
    for (std::size_t i = 0; i < row_.size(); ++i) {
      if (i > 0) text += " | ";
      std::string cell = std::move(row_[i]);
      const auto first = cell.find_first_not_of(" \t\n\v\f\r");
      if (first == std::string::npos) continue;
      filled = true;
      cell.erase(cell.find_last_not_of(" \t\n\v\f\r") + 1);
      cell.erase(0, first);
      // Lines within a cell are kept only when the row has one.
      if (row_.size() > 1) std::ranges::replace(cell, '\v', ' ');
      text += cell;
    }
    const bool header = row_headers_ > 0 && row_headers_ == row_.size();
    row_.clear();
    row_headers_ = 0;
    if (!filled) return;
    out_.add({.kind = header ? BlockKind::table_header : BlockKind::table_row, .level = depth()},
             text);
  }

  DocumentWriter& out_;
  Chrome chrome_;
  std::string inline_;
  std::vector<List> lists_;
  std::vector<Table> tables_;
  std::vector<std::string> row_;
  std::size_t row_headers_ = 0;
  std::size_t definition_depth_ = 0;
  std::size_t pre_depth_ = 0;
  std::size_t quote_depth_ = 0;
  std::size_t note_depth_ = 0;
  std::size_t cell_depth_ = 0;
  std::size_t cell_tables_ = 0;
  bool item_begins_ = false;
};

/// How deep tags nest at most, roughly: elements that never close count too, void ones do not
/// matter.
std::size_t nesting(std::string_view text) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  for (std::size_t at = text.find('<'); at != std::string_view::npos && at + 1 < text.size();
       at = text.find('<', at + 1)) {
    const char next = text[at + 1];
    if (next == '/') {
      if (depth > 0) --depth;
    } else if ((lower(next) >= 'a' && lower(next) <= 'z')) {
      const std::string_view name = text.substr(at + 1, 4);
      const bool unclosed =
          equals_lower(name.substr(0, 2), "br") || equals_lower(name.substr(0, 2), "hr") ||
          equals_lower(name.substr(0, 2), "li") || equals_lower(name.substr(0, 2), "td") ||
          equals_lower(name.substr(0, 2), "tr") || equals_lower(name.substr(0, 2), "th") ||
          equals_lower(name.substr(0, 2), "dt") || equals_lower(name.substr(0, 2), "dd") ||
          equals_lower(name.substr(0, 3), "img") || equals_lower(name, "meta") ||
          equals_lower(name, "link") || equals_lower(name.substr(0, 2), "p>");
      if (!unclosed) deepest = std::max(deepest, ++depth);
    }
  }
  return deepest;
}

const GumboNode* child(const GumboNode& node, GumboTag tag) {
  const GumboVector& children = node.v.element.children;
  for (unsigned i = 0; i < children.length; ++i) {
    const auto* one = static_cast<const GumboNode*>(children.data[i]);
    if (one->type == GUMBO_NODE_ELEMENT && one->v.element.tag == tag) return one;
  }
  return nullptr;
}

std::string page_title(const GumboNode& html) {
  const GumboNode* head = child(html, GUMBO_TAG_HEAD);
  const GumboNode* title = head == nullptr ? nullptr : child(*head, GUMBO_TAG_TITLE);
  if (title == nullptr) return {};
  std::string text;
  const GumboVector& children = title->v.element.children;
  for (unsigned i = 0; i < children.length; ++i) {
    const auto* one = static_cast<const GumboNode*>(children.data[i]);
    if (one->type == GUMBO_NODE_TEXT || one->type == GUMBO_NODE_WHITESPACE)
      text += one->v.text.text;
  }
  return text;
}

Result<void> read_page(std::string_view text, GumboTag context, DocumentWriter& out) {
  if (nesting(text) > kDepth) {
    return base::fail(ErrorCode::invalid_argument,
                      "nests elements more than " + std::to_string(kDepth) + " deep");
  }
  Arena arena;
  GumboOptions options = kGumboDefaultOptions;
  options.allocator = [](void* owner, std::size_t size) {
    return static_cast<Arena*>(owner)->allocate(size);
  };
  options.deallocator = [](void*, void*) {};
  options.userdata = &arena;
  options.max_errors = 0;
  options.fragment_context = context;
  const GumboOutput* page = gumbo_parse_with_options(&options, text.data(), text.size());
  if (context == GUMBO_TAG_LAST) out.set_title(page_title(*page->root));
  PageReader(out, PageReader::Chrome::drop).read(*page->root);
  if (out.empty()) PageReader(out, PageReader::Chrome::keep).read(*page->root);
  return {};
}

}  // namespace

Result<void> parse_html(std::string_view text, DocumentWriter& out) {
  return read_page(text, GUMBO_TAG_LAST, out);
}

Result<void> parse_html_fragment(std::string_view text, DocumentWriter& out) {
  return read_page(text, GUMBO_TAG_BODY, out);
}

std::string declared_charset(std::string_view bytes) {
  std::string start(bytes.substr(0, 4096));
  std::ranges::transform(start, start.begin(), lower);
  if (!start.contains("<meta") && !start.starts_with("<?xml")) return {};
  for (const std::string_view key : {"charset=", "encoding="}) {
    const auto at = start.find(key);
    if (at == std::string::npos) continue;
    std::string_view value = std::string_view(start).substr(at + key.size());
    while (value.starts_with('"') || value.starts_with('\'') || value.starts_with(' '))
      value.remove_prefix(1);
    const auto end = value.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_:");
    return std::string(value.substr(0, end));
  }
  return {};
}

}  // namespace opaline::services::dataprep
