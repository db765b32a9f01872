// A .docx file is a ZIP archive of XML parts (ECMA-376). Read are the body, the names of its
// styles, its numbering, its notes and its title. Nothing is unpacked to disk, no link in it is
// followed, and XML entities beyond the five are not expanded.
#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <memory>
#include <pugixml.hpp>
#include <span>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "services/dataprep/formats.hpp"

namespace opaline::services::dataprep {
namespace {

using base::ErrorCode;
using base::Result;

constexpr std::size_t kEntries = 10'000;
/// An archive that unpacks to more than this many times its size is a bomb, once it is large at
/// all.
constexpr std::size_t kRatio = 150;
constexpr std::size_t kRatioFrom = std::size_t{16} << 20;
constexpr std::size_t kXmlDepth = 256;

struct CloseArchive {
  void operator()(archive* one) const { archive_read_free(one); }
};

using Parts = std::map<std::string, std::string, std::less<>>;

struct Contents {
  Parts parts;  ///< The ones we read.
  bool word = false;
  bool excel = false;
  bool powerpoint = false;
  bool open_document = false;
  bool epub = false;
  bool encrypted = false;
};

bool wanted(std::string_view name) {
  constexpr std::array<std::string_view, 6> kNames = {"word/document.xml",  "word/styles.xml",
                                                      "word/numbering.xml", "word/footnotes.xml",
                                                      "word/endnotes.xml",  "docProps/core.xml"};
  return std::ranges::find(kNames, name) != kNames.end();
}

Result<Contents> unpack(std::string_view bytes) {
  const std::unique_ptr<archive, CloseArchive> zip(archive_read_new());
  archive_read_support_format_zip(zip.get());
  if (archive_read_open_memory(zip.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) {
    return base::fail(ErrorCode::invalid_argument, "is a damaged ZIP archive");
  }
  Contents contents;
  std::size_t entries = 0;
  std::size_t unpacked = 0;
  std::array<char, 64 * 1024> buffer;
  for (;;) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(zip.get(), &entry);
    if (status == ARCHIVE_EOF) return contents;
    if (status < ARCHIVE_WARN) {
      if (!contents.parts.empty()) return contents;
      return base::fail(ErrorCode::invalid_argument, "is a damaged ZIP archive");
    }
    if (++entries > kEntries) {
      return base::fail(ErrorCode::invalid_argument,
                        fmt::format("is an archive of more than {} files", kEntries));
    }
    const char* path = archive_entry_pathname(entry);
    const std::string name = path == nullptr ? "" : path;
    contents.word |= name == "word/document.xml";
    contents.excel |= name == "xl/workbook.xml";
    contents.powerpoint |= name == "ppt/presentation.xml";
    contents.epub |= name == "META-INF/container.xml";
    contents.open_document |= name == "content.xml";
    contents.encrypted |= archive_entry_is_encrypted(entry) != 0;
    if (!wanted(name) || contents.parts.contains(name)) continue;
    if (archive_entry_is_encrypted(entry) != 0)
      return base::fail(ErrorCode::invalid_argument, "is password-protected");
    std::string part;
    for (;;) {
      const la_ssize_t count = archive_read_data(zip.get(), buffer.data(), buffer.size());
      if (count == 0) break;
      if (count < 0) return base::fail(ErrorCode::invalid_argument, "has a damaged part: " + name);
      part.append(buffer.data(), static_cast<std::size_t>(count));
      unpacked += static_cast<std::size_t>(count);
      if (unpacked > limits::kArchiveBytes ||
          (unpacked > kRatioFrom && unpacked / kRatio > bytes.size())) {
        return base::fail(ErrorCode::invalid_argument,
                          fmt::format("unpacks to more than {} (a ZIP bomb?)",
                                      unpacked > limits::kArchiveBytes
                                          ? fmt::format("{} MiB", limits::kArchiveBytes >> 20)
                                          : fmt::format("{} times its size", kRatio)));
      }
    }
    contents.parts.emplace(name, std::move(part));
  }
}

Result<void> require_word(const Contents& contents) {
  if (contents.word) return {};
  const std::string_view what = contents.excel        ? "an Excel workbook; save it as CSV"
                                : contents.powerpoint ? "a PowerPoint presentation; save it as PDF"
                                : contents.epub       ? "an EPUB book or Java archive"
                                : contents.open_document
                                    ? "an OpenDocument file; save it as .docx or PDF"
                                    : "a ZIP archive; unpack it first";
  return base::fail(ErrorCode::invalid_argument,
                    fmt::format("is not a supported document (looks like {})", what));
}

std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

int number(std::string_view text, int otherwise) {
  int value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// A switch like <w:b/>, which is on unless its value says otherwise.
bool switched_on(const pugi::xml_node& node) {
  const std::string_view value = node.attribute("w:val").value();
  return node && value != "0" && value != "false" && value != "none";
}

struct Style {
  std::string based_on;
  int heading = 0;  ///< 1 … 6, or 7 for the document's title.
  bool list = false;
  bool code = false;
  std::string list_id;  ///< w:numId.
};
constexpr int kTitleStyle = 7;

using Styles = std::map<std::string, Style, std::less<>>;

Styles read_styles(std::string_view xml) {
  Styles styles;
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size())) return styles;
  for (const pugi::xml_node node : document.child("w:styles").children("w:style")) {
    Style style;
    style.based_on = node.child("w:basedOn").attribute("w:val").value();
    const std::string name = lowered(node.child("w:name").attribute("w:val").value());
    if (name.starts_with("heading "))
      style.heading = std::clamp(number(std::string_view(name).substr(8), 0), 0, 6);
    if (name == "title") style.heading = kTitleStyle;
    style.list = name.starts_with("list") && name != "list paragraph";
    style.code =
        name.contains("code") || name.contains("preformatted") || name.contains("verbatim");
    const pugi::xml_node properties = node.child("w:pPr");
    if (const pugi::xml_node outline = properties.child("w:outlineLvl");
        outline && style.heading == 0) {
      const int level = number(outline.attribute("w:val").value(), 9);
      if (level < 6) style.heading = level + 1;
    }
    style.list_id = properties.child("w:numPr").child("w:numId").attribute("w:val").value();
    styles.emplace(node.attribute("w:styleId").value(), std::move(style));
  }
  return styles;
}

/// Which levels of which lists count ("1.") rather than mark ("•").
class Numbering {
 public:
  explicit Numbering(std::string_view xml) {
    pugi::xml_document document;
    if (xml.empty() || !document.load_buffer(xml.data(), xml.size())) return;
    const pugi::xml_node root = document.child("w:numbering");
    std::map<std::string, std::array<bool, 9>> kinds;
    for (const pugi::xml_node node : root.children("w:abstractNum")) {
      auto& counted = kinds[node.attribute("w:abstractNumId").value()];
      for (const pugi::xml_node level : node.children("w:lvl")) {
        const int index = number(level.attribute("w:ilvl").value(), 0);
        const std::string_view format = level.child("w:numFmt").attribute("w:val").value();
        if (index >= 0 && index < 9)
          counted[static_cast<std::size_t>(index)] = format != "bullet" && format != "none";
      }
    }
    for (const pugi::xml_node node : root.children("w:num")) {
      const auto kind = kinds.find(node.child("w:abstractNumId").attribute("w:val").value());
      if (kind != kinds.end()) lists_[node.attribute("w:numId").value()].counted = kind->second;
    }
  }

