#include "http/multipart.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "http/grammar.hpp"

namespace opaline::http {
namespace {

constexpr std::size_t kBoundaryBytes = 70;

std::unexpected<base::Error> bad_form(std::string_view what) {
  return base::fail(base::ErrorCode::invalid_argument,
                    "The multipart form is not well formed: " + std::string(what) + ".");
}

struct Parameter {
  std::string name;
  std::string value;
};

/// A header value like `form-data; name="a"; filename="b.txt"`.
struct ParameterizedValue {
  std::string_view value;
  std::vector<Parameter> parameters;

  [[nodiscard]] const std::string* find(std::string_view name) const {
    for (const auto& parameter : parameters) {
      if (equals_ignoring_case(parameter.name, name)) return &parameter.value;
    }
    return nullptr;
  }
};

/// The quoted string at the front of `rest`, which it is taken off. Only \" and \\ are escapes:
/// browsers send a backslash of a file's name as it is.
std::optional<std::string> take_quoted(std::string_view& rest) {
  std::string text;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return text;
    }
    const bool escape =
        rest[i] == '\\' && i + 1 < rest.size() && (rest[i + 1] == '"' || rest[i + 1] == '\\');
    text += escape ? rest[++i] : rest[i];
  }
  return std::nullopt;
}

std::optional<ParameterizedValue> parse_parameters(std::string_view text) {
  ParameterizedValue parsed;
  const auto end = text.find(';');
  parsed.value = trim(text.substr(0, end));
  auto rest = end == text.npos ? std::string_view() : text.substr(end + 1);
  for (rest = trim(rest); !rest.empty(); rest = trim(rest)) {
    const auto equals = rest.find('=');
    if (equals == rest.npos) return std::nullopt;
    Parameter parameter;
    parameter.name = trim(rest.substr(0, equals));
    rest = trim(rest.substr(equals + 1));
    if (rest.starts_with('"')) {
      auto quoted = take_quoted(rest);
      if (!quoted) return std::nullopt;
      parameter.value = *std::move(quoted);
      rest = trim(rest);
      if (!rest.empty() && rest.front() != ';') return std::nullopt;
    } else {
      const auto value = rest.substr(0, rest.find(';'));
      parameter.value = trim(value);
      rest.remove_prefix(value.size());
    }
    if (!is_token(parameter.name) || parsed.find(parameter.name) != nullptr) return std::nullopt;
    parsed.parameters.push_back(std::move(parameter));
    if (!rest.empty()) rest.remove_prefix(1);
  }
  return parsed;
}

/// RFC 5987: charset'language'percent-encoded, in UTF-8 or ISO-8859-1.
std::optional<std::string> decode_extended(std::string_view text) {
  const auto first = text.find('\'');
  const auto second = first == text.npos ? text.npos : text.find('\'', first + 1);
  if (second == text.npos) return std::nullopt;
  const auto charset = text.substr(0, first);
  const bool latin = equals_ignoring_case(charset, "iso-8859-1");
  if (!latin && !equals_ignoring_case(charset, "utf-8")) return std::nullopt;
  std::string decoded;
  for (std::size_t i = second + 1; i < text.size(); ++i) {
    unsigned byte = static_cast<unsigned char>(text[i]);
    if (text[i] == '%') {
      if (text.size() - i < 3 || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0)
        return std::nullopt;
      byte = static_cast<unsigned>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    }
    if (latin && byte >= 0x80) {
      decoded += static_cast<char>(0xC0 | (byte >> 6));
      byte = 0x80 | (byte & 0x3F);
    }
    decoded += static_cast<char>(byte);
  }
  return decoded;
}

base::Result<void> read_disposition(std::string_view value, FormPart& part) {
  const auto disposition = parse_parameters(value);
  if (!disposition || !equals_ignoring_case(disposition->value, "form-data")) {
    return bad_form("a part's Content-Disposition is not form-data");
  }
  const auto* name = disposition->find("name");
  if (name == nullptr) return bad_form("a part has no name");
  part.name = base::to_utf8(*name);
  if (const auto* extended = disposition->find("filename*")) {
    auto decoded = decode_extended(*extended);
    if (!decoded) return bad_form("a part's filename* is not as RFC 5987 has it");
    part.filename = base::to_utf8(*decoded);
  } else if (const auto* filename = disposition->find("filename")) {
    part.filename = base::to_utf8(*filename);
  }
  return {};
}

