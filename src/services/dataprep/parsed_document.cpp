#include "services/dataprep/parsed_document.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace opaline::services::dataprep {
namespace {

constexpr std::size_t kTitleBytes = 300;
constexpr std::size_t kWarnings = 20;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// How a character that is not plain ASCII text is treated.
enum class Treatment { keep, space, drop };

/// The code point of the well-formed sequence of `length` bytes at the start of `text`.
std::uint32_t code_point(std::string_view text, std::size_t length) {
  constexpr unsigned char kMask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  std::uint32_t value = static_cast<unsigned char>(text[0]) & kMask[length];
  for (std::size_t i = 1; i < length; ++i) {
    value = value << 6 | (static_cast<unsigned char>(text[i]) & 0x3F);
  }
  return value;
}

/// Characters that a reader cannot see but a model can would let a document say other things than
/// it shows: zero width (joiners excepted, scripts need them), direction overrides, tags, controls.
Treatment treatment(std::uint32_t c) {
  if (c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
      c == 0x202F || c == 0x205F || c == 0x3000 || c == 0x85) {
    return Treatment::space;
  }
  if ((c < 0x20 && !(c >= '\t' && c <= '\r')) || (c >= 0x7F && c < 0xA0) || c == 0xAD ||
      c == 0x200B || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
      (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
      (c >= 0xE0000 && c <= 0xE0FFF)) {
    return Treatment::drop;
  }
  return Treatment::keep;
}

struct Character {
  std::size_t length = 1;
  Treatment treatment = Treatment::keep;
  bool counted =
      false;  ///< Dropped, and worth a warning: soft hyphens and byte order marks are harmless.
};

Character next_character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first >= 0x20 && first < 0x7F) return {};
  const std::size_t length = base::utf8_sequence(text);
  if (length == 0) return {1, Treatment::drop, true};
  const std::uint32_t c = code_point(text, length);
  const Treatment what = treatment(c);
  return {length, what, what == Treatment::drop && c != 0xAD && c != 0xFEFF && c != 0x200B};
}

/// Length of the plain characters at the start of `text`: most of most documents, taken in one go.
std::size_t plain_run(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end && *at > ' ' && *at < 0x7F) ++at;
  return static_cast<std::size_t>(at - text.data());
}

bool continues_code_point(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

std::string_view separator(const ParsedDocument& document, const Block& next) {
  if (document.blocks.empty()) return "";
  const Block& last = document.blocks.back();
  const auto tabular = [](BlockKind kind) {
    return kind == BlockKind::table_row || kind == BlockKind::table_header;
  };
  if (tabular(last.kind) && next.kind == BlockKind::table_row) return "\n";
  if (last.kind == BlockKind::list_item && next.kind == BlockKind::list_item) return "\n";
  if (last.kind == BlockKind::term && next.level > last.level) return "\n";
  return "\n\n";
}

}  // namespace