  /// What stands before the next item of this list.
  std::string marker(const std::string& list, std::size_t level) {
    List& one = lists_[list];
    level = std::min<std::size_t>(level, 8);
    std::ranges::fill(std::span(one.counts).subspan(level + 1), 0);
    const int count = ++one.counts[level];
    return std::string(2 * level, ' ') + (one.counted[level] ? std::to_string(count) + ". " : "- ");
  }

 private:
  struct List {
    std::array<bool, 9> counted{};
    std::array<int, 10> counts{};
  };
  std::map<std::string, List> lists_;
};

class BodyReader {
 public:
  BodyReader(const Styles& styles, Numbering& numbering, DocumentWriter& out)
      : styles_(styles), numbering_(numbering), out_(out) {}

  /// Paragraphs and tables among the children of `parent`.
  void read(const pugi::xml_node& parent, std::size_t depth) {
    if (depth > kXmlDepth) return;
    for (const pugi::xml_node node : parent.children()) {
      const std::string_view name = local_name(node);
      if (name == "p") {
        paragraph(node);
      } else if (name == "tbl") {
        table(node, depth + 1);
      } else if (name == "sdt") {
        read(node.child("w:sdtContent"), depth + 1);
      } else if (name == "ins" || name == "customXml" || name == "moveTo" || name == "footnote" ||
                 name == "endnote" || name == "smartTag") {
        read(node, depth + 1);
      }
    }
    if (depth == 0) flush_code();
  }

 private:
  void text_of(const pugi::xml_node& parent, std::size_t depth, std::string& text) const {
    if (depth > kXmlDepth) return;
    for (const pugi::xml_node node : parent.children()) {
      const std::string_view name = local_name(node);
      if (name == "t") {
        text += node.text().get();
      } else if (name == "tab") {
        text += '\t';
      } else if (name == "br" || name == "cr") {
        text += '\v';
      } else if (name == "noBreakHyphen") {
        text += '-';
      } else if (name == "del" || name == "moveFrom" || name == "pPr" || name == "rPr" ||
                 name == "instrText" || name == "Fallback") {
        // Deleted text, properties, field codes, and the second version of a drawing.
      } else if (name == "r" && switched_on(node.child("w:rPr").child("w:vanish"))) {
        // Hidden from readers, so hidden from models.
      } else {
        if (name == "p") text += '\v';
        text_of(node, depth + 1, text);
      }
    }
  }

