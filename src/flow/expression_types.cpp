#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "flow/expression.hpp"
#include "flow/expression_functions.hpp"
#include "flow/expression_operators.hpp"
#include "flow/expression_tree.hpp"

namespace opaline::flow {
namespace {

using Kind = ExpressionNode::Kind;
using Index = ExpressionNode::Index;

Shape shape(Type type) { return {.type = type, .members = {}, .rest = {}, .element = {}}; }

Shape list_of(Shape element) {
  Shape list = shape(Type::list);
  list.element.push_back(std::move(element));
  return std::move(list).bounded();
}

/// What a value is that is either of two; nothing is passed over.
Shape either(Shape a, Shape b) {
  if (a.type == Type::null) return b;
  if (b.type == Type::null || a == b) return a;
  return shape(a.type == b.type ? a.type : Type::unknown);
}

std::vector<std::string_view> keys_of(const std::map<std::string, Shape, std::less<>>& map) {
  std::vector<std::string_view> keys;
  keys.reserve(map.size());
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

/// "; did you mean …?", or what there is.
std::string near(std::string_view wrong, const std::vector<std::string_view>& names,
                 std::string_view what) {
  std::string text = suggestion(wrong, names);
  if (text.empty() && !names.empty() && names.size() <= 16) {
    text = fmt::format("; {} {}", what, listed(names));
  }
  return text;
}

/// Goes through an expression as an evaluation would, with types instead of values.
class Typing {
 public:
  Typing(const ExpressionTree& tree, const TypeScope& scope, std::vector<Mistake>& mistakes)
      : tree_(tree), scope_(scope), mistakes_(mistakes) {}

  Shape run() { return of(static_cast<Index>(tree_.nodes.size() - 1)); }

 private:
  void note(const ExpressionNode& node, std::string message) {
    if (!message.empty()) mistakes_.push_back({.place = node.place, .message = std::move(message)});
  }

  /// Looking for a near name takes time: nobody reads the hundredth. Then it is only counted.
  bool worth_a_message(const ExpressionNode& node) {
    if (mistakes_.size() < Mistakes::kShown) return true;
    note(node, "unknown name");
    return false;
  }

  Shape of(Index index) {
    const ExpressionNode& node = tree_.nodes[index];
    switch (node.kind) {
      case Kind::literal: return shape(type_of(node.value));
      case Kind::name: return name_of(node);
      case Kind::step: return step(node);
      case Kind::member: return member(node, of(node.parts[0]), node.text);
      case Kind::index: return element(node);
      case Kind::list: return list(node);
      case Kind::object: {
        Shape object{.type = Type::object, .members = {}, .rest = Shape::Rest::none, .element = {}};
        for (std::size_t i = 0; i < node.parts.size(); ++i) {
          object.members.emplace(node.keys[i], of(node.parts[i]));
        }
        return std::move(object).bounded();
      }
      case Kind::call: return call(node);
      case Kind::unary: return unary(node);
      case Kind::binary: return binary(node);
      case Kind::conditional: {
        note(node, condition_misfit("'?'", of(node.parts[0]).type));
        Shape yes = of(node.parts[1]);
        return either(std::move(yes), of(node.parts[2]));
      }
    }
    OPALINE_ASSERT(false);
  }

  Shape name_of(const ExpressionNode& node) {
    const auto found = scope_.names.find(node.text);
    if (found != scope_.names.end()) return found->second;
    if (!worth_a_message(node)) return {};
    std::vector<std::string_view> names = keys_of(scope_.names);
    std::string message = "unknown name " + in_quotes(node.text);
    if (scope_.steps.contains(node.text)) {
      message += fmt::format("; the step is steps.{}", node.text);
    } else if (find_function(node.text)) {
      message += fmt::format("; a function is called, as {}", find_function(node.text)->usage);
    } else {
      names.emplace_back("steps");
      message += near(node.text, names, "there are");
    }
    note(node, std::move(message));
    return {};
  }

  Shape step(const ExpressionNode& node) {
    const auto found = scope_.steps.find(node.text);
    if (found != scope_.steps.end()) return found->second;
    if (!worth_a_message(node)) return {};
    const std::vector<std::string_view> names = keys_of(scope_.steps);
    // steps.llm-small is the step 'llm' less 'small'.
    const auto dashed = std::ranges::find_if(names, [&node](std::string_view name) {
      return name.starts_with(node.text + "-") || name.starts_with(node.text + ".");
    });
    note(node, in_quotes(node.text) + " is no step" +
                   (dashed == names.end() ? near(node.text, names, "the steps are")
                                          : fmt::format("; write steps[\"{}\"]", *dashed)));
    return {};
  }

  Shape member(const ExpressionNode& node, const Shape& whole, std::string_view name) {
    note(node, member_misfit(name, whole.type));
    if (whole.type == Type::null) return shape(Type::null);
    if (whole.type != Type::object) return {};
    const auto found = whole.members.find(name);
    if (found != whole.members.end()) return found->second;
    if (whole.rest == Shape::Rest::none) {
      note(node, fmt::format("no member {} there{}", in_quotes(name),
                             near(name, keys_of(whole.members), "there are")));
    }
    return {};
  }

  Shape element(const ExpressionNode& node) {
    const Shape whole = of(node.parts[0]);
    const Shape index = of(node.parts[1]);
    note(node, index_misfit(whole.type, index.type));
    if (whole.type == Type::null) return shape(Type::null);
    return whole.element.empty() ? Shape() : whole.element.front();
  }

  Shape list(const ExpressionNode& node) {
    Shape element = shape(Type::null);
    for (const Index part : node.parts) element = either(std::move(element), of(part));
    return node.parts.empty() ? shape(Type::list) : list_of(std::move(element));
  }

  Shape call(const ExpressionNode& node) {
    const ExpressionFunction& function = *node.function;
    std::vector<Shape> arguments;
    for (const Index part : node.parts) {
      arguments.push_back(of(part));
      const std::size_t index = arguments.size() - 1;
      if (!function.accepts(index, arguments[index].type)) {
        note(node, function.misfit(index, arguments[index].type));
      }
    }
    if (function.name == "default") return either(arguments[0], arguments[1]);
    if (function.name == "slice" && arguments[0].type != Type::null) return arguments[0];
    if (function.name == "keys" || function.name == "split") return list_of(shape(Type::string));
    const std::vector<Shape>& element = arguments[0].element;
    if (function.name == "first" || function.name == "last") {
      return element.empty() ? Shape() : element.front();
    }
    if (function.name == "pluck" && !element.empty()) return plucked(node, element.front());
    return shape(function.gives);
  }

  Shape plucked(const ExpressionNode& node, const Shape& element) {
    const ExpressionNode& field = tree_.nodes[node.parts[1]];
    if (field.kind != Kind::literal || !field.value.is_string()) return shape(Type::list);
    return list_of(member(field, element, field.value.get_string()));
  }

  Shape unary(const ExpressionNode& node) {
    const Shape operand = of(node.parts[0]);
    if (node.operation == Operator::invert) {
      note(node, condition_misfit("'!'", operand.type));
      return shape(Type::boolean);
    }
    note(node, negation_misfit(operand.type));
    return shape(Type::number);
  }

  Shape binary(const ExpressionNode& node) {
    Shape left = of(node.parts[0]);
    Shape right = of(node.parts[1]);
    switch (node.operation) {
      case Operator::both:
      case Operator::either: {
        const std::string what = in_quotes(symbol(node.operation));
        note(node, condition_misfit(what, left.type));
        note(node, condition_misfit(what, right.type));
        return shape(Type::boolean);
      }
      case Operator::otherwise: return either(std::move(left), std::move(right));
      case Operator::equal:
      case Operator::not_equal: {
        const bool known = left.type != Type::unknown && left.type != Type::null &&
                           right.type != Type::unknown && right.type != Type::null;
        if (known && left.type != right.type) {
          note(node,
               fmt::format("{} never equals {}", flow::name(left.type), flow::name(right.type)));
        }
        return shape(Type::boolean);
      }
      case Operator::less:
      case Operator::less_equal:
      case Operator::greater:
      case Operator::greater_equal:
      case Operator::add:
      case Operator::subtract:
      case Operator::multiply:
      case Operator::divide:
      case Operator::remainder:
      case Operator::negate:
      case Operator::invert: break;
    }
    note(node, binary_misfit(node.operation, left.type, right.type));
    return shape(result_type(node.operation, left.type, right.type));
  }

  const ExpressionTree& tree_;
  const TypeScope& scope_;
  std::vector<Mistake>& mistakes_;
};

std::size_t size_of(const Shape& shape) {
  std::size_t size = 1;
  for (const auto& [key, member] : shape.members) size += size_of(member);
  for (const Shape& element : shape.element) size += size_of(element);
  return size;
}

}  // namespace

Shape Shape::bounded() && {
  constexpr std::size_t kMost = 100;  // Shapes inside.
  return size_of(*this) > kMost ? shape(type) : std::move(*this);
}

Shape Expression::type(const TypeScope& scope, std::vector<Mistake>& mistakes) const {
  return Typing(*tree_, scope, mistakes).run();
}

}  // namespace opaline::flow
