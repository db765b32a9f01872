#include "flow/expression_lexer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <system_error>
#include <utility>

#include "base/utf8.hpp"

namespace opaline::flow {
namespace {

using Failure = std::unexpected<Mistake>;

Failure wrong(std::size_t place, std::string message) {
  return Failure(Mistake{.place = place, .message = std::move(message)});
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool continues_name(char c) { return begins_name(c) || is_digit(c); }

void append_utf8(std::string& out, char32_t point) {
  const auto byte = [&out](char32_t bits) { out += static_cast<char>(bits); };
  if (point < 0x80) {
    byte(point);
  } else if (point < 0x800) {
    byte(0xC0 | (point >> 6));
    byte(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    byte(0xE0 | (point >> 12));
    byte(0x80 | ((point >> 6) & 0x3F));
    byte(0x80 | (point & 0x3F));
  } else {
    byte(0xF0 | (point >> 18));
    byte(0x80 | ((point >> 12) & 0x3F));
    byte(0x80 | ((point >> 6) & 0x3F));
    byte(0x80 | (point & 0x3F));
  }
}

/// What other languages have, and what stands for it here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kForeignSigns = {{
    {"===", "'===' is no operator; write '=='"},
    {"!==", "'!==' is no operator; write '!='"},
    {"=>", "'=>' is no operator; 'greater or equal' is '>='"},
    {"**", "'**' is no operator; multiply with '*'"},
    {"++", "'++' is no operator; write '+ 1'"},
    {"?.", "'?.' is not needed: a member of nothing is null; write '.'"},
    {"=", "'=' is no operator; compare with '=='"},
    {"&", "'&' is no operator; 'and' is '&&'"},
    {"|", "'|' is no operator; 'or' is '||', and a function is called as lower(x)"},
    {"`", "text stands in \"…\" or '…'"},
}};

constexpr std::array<std::string_view, 8> kTwoCharacterSigns = {
    "==", "!=", "<=", ">=", "&&", "||", "??", "->"};

}  // namespace

std::expected<Token, Mistake> ExpressionLexer::next() {
  while (at_ < text_.size() && std::string_view(" \t\r\n").contains(text_[at_])) ++at_;
  const std::size_t begin = at_;
  if (begin == text_.size()) return taken(Token::Kind::end, begin);
  const char c = text_[begin];
  if (is_digit(c)) return number();
  if (c == '"' || c == '\'') return string();
  if (begins_name(c)) {
    while (at_ < text_.size() && continues_name(text_[at_])) ++at_;
    return taken(Token::Kind::name, begin);
  }
  const std::string_view rest = text_.substr(begin);
  for (const auto& [sign, remedy] : kForeignSigns) {
    // "&&" and "==" are ours, and longer.
    if (rest.starts_with(sign) &&
        (sign.size() > 1 ||
         std::ranges::find(kTwoCharacterSigns, rest.substr(0, 2)) == kTwoCharacterSigns.end())) {
      return wrong(begin, std::string(remedy));
    }
  }
  if (rest.starts_with("->")) return wrong(begin, "'->' is no operator; write '.'");
  for (const std::string_view sign : kTwoCharacterSigns) {
    if (!rest.starts_with(sign)) continue;
    at_ += 2;
    return taken(Token::Kind::sign, begin);
  }
  if (std::string_view("<>!+-*/%?:.,()[]{}").contains(c)) {
    ++at_;
    return taken(Token::Kind::sign, begin);
  }
  const std::size_t length = std::max<std::size_t>(1, base::utf8_sequence(rest));
  return wrong(begin, in_quotes(rest.substr(0, length)) + " means nothing here");
}

Token ExpressionLexer::taken(Token::Kind kind, std::size_t begin) const {
  return {.kind = kind, .place = begin, .text = text_.substr(begin, at_ - begin), .value = {}};
}

std::expected<Token, Mistake> ExpressionLexer::number() {
  const std::size_t begin = at_;
  const auto digits = [this] {
    const std::size_t first = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return at_ > first;
  };
  const auto peek = [this](std::size_t ahead) {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  };
  bool whole = true;
  digits();
  if (peek(0) == '.' && is_digit(peek(1))) {
    ++at_;
    digits();
    whole = false;
  }
  if (peek(0) == 'e' || peek(0) == 'E') {
    const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
    if (is_digit(peek(1 + sign))) {
      at_ += 1 + sign;
      digits();
      whole = false;
    }
  }
  if (begins_name(peek(0)) || is_digit(peek(0))) {
    return wrong(begin, "expected a number as 12 or 0.5, found " +
                            in_quotes(text_.substr(begin, at_ + 1 - begin)));
  }
  Token token = taken(Token::Kind::number, begin);
  if (token.text.size() > 1 && token.text[0] == '0' && is_digit(token.text[1])) {
    return wrong(begin, "a number does not begin with 0; leave it out");
  }
  const char* const last = token.text.data() + token.text.size();
  if (whole) {
    std::int64_t integer = 0;
    if (std::from_chars(token.text.data(), last, integer).ec == std::errc()) {
      token.value = integer;
      return token;
    }
  }
  double real = 0;
  if (std::from_chars(token.text.data(), last, real).ec != std::errc() || !std::isfinite(real)) {
    return wrong(begin, "this number is too large or too small");
  }
  token.value = real;
  return token;
}

std::expected<Token, Mistake> ExpressionLexer::string() {
  const std::size_t begin = at_;
  const char quote = text_[at_++];
  std::string value;
  for (;;) {
    if (at_ == text_.size()) return wrong(begin, "this text is not closed; its quote is missing");
    const char c = text_[at_++];
    if (c == quote) break;
    if (c != '\\') {
      value += c;
      continue;
    }
    if (at_ == text_.size()) return wrong(begin, "this text is not closed; its quote is missing");
    const std::size_t escape = at_ - 1;
    switch (text_[at_++]) {
      case '"': value += '"'; break;
      case '\'': value += '\''; break;
      case '\\': value += '\\'; break;
      case '/': value += '/'; break;
      case 'b': value += '\b'; break;
      case 'f': value += '\f'; break;
      case 'n': value += '\n'; break;
      case 'r': value += '\r'; break;
      case 't': value += '\t'; break;
      case 'u': {
        const auto point = escaped_character();
        if (!point) return std::unexpected(point.error());
        append_utf8(value, *point);
        break;
      }
      default:
        return wrong(escape,
                     "unknown escape; there are \\\" \\' \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX");
    }
  }
  Token token = taken(Token::Kind::string, begin);
  token.value = std::move(value);
  return token;
}

std::expected<char32_t, Mistake> ExpressionLexer::escaped_character() {
  const std::size_t escape = at_ - 2;
  const auto first = four_digits();
  if (!first) return first;
  if (*first < 0xD800 || *first > 0xDFFF) return first;
  if (*first < 0xDC00 && text_.substr(at_).starts_with("\\u")) {
    at_ += 2;
    const auto second = four_digits();
    if (!second) return second;
    if (*second >= 0xDC00 && *second <= 0xDFFF) {
      return 0x10000 + ((*first - 0xD800) << 10) + (*second - 0xDC00);
    }
  }
  return wrong(escape, "half of a pair of \\uXXXX; write the character itself");
}

std::expected<char32_t, Mistake> ExpressionLexer::four_digits() {
  std::uint32_t point = 0;
  const std::string_view digits = text_.substr(at_, 4);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), point, 16);
  if (digits.size() != 4 || error != std::errc() || end != digits.data() + 4) {
    return wrong(at_ - 2, "expected four hexadecimal digits, as in \\u00e9");
  }
  at_ += 4;
  return static_cast<char32_t>(point);
}

}  // namespace opaline::flow
