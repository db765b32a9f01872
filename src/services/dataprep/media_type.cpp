#include "services/dataprep/media_type.hpp"

#include <algorithm>
#include <array>
#include <boost/json/stream_parser.hpp>
#include <cctype>

#include "services/dataprep/formats.hpp"
#include "services/dataprep/text_encoding.hpp"

namespace opaline::services::dataprep {
namespace {

struct Signature {
  std::string_view bytes;
  std::string_view name;
};
constexpr std::array kSignatures = {
    Signature{"\x89PNG\r\n\x1A\n", "a PNG image"},
    Signature{"\xFF\xD8\xFF", "a JPEG image"},
    Signature{"GIF87a", "a GIF image"},
    Signature{"GIF89a", "a GIF image"},
    Signature{"BM", "a BMP image"},
    Signature{"II*\0", "a TIFF image"},
    Signature{"MM\0*", "a TIFF image"},
    Signature{"RIFF", "a media file"},
    Signature{"OggS", "a media file"},
    Signature{"ID3", "an MP3 file"},
    Signature{"\x1F\x8B", "a gzip archive"},
    Signature{"BZh", "a bzip2 archive"},
    Signature{"\xFD"
              "7zXZ",
              "an xz archive"},
    Signature{"7z\xBC\xAF\x27\x1C", "a 7-Zip archive"},
    Signature{"Rar!", "a RAR archive"},
    Signature{"\x28\xB5\x2F\xFD", "a zstd archive"},
    Signature{"\x7F"
              "ELF",
              "a program"},
    Signature{"MZ", "a Windows program"},
    Signature{"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
              "an old Office document; save it as .docx or PDF"},
    Signature{"{\\rtf", "a rich text document; save it as .docx or PDF"},
    Signature{"%!PS", "a PostScript file; save it as PDF"},
    Signature{"SQLite format 3", "a SQLite database"},
    Signature{"GGUF", "a model file"},
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lowered(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n\v\f\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n\v\f\r") - first + 1);
}

/// Past comments and the XML declaration, where a page's first real tag stands.
std::string_view without_preamble(std::string_view text) {
  for (;;) {
    text = trimmed(text);
    std::string_view end;
    if (text.starts_with("<!--")) {
      end = "-->";
    } else if (text.starts_with("<?")) {
      end = ">";
    } else {
      return text;
    }
    const auto close = text.find(end);
    if (close == std::string_view::npos) return {};
    text.remove_prefix(close + end.size());
  }
}

/// How many tags of a page's body stand in the first part of `text`.
std::size_t html_tags(std::string_view text) {
  constexpr std::array kTags = {"<p",  "<div",   "<h1", "<h2", "<h3",   "<ul", "<ol",
                                "<li", "<table", "<br", "<a ", "<span", "</"};
  const std::string sample = lowered(text.substr(0, 16 * 1024));
  std::size_t found = 0;
  for (std::size_t at = sample.find('<'); at != std::string::npos; at = sample.find('<', at + 1)) {
    const std::string_view rest = std::string_view(sample).substr(at);
    if (std::ranges::any_of(kTags, [&](std::string_view tag) { return rest.starts_with(tag); }))
      ++found;
  }
  return found;
}

bool is_html(std::string_view text, std::string_view type, std::string_view suffix) {
  const std::string start = lowered(without_preamble(text).substr(0, 64));
  constexpr std::array kStarts = {"<!doctype html", "<html", "<head", "<body"};
  if (std::ranges::any_of(kStarts, [&](std::string_view s) { return start.starts_with(s); }))
    return true;
  if (text.starts_with("<?xml") || start.starts_with("<!doctype")) return true;
  if (type == "text/html" || type == "application/xhtml+xml" || suffix == "html" ||
      suffix == "htm" || suffix == "xhtml") {
    return html_tags(text) >= 1;
  }
  return start.starts_with('<') && html_tags(text) >= 4;
}

bool is_json(std::string_view text) {
  // Deeper nesting is JSON as well: the reader says what is wrong with it.
  boost::json::parse_options options;
  options.max_depth = 1'000'000;
  boost::json::stream_parser parser({}, options);
  boost::system::error_code error;
  parser.write(text.data(), text.size(), error);
  if (!error) parser.finish(error);
  return !error;
}

/// The first lines, each a JSON object or array.
bool is_json_lines(std::string_view text) {
  std::size_t seen = 0;
  while (!text.empty() && seen < 5) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    if ((line.front() != '{' && line.front() != '[') || !is_json(line)) return false;
    ++seen;
  }
  return seen >= 1;
}

/// Marks that plain text would not have by chance: a heading and one more thing, or a fence.
bool is_markdown(std::string_view text) {
  bool heading = false;
  bool other = false;
  bool fence = false;
  std::string_view rest = text.substr(0, 64 * 1024);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto hashes = line.find_first_not_of('#');
    if (hashes != std::string_view::npos && hashes >= 1 && hashes <= 6 && line[hashes] == ' ')
      heading = true;
    if (line.starts_with("```")) fence = true;
    if (line.starts_with("- ") || line.starts_with("* ") || line.starts_with("|") ||
        line.contains("](") || line.contains("**")) {
      other = true;
    }
  }
  return fence || (heading && other);
}

std::string_view last_part(std::string_view source) {
  source = source.substr(0, source.find_first_of("?#"));
  while (source.ends_with('/')) source.remove_suffix(1);
  const auto slash = source.find_last_of("/\\");
  return slash == std::string_view::npos ? source : source.substr(slash + 1);
}

}  // namespace

