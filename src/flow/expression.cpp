#include "flow/expression.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "flow/expression_functions.hpp"
#include "flow/expression_operators.hpp"
#include "flow/expression_tree.hpp"

namespace opaline::flow {
namespace {

namespace json = boost::json;
using Kind = ExpressionNode::Kind;
using Index = ExpressionNode::Index;

/// Why there is no value, and at which node.
struct Failure {
  std::size_t place = 0;
  Refusal refusal;
};
using Evaluated = std::expected<Operand, Failure>;

std::unexpected<Failure> failed(const ExpressionNode& node, std::string message) {
  return std::unexpected(Failure{.place = node.place, .refusal = {.message = std::move(message)}});
}

template <class T>
std::expected<T, Failure> at(const ExpressionNode& node, std::expected<T, Refusal> outcome) {
  if (outcome) return *std::move(outcome);
  return std::unexpected(Failure{.place = node.place, .refusal = std::move(outcome).error()});
}

/// A part of `whole`, which is null when there is none.
Operand part_of(Operand whole, const json::value* part) {
  if (part == nullptr) return Operand();
  if (whole.is_borrowed()) return Operand::borrowed(*part);
  // The part is inside of `whole`, which is ours to take apart.
  return Operand(std::move(const_cast<json::value&>(*part)));
}

/// One evaluation. Its depth is that of the tree.
class Evaluation {
 public:
  Evaluation(const ExpressionTree& tree, const Scope& scope, Budget& budget)
      : tree_(tree), scope_(scope), budget_(budget) {}

  Evaluated run() { return evaluate(static_cast<Index>(tree_.nodes.size() - 1)); }

 private:
  Evaluated evaluate(Index index) {
    const ExpressionNode& node = tree_.nodes[index];
    switch (node.kind) {
      case Kind::literal: return Operand::borrowed(node.value);
      case Kind::name: return name_of(node);
      case Kind::step: {
        const json::value* const step = scope_.find_step(node.text);
        return step ? Operand::borrowed(*step) : Operand();
      }
      case Kind::member: return member(node);
      case Kind::index: return element(node);
      case Kind::list: return list(node);
      case Kind::object: return object(node);
      case Kind::call: return call(node);
      case Kind::unary: return unary(node);
      case Kind::binary: return binary(node);
      case Kind::conditional: {
        OPALINE_TRY(const bool chosen, condition(node, node.parts[0]));
        return evaluate(node.parts[chosen ? 1 : 2]);
      }
    }
    OPALINE_ASSERT(false);
  }

  Evaluated name_of(const ExpressionNode& node) const {
    const json::value* const value = scope_.find(node.text);
    if (value == nullptr) return failed(node, in_quotes(node.text) + " is not known here");
    return Operand::borrowed(*value);
  }

  Evaluated member(const ExpressionNode& node) {
    OPALINE_TRY(Operand whole, evaluate(node.parts[0]));
    if (std::string wrong = member_misfit(node.text, type_of(whole.get())); !wrong.empty()) {
      return failed(node, std::move(wrong));
    }
    const json::value* part = nullptr;
    if (whole.get().is_object()) part = whole.get().get_object().if_contains(node.text);
    return part_of(std::move(whole), part);
  }

  Evaluated element(const ExpressionNode& node) {
    OPALINE_TRY(Operand whole, evaluate(node.parts[0]));
    OPALINE_TRY(const Operand index, evaluate(node.parts[1]));
    const json::value& of = whole.get();
    const json::value& by = index.get();
    if (std::string wrong = index_misfit(type_of(of), type_of(by)); !wrong.empty()) {
      return failed(node, std::move(wrong));
    }
    if (of.is_null()) return Operand();
    if (of.is_object()) {
      const json::value* const part = of.get_object().if_contains(by.get_string());
      return part_of(std::move(whole), part);
    }
    const double position = by.to_number<double>();
    if (std::trunc(position) != position) {
      return failed(node, "expected a whole number in the [ ] of a list");
    }
    const json::array& elements = of.get_array();
    const auto size = static_cast<double>(elements.size());
    const double from_start = position < 0 ? position + size : position;
    if (from_start < 0 || from_start >= size) return Operand();
    const json::value& part = elements[static_cast<std::size_t>(from_start)];
    return part_of(std::move(whole), &part);
  }

  Evaluated list(const ExpressionNode& node) {
    json::array elements;
    for (const Index part : node.parts) {
      OPALINE_TRY(json::value value, own(node, part));
      elements.push_back(std::move(value));
    }
    return Operand(json::value(std::move(elements)));
  }

  Evaluated object(const ExpressionNode& node) {
    json::object members;
    for (std::size_t i = 0; i < node.parts.size(); ++i) {
      OPALINE_TRY(json::value value, own(node, node.parts[i]));
      members.insert_or_assign(node.keys[i], std::move(value));
    }
    return Operand(json::value(std::move(members)));
  }

  std::expected<json::value, Failure> own(const ExpressionNode& node, Index part) {
    OPALINE_TRY(Operand operand, evaluate(part));
    return at(node, taken(std::move(operand), budget_));
  }