/// The header of a part, without the empty line at its end.
base::Result<FormPart> read_part_header(std::string_view header) {
  FormPart part;
  bool named = false;
  while (!header.empty()) {
    const auto end = header.find("\r\n");
    const auto line = header.substr(0, end);
    header.remove_prefix(end == header.npos ? header.size() : end + 2);
    const auto colon = line.find(':');
    if (colon == line.npos || !is_token(line.substr(0, colon)) || !is_field_value(line)) {
      return bad_form("a part's header line is not 'Name: value'");
    }
    const auto name = line.substr(0, colon);
    const auto value = trim(line.substr(colon + 1));
    if (equals_ignoring_case(name, "content-disposition")) {
      if (std::exchange(named, true)) return bad_form("a part has two Content-Dispositions");
      OPALINE_TRY_DO(read_disposition(value, part));
    } else if (equals_ignoring_case(name, "content-type")) {
      part.content_type = value;
    } else if (equals_ignoring_case(name, "content-transfer-encoding") &&
               !equals_ignoring_case(value, "binary") && !equals_ignoring_case(value, "8bit") &&
               !equals_ignoring_case(value, "7bit")) {
      return bad_form("a part is in a transfer encoding, which forms have not");
    }
  }
  if (!named) return bad_form("a part has no name");
  return part;
}

base::Result<std::string> read_boundary(std::string_view content_type) {
  const auto type = parse_parameters(content_type);
  if (!type || !equals_ignoring_case(type->value, "multipart/form-data")) {
    return base::fail(base::ErrorCode::invalid_argument,
                      "The Content-Type is not multipart/form-data.");
  }
  const auto* boundary = type->find("boundary");
  if (boundary == nullptr || boundary->empty() || boundary->size() > kBoundaryBytes) {
    return base::fail(base::ErrorCode::invalid_argument,
                      "The Content-Type names no boundary of 1 to 70 characters.");
  }
  return *boundary;
}

/// What stands between two delimiters.
struct Delimiter {
  std::size_t begin = 0;  ///< Of the CR LF before it, which belongs to it.
  std::size_t end = 0;    ///< Behind its own line end.
  bool closing = false;
};

/// The next delimiter line at or after `from`. Text that only starts like one is content.
std::optional<Delimiter> find_delimiter(std::string_view body, std::string_view boundary,
                                        std::size_t from) {
  const std::string dashed = "--" + std::string(boundary);
  for (;;) {
    const auto found = body.find(dashed, from);
    if (found == body.npos) return std::nullopt;
    from = found + 1;
    const bool at_line_start = found == 0 || (found >= 2 && body.substr(found - 2, 2) == "\r\n");
    if (!at_line_start) continue;
    Delimiter delimiter;
    delimiter.begin = found == 0 ? 0 : found - 2;
    auto after = found + dashed.size();
    delimiter.closing = body.substr(after, 2) == "--";
    if (delimiter.closing) after += 2;
    while (after < body.size() && (body[after] == ' ' || body[after] == '\t')) ++after;
    const bool line_ends = body.substr(after, 2) == "\r\n";
    if (!line_ends && !(delimiter.closing && after == body.size())) continue;
    delimiter.end = std::min(after + 2, body.size());
    return delimiter;
  }
}

struct Span {
  std::size_t begin = 0;
  std::size_t size = 0;
};

}  // namespace

base::Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string body) {
  OPALINE_TRY(const std::string boundary, read_boundary(content_type));
  std::vector<FormPart> parts;
  std::vector<Span> bodies;
  auto delimiter = find_delimiter(body, boundary, 0);
  if (!delimiter) return bad_form("the boundary does not occur in it");
  while (!delimiter->closing) {
    if (parts.size() == limits::kFormParts) {
      return base::fail(base::ErrorCode::resource_exhausted,
                        "The form has more than " + std::to_string(limits::kFormParts) + " parts.");
    }
    const std::string_view rest = std::string_view(body).substr(delimiter->end);
    // A part without any header starts with its empty line.
    const auto header_bytes =
        rest.starts_with("\r\n") ? 0 : rest.substr(0, limits::kHeaderBytes).find("\r\n\r\n");
    if (header_bytes == rest.npos) return bad_form("a part's header has no end");
    OPALINE_TRY(auto part, read_part_header(rest.substr(0, header_bytes)));
    const auto begin = delimiter->end + header_bytes + 4;
    // RFC 2046 lets a part end with its header, without a body.
    const auto next = find_delimiter(body, boundary, begin - 2);
    if (!next) return bad_form("its closing boundary is missing; the upload was cut off");
    bodies.push_back({begin, std::max(next->begin, begin) - begin});
    parts.push_back(std::move(part));
    delimiter = next;
  }
  if (parts.empty()) return parts;
  // The largest body, mostly the file, stays in the memory it is in.
  const auto largest =
      static_cast<std::size_t>(std::ranges::max_element(bodies, {}, &Span::size) - bodies.begin());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i != largest) parts[i].body = body.substr(bodies[i].begin, bodies[i].size);
  }
  body.resize(bodies[largest].begin + bodies[largest].size);
  body.erase(0, bodies[largest].begin);
  parts[largest].body = std::move(body);
  return parts;
}

}  // namespace opaline::http
