#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "flow/mistakes.hpp"

namespace opaline::flow {

/// A word of an expression.
struct Token {
  enum class Kind : std::uint8_t { end, number, string, name, sign };

  Kind kind = Kind::end;
  std::size_t place = 0;     ///< Byte offset of its first character.
  std::string_view text;     ///< As written; borrowed.
  boost::json::value value;  ///< Of a number or string.

  [[nodiscard]] bool is(std::string_view sign) const { return kind == Kind::sign && text == sign; }
};

/// Cuts an expression into words, one at a time. Borrows the text.
class ExpressionLexer {
 public:
  explicit ExpressionLexer(std::string_view text) : text_(text) {}

  /// The next word; `end` for ever after the last.
  [[nodiscard]] std::expected<Token, Mistake> next();

 private:
  [[nodiscard]] std::expected<Token, Mistake> number();
  [[nodiscard]] std::expected<Token, Mistake> string();
  /// The character of a "\u" whose four digits begin at `at_`, and of the "\u" that completes it.
  [[nodiscard]] std::expected<char32_t, Mistake> escaped_character();
  [[nodiscard]] std::expected<char32_t, Mistake> four_digits();
  [[nodiscard]] Token taken(Token::Kind kind, std::size_t begin) const;

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace opaline::flow