  Evaluated call(const ExpressionNode& node) {
    const ExpressionFunction& function = *node.function;
    std::vector<Operand> arguments;
    arguments.reserve(node.parts.size());
    for (const Index part : node.parts) {
      OPALINE_TRY(Operand argument, evaluate(part));
      const Type type = type_of(argument.get());
      if (!function.accepts(arguments.size(), type)) {
        return failed(node, function.misfit(arguments.size(), type));
      }
      arguments.push_back(std::move(argument));
    }
    if (arguments[0].get().is_null()) {
      switch (function.of_null) {
        case ExpressionFunction::OfNull::is_called: break;
        case ExpressionFunction::OfNull::null: return Operand();
        case ExpressionFunction::OfNull::zero: return Operand(json::value(0));
        case ExpressionFunction::OfNull::no: return Operand(json::value(false));
      }
    }
    return at(node, function.call(arguments, budget_));
  }

  Evaluated unary(const ExpressionNode& node) {
    if (node.operation == Operator::invert) {
      OPALINE_TRY(const bool holds, condition(node, node.parts[0]));
      return Operand(json::value(!holds));
    }
    OPALINE_TRY(const Operand operand, evaluate(node.parts[0]));
    if (std::string wrong = negation_misfit(type_of(operand.get())); !wrong.empty()) {
      return failed(node, std::move(wrong));
    }
    return at(node, negated(operand.get()));
  }

  Evaluated binary(const ExpressionNode& node) {
    if (node.operation == Operator::both || node.operation == Operator::either) {
      OPALINE_TRY(const bool first, condition(node, node.parts[0]));
      const bool decided = first == (node.operation == Operator::either);
      if (decided) return Operand(json::value(first));
      OPALINE_TRY(const bool second, condition(node, node.parts[1]));
      return Operand(json::value(second));
    }
    OPALINE_TRY(Operand left, evaluate(node.parts[0]));
    if (node.operation == Operator::otherwise) {
      if (!left.get().is_null()) return left;
      return evaluate(node.parts[1]);
    }
    OPALINE_TRY(Operand right, evaluate(node.parts[1]));
    const Type left_type = type_of(left.get());
    const Type right_type = type_of(right.get());
    if (std::string wrong = binary_misfit(node.operation, left_type, right_type); !wrong.empty()) {
      return failed(node, std::move(wrong));
    }
    return at(node, apply(node.operation, std::move(left), std::move(right), budget_));
  }

  std::expected<bool, Failure> condition(const ExpressionNode& node, Index part) {
    OPALINE_TRY(const Operand operand, evaluate(part));
    const std::string_view what =
        node.kind == Kind::conditional ? std::string_view("?") : symbol(node.operation);
    std::string wrong = condition_misfit(in_quotes(what), type_of(operand.get()));
    if (!wrong.empty()) return failed(node, std::move(wrong));
    return is_true(operand.get());
  }

  const ExpressionTree& tree_;
  const Scope& scope_;
  Budget& budget_;
};

base::Error error_of(const ExpressionTree& tree, const Failure& failure) {
  const std::size_t column =
      1 + base::utf8_length(std::string_view(tree.text).substr(0, failure.place));
  return {.code = failure.refusal.code,
          .message = fmt::format("in {} at column {}: {}", in_quotes(tree.text), column,
                                 failure.refusal.message),
          .detail = {}};
}

}  // namespace

Scope Scope::inside(const Scope& outer) {
  Scope scope;
  scope.outer_ = &outer;
  return scope;
}

void Scope::set(std::string name, const json::value& value) {
  names_.insert_or_assign(std::move(name), &value);
}

void Scope::set_step(std::string name, const json::value& value) {
  steps_.insert_or_assign(std::move(name), &value);
}

const json::value* Scope::find(std::string_view name) const {
  if (const auto found = names_.find(name); found != names_.end()) return found->second;
  return outer_ ? outer_->find(name) : nullptr;
}

const json::value* Scope::find_step(std::string_view name) const {
  if (const auto found = steps_.find(name); found != steps_.end()) return found->second;
  return outer_ ? outer_->find_step(name) : nullptr;
}

std::string_view name(Type type) {
  switch (type) {
    case Type::unknown: return "a value";
    case Type::null: return "null";
    case Type::boolean: return "a boolean";
    case Type::number: return "a number";
    case Type::string: return "a string";
    case Type::list: return "a list";
    case Type::object: return "an object";
  }
  OPALINE_ASSERT(false);
}

Type type_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return Type::null;
    case json::kind::bool_: return Type::boolean;
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_: return Type::number;
    case json::kind::string: return Type::string;
    case json::kind::array: return Type::list;
    case json::kind::object: return Type::object;
  }
  OPALINE_ASSERT(false);
}

base::Result<json::value> Expression::evaluate(const Scope& scope) const {
  Budget budget(limits::kExpressionResultBytes);
  return evaluate(scope, budget);
}

base::Result<json::value> Expression::evaluate(const Scope& scope, Budget& budget) const {
  auto operand = Evaluation(*tree_, scope, budget).run();
  if (!operand) return base::fail(error_of(*tree_, operand.error()));
  auto value = taken(*std::move(operand), budget);
  if (value) return *std::move(value);
  return base::fail(error_of(*tree_, {.place = 0, .refusal = std::move(value).error()}));
}

base::Result<bool> Expression::holds(const Scope& scope) const {
  Budget budget(limits::kExpressionResultBytes);
  const auto operand = Evaluation(*tree_, scope, budget).run();
  if (!operand) return base::fail(error_of(*tree_, operand.error()));
  std::string wrong = condition_misfit("a condition", type_of(operand->get()));
  if (wrong.empty()) return is_true(operand->get());
  return base::fail(error_of(*tree_, {.place = 0, .refusal = {.message = std::move(wrong)}}));
}

const std::vector<Reference>& Expression::references() const { return tree_->references; }

const std::string& Expression::text() const { return tree_->text; }

}  // namespace opaline::flow
