#pragma once

#include <array>
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "flow/expression.hpp"

namespace opaline::flow {

/// A value while an expression is evaluated: one that is borrowed from the scope, or one of its
/// own. Nothing is copied before it must be.
class Operand {
 public:
  Operand() : Operand(boost::json::value()) {}
  explicit Operand(boost::json::value value) : own_(std::move(value)) {}
  [[nodiscard]] static Operand borrowed(const boost::json::value& value OPALINE_LIFETIME_BOUND) {
    Operand operand;
    operand.borrowed_ = &value;
    return operand;
  }

  [[nodiscard]] const boost::json::value& get() const OPALINE_LIFETIME_BOUND {
    return borrowed_ ? *borrowed_ : own_;
  }
  [[nodiscard]] bool is_borrowed() const { return borrowed_ != nullptr; }
  /// The value itself, to be taken apart. REQUIRES: !is_borrowed().
  [[nodiscard]] boost::json::value& own() OPALINE_LIFETIME_BOUND { return own_; }

 private:
  const boost::json::value* borrowed_ = nullptr;
  boost::json::value own_;
};

/// What one evaluation may still build.
class Budget {
 public:
  explicit Budget(std::size_t bytes) : left_(bytes) {}

  /// @return false when that is too much; then it is used up.
  [[nodiscard]] bool spend(std::size_t bytes) {
    if (bytes > left_) {
      left_ = 0;
      return false;
    }
    left_ -= bytes;
    return true;
  }

 private:
  std::size_t left_;
};

/// Why an operation has no result.
struct Refusal {
  base::ErrorCode code = base::ErrorCode::invalid_argument;
  std::string message;
};
using Outcome = std::expected<Operand, Refusal>;

[[nodiscard]] Refusal too_large();
/// What a copy of `value` costs.
[[nodiscard]] std::size_t weight(const boost::json::value& value);
/// The value as its own: moved, or copied at the budget's cost.
[[nodiscard]] std::expected<boost::json::value, Refusal> taken(Operand operand, Budget& budget);
/// How a value stands inside a text: null is the empty text, text is itself, lists and objects are
/// JSON.
[[nodiscard]] std::string text_of(const boost::json::value& value);
/// Equal in value: 1 and 1.0 are, 1 and "1" are not; the order of members does not matter.
[[nodiscard]] bool equal(const boost::json::value& a, const boost::json::value& b);

/// A set of types.
class Types {
 public:
  constexpr Types(std::initializer_list<Type> types) {
    for (const Type type : types) bits_ |= 1U << static_cast<unsigned>(type);
  }
  [[nodiscard]] static constexpr Types any() {
    return {Type::null, Type::boolean, Type::number, Type::string, Type::list, Type::object};
  }
  /// `unknown` is in every set: it may turn out to be right.
  [[nodiscard]] constexpr bool contains(Type type) const {
    return type == Type::unknown || (bits_ >> static_cast<unsigned>(type) & 1U) != 0;
  }
  /// "a string, a list or an object".
  [[nodiscard]] std::string text() const;

 private:
  unsigned bits_ = 0;
};

/// A function of expressions. Pure; linear in what it reads and builds.
struct ExpressionFunction {
  static constexpr std::size_t kUnlimited = 64;

  /// What it gives for null in the place of its first argument, without being called.
  enum class OfNull : std::uint8_t { is_called, null, zero, no };

  std::string_view name;
  std::string_view usage;  ///< "split(text, separator)".
  std::size_t arguments_min = 1;
  std::size_t arguments_max = 1;
  std::array<Types, 3> takes = {Types::any(), Types::any(), Types::any()};  ///< The last repeats.
  Type gives = Type::unknown;
  OfNull of_null = OfNull::null;
  /// REQUIRES: as many arguments as it may have, each of a type that it takes.
  Outcome (*call)(std::span<Operand> arguments, Budget& budget) = nullptr;

  [[nodiscard]] Types type_of_argument(std::size_t index) const {
    return takes[index < takes.size() ? index : takes.size() - 1];
  }
  /// Whether an argument of `type` may stand in place `index`.
  [[nodiscard]] bool accepts(std::size_t index, Type type) const {
    return type_of_argument(index).contains(type) ||
           (index == 0 && type == Type::null && of_null != OfNull::is_called);
  }
  /// "split(text, separator): expected a string for argument 2, found a number".
  [[nodiscard]] std::string misfit(std::size_t index, Type found) const;
};

/// All of them, by name.
[[nodiscard]] std::span<const ExpressionFunction> expression_functions();
/// Null when there is none of that name.
[[nodiscard]] const ExpressionFunction* find_function(std::string_view name);

}  // namespace opaline::flow
