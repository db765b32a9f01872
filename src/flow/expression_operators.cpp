#include "flow/expression_operators.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <cmath>
#include <compare>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/assert.hpp"

namespace opaline::flow {
namespace {

namespace json = boost::json;

bool both(Type left, Type right, Type wanted) {
  return (left == wanted || left == Type::unknown) && (right == wanted || right == Type::unknown);
}

std::string_view remedy_of_null() { return "; say what stands for nothing, as in x ?? 0"; }

/// A whole number where both are, a floating one otherwise.
struct Numbers {
  explicit Numbers(const json::value& a, const json::value& b)
      : whole(a.is_int64() && b.is_int64()),
        whole_left(whole ? a.get_int64() : 0),
        whole_right(whole ? b.get_int64() : 0),
        left(a.to_number<double>()),
        right(b.to_number<double>()) {}

  bool whole;
  std::int64_t whole_left;
  std::int64_t whole_right;
  double left;
  double right;
};

std::unexpected<Refusal> refuse(std::string message) {
  return std::unexpected(Refusal{.message = std::move(message)});
}

Outcome finite(double number) {
  if (!std::isfinite(number)) return refuse("the result is too large for a number");
  return Operand(json::value(number));
}

Outcome calculate(Operator operation, const Numbers& n) {
  std::int64_t whole = 0;
  bool overflows = true;
  switch (operation) {
    case Operator::add:
      overflows = __builtin_add_overflow(n.whole_left, n.whole_right, &whole);
      if (n.whole && !overflows) return Operand(json::value(whole));
      return finite(n.left + n.right);
    case Operator::subtract:
      overflows = __builtin_sub_overflow(n.whole_left, n.whole_right, &whole);
      if (n.whole && !overflows) return Operand(json::value(whole));
      return finite(n.left - n.right);
    case Operator::multiply:
      overflows = __builtin_mul_overflow(n.whole_left, n.whole_right, &whole);
      if (n.whole && !overflows) return Operand(json::value(whole));
      return finite(n.left * n.right);
    case Operator::divide:
    case Operator::remainder: break;
    case Operator::either:
    case Operator::both:
    case Operator::equal:
    case Operator::not_equal:
    case Operator::less:
    case Operator::less_equal:
    case Operator::greater:
    case Operator::greater_equal:
    case Operator::otherwise:
    case Operator::negate:
    case Operator::invert: OPALINE_ASSERT(false);
  }
  if (n.right == 0) return refuse("division by zero; guard it, as in n == 0 ? 0 : x / n");
  const bool division = operation == Operator::divide;
  // Of the smallest number and -1 the quotient is no whole number.
  if (n.whole && n.whole_right != -1) {
    const std::int64_t rest = n.whole_left % n.whole_right;
    if (!division) return Operand(json::value(rest));
    if (rest == 0) return Operand(json::value(n.whole_left / n.whole_right));
  }
  if (n.whole && n.whole_right == -1) {
    if (!division) return Operand(json::value(0));
    return calculate(Operator::subtract, Numbers(json::value(0), json::value(n.whole_left)));
  }
  return finite(division ? n.left / n.right : std::fmod(n.left, n.right));
}

std::partial_ordering order(const json::value& a, const json::value& b) {
  if (a.is_string()) {
    return std::string_view(a.get_string()) <=> std::string_view(b.get_string());
  }
  const Numbers numbers(a, b);
  if (numbers.whole) return numbers.whole_left <=> numbers.whole_right;
  return numbers.left <=> numbers.right;
}

Outcome joined(Operand left, Operand right, Budget& budget) {
  if (left.get().is_string()) {
    const auto& a = left.get().get_string();
    const auto& b = right.get().get_string();
    if (!budget.spend(a.size() + b.size())) return std::unexpected(too_large());
    json::string text(a);
    text.append(b);
    return Operand(json::value(std::move(text)));
  }
  OPALINE_TRY(json::value list, taken(std::move(left), budget));
  OPALINE_TRY(json::value more, taken(std::move(right), budget));
  for (json::value& one : more.get_array()) list.get_array().push_back(std::move(one));
  return Operand(std::move(list));
}

}  // namespace

std::string_view symbol(Operator operation) {
  switch (operation) {
    case Operator::either: return "||";
    case Operator::both: return "&&";
    case Operator::equal: return "==";
    case Operator::not_equal: return "!=";
    case Operator::less: return "<";
    case Operator::less_equal: return "<=";
    case Operator::greater: return ">";
    case Operator::greater_equal: return ">=";
    case Operator::otherwise: return "??";
    case Operator::add: return "+";
    case Operator::subtract:
    case Operator::negate: return "-";
    case Operator::multiply: return "*";
    case Operator::divide: return "/";
    case Operator::remainder: return "%";
    case Operator::invert: return "!";
  }
  OPALINE_ASSERT(false);
}

std::string binary_misfit(Operator operation, Type left, Type right) {
  const bool nothing = left == Type::null || right == Type::null;
  const bool numbers = both(left, right, Type::number);
  const bool strings = both(left, right, Type::string);
  switch (operation) {
    case Operator::equal:
    case Operator::not_equal: return {};
    case Operator::less:
    case Operator::less_equal:
    case Operator::greater:
    case Operator::greater_equal:
      if (numbers || strings) return {};
      return fmt::format("'{}' compares two numbers or two strings, not {} and {}{}",
                         symbol(operation), name(left), name(right),
                         nothing ? remedy_of_null() : "; convert one with number(x) or string(x)");
    case Operator::add:
      if (numbers || strings || both(left, right, Type::list)) return {};
      if (left == Type::object && right == Type::object) {
        return "cannot add two objects; write merge(a, b)";
      }
      return fmt::format("cannot add {} and {}{}", name(left), name(right),
                         nothing ? remedy_of_null()
                         : left == Type::string || right == Type::string
                             ? "; make it text with string(x)"
                             : "; '+' takes two numbers, two strings or two lists");
    case Operator::subtract:
    case Operator::multiply:
    case Operator::divide:
    case Operator::remainder:
      if (numbers) return {};
      return fmt::format("'{}' takes two numbers, not {} and {}{}", symbol(operation), name(left),
                         name(right), nothing ? remedy_of_null() : "; convert with number(x)");
    case Operator::either:
    case Operator::both:
    case Operator::otherwise:
    case Operator::negate:
    case Operator::invert: break;
  }
  OPALINE_ASSERT(false);
}

std::string negation_misfit(Type operand) {
  if (operand == Type::number || operand == Type::unknown) return {};
  return fmt::format("'-' takes a number, not {}", name(operand));
}

std::string condition_misfit(std::string_view what, Type operand) {
  if (operand == Type::boolean || operand == Type::null || operand == Type::unknown) return {};
  return fmt::format("expected true or false for {}, found {}; compare it, as in x != {}", what,
                     name(operand),
                     operand == Type::number   ? "0"
                     : operand == Type::string ? "\"\""
                                               : "null");
}

std::string member_misfit(std::string_view member, Type of) {
  if (of == Type::object || of == Type::null || of == Type::unknown) return {};
  std::string message = fmt::format("{} has no member {}", name(of), in_quotes(member));
  if (of == Type::list) {
    message += fmt::format("; take an element, as [0].{0}, or of all of them pluck(list, \"{0}\")",
                           in_quotes(member).substr(1, in_quotes(member).size() - 2));
  } else {
    message += "; only objects have members";
  }
  return message;
}

std::string index_misfit(Type of, Type index) {
  if (of == Type::null || of == Type::unknown) return {};
  if (of == Type::list) {
    if (index == Type::number || index == Type::unknown) return {};
    return fmt::format("expected a number in the [ ] of a list, found {}", name(index));
  }
  if (of == Type::object) {
    if (index == Type::string || index == Type::unknown) return {};
    return fmt::format("expected a string in the [ ] of an object, found {}", name(index));
  }
  return fmt::format("{} has no elements{}", name(of),
                     of == Type::string ? "; write slice(text, from, to)" : "");
}

Type result_type(Operator operation, Type left, Type right) {
  switch (operation) {
    case Operator::either:
    case Operator::both:
    case Operator::equal:
    case Operator::not_equal:
    case Operator::less:
    case Operator::less_equal:
    case Operator::greater:
    case Operator::greater_equal:
    case Operator::invert: return Type::boolean;
    case Operator::add: return left == Type::unknown ? right : left;
    case Operator::subtract:
    case Operator::multiply:
    case Operator::divide:
    case Operator::remainder:
    case Operator::negate: return Type::number;
    case Operator::otherwise: return left == right ? left : Type::unknown;
  }
  OPALINE_ASSERT(false);
}

Outcome apply(Operator operation, Operand left, Operand right, Budget& budget) {
  const json::value& a = left.get();
  const json::value& b = right.get();
  switch (operation) {
    case Operator::equal: return Operand(json::value(equal(a, b)));
    case Operator::not_equal: return Operand(json::value(!equal(a, b)));
    case Operator::less: return Operand(json::value(order(a, b) < 0));
    case Operator::less_equal: return Operand(json::value(order(a, b) <= 0));
    case Operator::greater: return Operand(json::value(order(a, b) > 0));
    case Operator::greater_equal: return Operand(json::value(order(a, b) >= 0));
    case Operator::add:
      if (!a.is_number()) return joined(std::move(left), std::move(right), budget);
      return calculate(operation, Numbers(a, b));
    case Operator::subtract:
    case Operator::multiply:
    case Operator::divide:
    case Operator::remainder: return calculate(operation, Numbers(a, b));
    case Operator::either:
    case Operator::both:
    case Operator::otherwise:
    case Operator::negate:
    case Operator::invert: break;
  }
  OPALINE_ASSERT(false);
}

Outcome negated(const json::value& number) {
  if (number.is_double()) return Operand(json::value(-number.get_double()));
  return calculate(Operator::subtract, Numbers(json::value(0), number));
}

bool is_true(const json::value& condition) { return condition.is_bool() && condition.get_bool(); }

}  // namespace opaline::flow