  /// The style and the ones it is based on, for the first that says something.
  template <class F>
  auto inherited(std::string_view id, F property) const {
    auto value = property(Style{});
    for (int depth = 0; depth < 20 && !id.empty(); ++depth) {
      const auto found = styles_.find(id);
      if (found == styles_.end()) break;
      value = property(found->second);
      if (value != property(Style{})) break;
      id = found->second.based_on;
    }
    return value;
  }

  void paragraph(const pugi::xml_node& node) {
    std::string text;
    text_of(node, 0, text);
    const pugi::xml_node properties = node.child("w:pPr");
    const std::string_view style = properties.child("w:pStyle").attribute("w:val").value();
    if (inherited(style, [](const Style& s) { return s.code; })) {
      std::ranges::replace(text, '\v', '\n');
      code_ += text + "\n";
      return;
    }
    flush_code();

    int heading = inherited(style, [](const Style& s) { return s.heading; });
    if (const pugi::xml_node outline = properties.child("w:outlineLvl")) {
      const int level = number(outline.attribute("w:val").value(), 9);
      heading = level < 6 ? level + 1 : 0;
    }
    if (heading == kTitleStyle) {
      if (!out_.has_title()) out_.set_title(text);
      heading = 1;
    }
    if (heading > 0) {
      out_.add({.kind = BlockKind::heading, .level = static_cast<std::uint8_t>(heading)}, text);
      return;
    }

    const pugi::xml_node list = properties.child("w:numPr");
    std::string list_id = list.child("w:numId").attribute("w:val").value();
    if (list_id.empty()) list_id = inherited(style, [](const Style& s) { return s.list_id; });
    const bool item = (!list_id.empty() && list_id != "0") ||
                      (list_id.empty() && inherited(style, [](const Style& s) { return s.list; }));
    if (item && text.find_first_not_of(" \t\v\n") != std::string::npos) {
      const auto level = static_cast<std::size_t>(
          std::clamp(number(list.child("w:ilvl").attribute("w:val").value(), 0), 0, 8));
      const std::string marker = numbering_.marker(list_id, level);
      out_.add({.kind = BlockKind::list_item,
                .level = static_cast<std::uint8_t>(level),
                .marker = marker},
               text);
      return;
    }
    out_.add({}, text);
  }

  void table(const pugi::xml_node& node, std::size_t depth) {
    flush_code();
    bool first = true;
    for (const pugi::xml_node row : node.children("w:tr")) {
      std::string line;
      std::size_t cells = 0;
      for (const pugi::xml_node cell : row.children("w:tc")) {
        std::string text;
        text_of(cell, depth, text);
        std::ranges::replace(text, '\v', ' ');
        if (cells++ > 0) line += " | ";
        line += one_line(text, std::string::npos / 2);
      }
      const bool header = switched_on(row.child("w:trPr").child("w:tblHeader")) ||
                          (first && cells > 1 && node.child("w:tr").next_sibling("w:tr"));
      first = false;
      if (line.find_first_not_of(" |") == std::string::npos) continue;
      out_.add({.kind = header ? BlockKind::table_header : BlockKind::table_row}, line);
    }
  }

  void flush_code() {
    if (code_.empty()) return;
    out_.add_verbatim({.kind = BlockKind::code}, code_);
    code_.clear();
  }

  const Styles& styles_;
  Numbering& numbering_;
  DocumentWriter& out_;
  std::string code_;
};

/// XML need not be UTF-8 when it says so; a text of ours must be.
bool load(pugi::xml_document& document, const Parts& parts, std::string_view name) {
  const auto part = parts.find(name);
  if (part == parts.end()) return false;
  const pugi::xml_parse_result result = document.load_buffer(
      part->second.data(), part->second.size(), pugi::parse_default | pugi::parse_ws_pcdata);
  return result || document.first_child();
}

}  // namespace

Result<void> parse_docx(std::string_view bytes, DocumentWriter& out) {
  OPALINE_TRY(Contents contents, unpack(bytes));
  OPALINE_TRY_DO(require_word(contents));
  for (auto& [name, part] : contents.parts) {
    if (!base::is_utf8(part) && !part.starts_with("\xFF\xFE") && !part.starts_with("\xFE\xFF"))
      part = base::to_utf8(part);
  }
  pugi::xml_document document;
  if (pugi::xml_document core; load(core, contents.parts, "docProps/core.xml")) {
    out.set_title(core.first_child().child("dc:title").text().get());
  }
  if (!load(document, contents.parts, "word/document.xml")) {
    return base::fail(ErrorCode::invalid_argument, "is a Word document whose text is damaged");
  }
  const Styles styles = read_styles(contents.parts["word/styles.xml"]);
  Numbering numbering(contents.parts["word/numbering.xml"]);
  BodyReader body(styles, numbering, out);
  body.read(document.child("w:document").child("w:body"), 0);
  for (const std::string_view notes : {"word/footnotes.xml", "word/endnotes.xml"}) {
    if (pugi::xml_document part; load(part, contents.parts, notes))
      body.read(part.first_child(), 0);
  }
  return {};
}

}  // namespace opaline::services::dataprep