std::string one_line(std::string_view text, std::size_t bytes_max) {
  std::string line;
  for (std::size_t at = 0; at < text.size();) {
    const Character c = next_character(text.substr(at));
    if (c.treatment == Treatment::space || is_space(text[at])) {
      if (!line.empty() && line.back() != ' ') line += ' ';
    } else if (c.treatment == Treatment::keep) {
      if (line.size() + c.length > bytes_max) {
        while (!line.empty() && line.back() == ' ') line.pop_back();
        return line + "…";
      }
      line += text.substr(at, c.length);
    }
    at += c.length;
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string broken_invariant(const ParsedDocument& document) {
  const std::string_view text = document.text;
  if (!base::is_utf8(text)) return "the text is not UTF-8";
  if (text.contains('\r')) return "the text has carriage returns";
  std::uint64_t covered = 0;
  const auto blank = [&](std::uint64_t begin, std::uint64_t end) {
    return std::ranges::all_of(text.substr(begin, end - begin), is_space);
  };
  for (const Block& block : document.blocks) {
    if (block.begin < covered || block.end <= block.begin || block.end > text.size())
      return "a block is out of order";
    if (continues_code_point(text, block.begin) || continues_code_point(text, block.end))
      return "a block cuts a character";
    if (static_cast<std::uint8_t>(block.kind) >= kBlockKinds || block.level > 15)
      return "a block is of no known kind";
    if (block.kind == BlockKind::heading && (block.level < 1 || block.level > 6))
      return "a heading has no level";
    if (!blank(covered, block.begin)) return "text lies outside the blocks";
    covered = block.end;
  }
  return blank(covered, text.size()) ? "" : "text lies outside the blocks";
}

void DocumentWriter::begin_block(const Place& place) {
  document_.text += separator(document_, {.kind = place.kind, .level = place.level});
}

void DocumentWriter::end_block(const Place& place, std::size_t begin) {
  document_.blocks.push_back(
      {.kind = place.kind,
       .level = std::min<std::uint8_t>(place.level, place.kind == BlockKind::heading ? 6 : 15),
       .begin = begin,
       .end = document_.text.size(),
       .page = place.page});
}

void DocumentWriter::add(const Place& place, std::string_view text) {
  const std::size_t before = document_.text.size();
  begin_block(place);
  const std::size_t begin = document_.text.size();
  std::string& out = document_.text;
  out += place.marker;
  const std::size_t start = out.size();
  char pending = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t run = plain_run(text.substr(at)); run > 0) {
      if (pending != 0 && out.size() > start) out += pending;
      pending = 0;
      out += text.substr(at, run);
      at += run;
      continue;
    }
    const Character c = next_character(text.substr(at));
    if (is_space(text[at]) || c.treatment == Treatment::space) {
      if (text[at] == '\v') {
        pending = '\n';
      } else if (pending == 0) {
        pending = ' ';
      }
    } else if (c.treatment == Treatment::drop) {
      invisible_ += c.counted ? 1 : 0;
    } else {
      if (pending != 0 && out.size() > start) out += pending;
      pending = 0;
      out += text.substr(at, c.length);
    }
    at += c.length;
  }
  if (out.size() == start) {
    out.resize(before);
    return;
  }
  end_block(place, begin);
}

void DocumentWriter::add_verbatim(const Place& place, std::string_view text) {
  const std::size_t before = document_.text.size();
  begin_block(place);
  const std::size_t begin = document_.text.size();
  std::string& out = document_.text;
  out += place.marker;
  const std::size_t start = out.size();
  std::size_t line_feeds = 0;
  std::size_t spaces_from =
      0;  // Into `text`: blanks not yet written, written only when something follows them.
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t run = plain_run(text.substr(at));
        run > 0 && line_feeds == 0 && spaces_from == at) {
      out += text.substr(at, run);
      at += run;
      spaces_from = at;
      continue;
    }
    const Character c = next_character(text.substr(at));
    if (text[at] == '\n' || text[at] == '\v' || text[at] == '\f') {
      ++line_feeds;
      spaces_from = at + 1;
    } else if (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' ||
               c.treatment == Treatment::space) {
      // Kept back.
    } else if (c.treatment == Treatment::drop) {
      invisible_ += c.counted ? 1 : 0;
    } else {
      if (out.size() > start) out.append(line_feeds, '\n');
      line_feeds = 0;
      for (std::size_t s = spaces_from; s < at;) {
        const Character blank = next_character(text.substr(s));
        if (blank.treatment != Treatment::drop && text[s] != '\r')
          out += text[s] == '\t' ? '\t' : ' ';
        s += blank.length;
      }
      out += text.substr(at, c.length);
      spaces_from = at + c.length;
    }
    at += c.length;
  }
  if (out.size() == start) {
    out.resize(before);
    return;
  }
  // The first line's indentation lies inside the block: code keeps its shape.
  end_block(place, begin);
}

void DocumentWriter::set_title(std::string_view title) {
  std::string line = one_line(title, kTitleBytes);
  if (!line.empty()) document_.title = std::move(line);
}

void DocumentWriter::warn(std::string warning) {
  if (document_.warnings.size() < kWarnings) {
    document_.warnings.push_back(std::move(warning));
  } else if (document_.warnings.size() == kWarnings) {
    document_.warnings.push_back("further warnings were left out");
  }
}

ParsedDocument DocumentWriter::finish(std::string_view mime, std::string_view fallback_title) && {
  document_.mime = mime;
  if (document_.title.empty()) {
    const auto heading = std::ranges::find(document_.blocks, BlockKind::heading, &Block::kind);
    if (heading != document_.blocks.end()) {
      set_title(
          std::string_view(document_.text).substr(heading->begin, heading->end - heading->begin));
    } else {
      document_.title = one_line(fallback_title, kTitleBytes);
    }
  }
  if (invisible_ > 0) {
    warn(std::to_string(invisible_) +
         (invisible_ == 1 ? " invisible character was" : " invisible characters were") +
         " left out");
  }
  return std::move(document_);
}

}  // namespace opaline::services::dataprep