std::variant<Format, Unsupported> detect_binary(std::string_view bytes) {
  if (bytes.substr(0, 1024).contains("%PDF-")) return Format::pdf;
  if (bytes.starts_with("PK\x03\x04") || bytes.starts_with("PK\x05\x06")) return Format::zip;
  for (const Signature& signature : kSignatures) {
    if (!bytes.starts_with(signature.bytes)) continue;
    // A text may begin with "BM" or "Rar!" too; but markup of other programs is no text worth
    // reading.
    const bool plain =
        std::ranges::all_of(signature.bytes, [](char c) { return c >= ' ' && c < 0x7F; });
    const bool markup = signature.bytes == "{\\rtf" || signature.bytes == "%!PS";
    if (!plain || markup || !looks_like_text(bytes))
      return Unsupported{std::string(signature.name)};
  }
  if (bytes.size() >= 12 && bytes.substr(4, 4) == "ftyp") return Unsupported{"a media file"};
  if (!looks_like_text(bytes)) return Unsupported{"binary data"};
  return Format::text;
}

Format detect_text(std::string_view text, std::string_view claimed_mime, std::string_view source) {
  const std::string type = lowered(trimmed(claimed_mime.substr(0, claimed_mime.find(';'))));
  const std::string suffix = extension(source);
  const std::string_view body = trimmed(text);
  const bool says_markdown =
      type == "text/markdown" || suffix == "md" || suffix == "markdown" || suffix == "mdx";
  if (!says_markdown && is_html(text, type, suffix)) return Format::html;

  const bool says_lines = type == "application/jsonl" || type == "application/x-ndjson" ||
                          suffix == "jsonl" || suffix == "ndjson";
  const bool says_json = type == "application/json" || suffix == "json";
  if (says_lines) return Format::json_lines;
  if (body.starts_with('{') || body.starts_with('[')) {
    if (!says_markdown && (says_json || is_json(body))) {
      return says_json && body.contains('\n') && !is_json(body) && is_json_lines(body)
                 ? Format::json_lines
                 : Format::json;
    }
    if (!says_markdown && is_json_lines(body)) return Format::json_lines;
  } else if (says_json) {
    return Format::json;
  }

  if (says_markdown) return Format::markdown;
  const bool says_csv = type == "text/csv" || type == "text/tab-separated-values" ||
                        suffix == "csv" || suffix == "tsv";
  const bool says_text = suffix == "txt" || suffix == "text" || suffix == "log" || suffix == "rst";
  if (says_csv || (!says_text && csv_delimiter(text))) return Format::csv;
  if (!says_text && is_markdown(text)) return Format::markdown;
  return Format::text;
}

std::string_view mime(Format format) {
  switch (format) {
    case Format::html: return "text/html";
    case Format::markdown: return "text/markdown";
    case Format::text: return "text/plain";
    case Format::pdf: return "application/pdf";
    case Format::zip:
      return "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    case Format::csv: return "text/csv";
    case Format::json: return "application/json";
    case Format::json_lines: return "application/jsonl";
  }
  return "application/octet-stream";
}

std::string extension(std::string_view source) {
  const std::string_view name = last_part(source);
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || name.size() - dot > 12) return {};
  return lowered(name.substr(dot + 1));
}

std::string stem(std::string_view source) {
  const std::string_view name = last_part(source);
  const std::string suffix = extension(source);
  return std::string(suffix.empty() ? name : name.substr(0, name.size() - suffix.size() - 1));
}

}  // namespace opaline::services::dataprep
