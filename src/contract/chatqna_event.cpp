#include "contract/chatqna_event.hpp"

namespace opaline::contract {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Takes one escape off the front of `rest`, its backslash gone already.
std::optional<char> take_escape(std::string_view& rest) {
  if (rest.empty()) return {};
  const char c = rest.front();
  rest.remove_prefix(1);
  switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case '\\':
    case '\'':
    case '"': return c;
    case 'x': {
      if (rest.size() < 2) return {};
      const int high = hex_digit(rest[0]);
      const int low = hex_digit(rest[1]);
      rest.remove_prefix(2);
      if (high < 0 || low < 0) return {};
      return static_cast<char>(high * 16 + low);
    }
    default: return {};
  }
}

}  // namespace

std::string python_bytes(std::string_view bytes) {
  const bool single = bytes.find('\'') != std::string_view::npos;
  const char quote = single && bytes.find('"') == std::string_view::npos ? '"' : '\'';
  std::string text = "b";
  text.reserve(bytes.size() + 8);
  text += quote;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      text += '\\';
      text += c;
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '\r') {
      text += "\\r";
    } else if (c == '\t') {
      text += "\\t";
    } else if (byte < 0x20 || byte >= 0x7F) {
      text += "\\x";
      text += "0123456789abcdef"[byte >> 4];
      text += "0123456789abcdef"[byte & 15];
    } else {
      text += c;
    }
  }
  text += quote;
  return text;
}

std::optional<std::string> read_python_bytes(std::string_view text) {
  if (text.size() < 3 || text[0] != 'b' || (text[1] != '\'' && text[1] != '"')) return {};
  const char quote = text[1];
  std::string bytes;
  std::string_view rest = text.substr(2);
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c == quote) {
      if (!rest.empty()) return {};
      return bytes;
    }
    if (c != '\\') {
      bytes += c;
      continue;
    }
    const auto escaped = take_escape(rest);
    if (!escaped) return {};
    bytes += *escaped;
  }
  return {};
}

std::string chatqna_event(std::string_view piece) {
  return "data: " + python_bytes(piece) + "\n\n";
}

}  // namespace opaline::contract
