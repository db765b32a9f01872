#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "flow/expression.hpp"
#include "flow/mistakes.hpp"

namespace opaline::flow {

/// A value in whose texts `${expression}` stands for what the expression gives: alone in a text it
/// is the value itself, between other characters it is text (null is none; lists and objects are
/// JSON). "$${" is "${". Keys are as they are. A value, immutable; any thread.
class ValueTemplate {
 public:
  /// An expression and where it stands in the text that it is in.
  struct Part {
    Expression expression;
    std::size_t place = 0;

    friend bool operator==(const Part&, const Part&) = default;
  };
  using Member = std::pair<std::string, ValueTemplate>;

  /// null.
  ValueTemplate() = default;
  /// A value without expressions.
  explicit ValueTemplate(boost::json::value value) : form_(std::move(value)) {}
  /// The expression's own value.
  explicit ValueTemplate(Part part) : form_(std::move(part)) {}
  explicit ValueTemplate(std::vector<ValueTemplate> list) : form_(std::move(list)) {}
  explicit ValueTemplate(std::vector<Member> object) : form_(std::move(object)) {}
  /// @return the mistake's place is a byte offset in `text`.
  [[nodiscard]] static std::expected<ValueTemplate, Mistake> parse_text(std::string_view text);
  /// Every text in `value` is read so. @error invalid_argument: "docs[0].text, column 3: …".
  [[nodiscard]] static base::Result<ValueTemplate> parse(const boost::json::value& value);

  /// @error as Expression::evaluate; limits::kExpressionResultBytes is for all of it together.
  [[nodiscard]] base::Result<boost::json::value> render(const Scope& scope) const;
  /// Whether it is one expression: its value is that of the template.
  [[nodiscard]] const Part* find_single() const OPALINE_LIFETIME_BOUND {
    return std::get_if<Part>(&form_);
  }
  /// All in it, in order.
  [[nodiscard]] std::vector<Part> expressions() const;
  /// What it gives; mistakes as Expression::type has them, with places in the text they are in.
  [[nodiscard]] Shape type(const TypeScope& scope, std::vector<Mistake>& mistakes) const;

  friend bool operator==(const ValueTemplate&, const ValueTemplate&) = default;

 private:
  /// Characters and expressions in turn.
  using Text = std::vector<std::variant<std::string, Part>>;

  explicit ValueTemplate(Text text) : form_(std::move(text)) {}
  [[nodiscard]] static base::Result<ValueTemplate> parse_at(const boost::json::value& value,
                                                            const std::string& path);
  [[nodiscard]] base::Result<boost::json::value> render(const Scope& scope, Budget& budget) const;

  std::variant<boost::json::value, Part, Text, std::vector<ValueTemplate>, std::vector<Member>>
      form_;
};

}  // namespace opaline::flow
