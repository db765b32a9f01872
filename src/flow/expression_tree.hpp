#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "flow/expression.hpp"

namespace opaline::flow {

struct ExpressionFunction;

enum class Operator : std::uint8_t {
  either,         ///< ||
  both,           ///< &&
  equal,          ///< ==
  not_equal,      ///< !=
  less,           ///< <
  less_equal,     ///< <=
  greater,        ///< >
  greater_equal,  ///< >=
  otherwise,      ///< ??
  add,            ///< +
  subtract,       ///< -
  multiply,       ///< *
  divide,         ///< /
  remainder,      ///< %
  negate,         ///< - before its operand
  invert,         ///< !
};
[[nodiscard]] std::string_view symbol(Operator operation);

/// One operation of an expression; its operands are other nodes of the tree.
struct ExpressionNode {
  enum class Kind : std::uint8_t {
    literal,      ///< value
    name,         ///< text
    step,         ///< text
    member,       ///< parts[0].text
    index,        ///< parts[0][parts[1]]
    list,         ///< parts
    object,       ///< keys and parts, one each
    call,         ///< function and parts
    unary,        ///< operation and parts[0]
    binary,       ///< operation, parts[0] and parts[1]
    conditional,  ///< parts[0] ? parts[1] : parts[2]
  };
  using Index = std::uint32_t;

  Kind kind = Kind::literal;
  Operator operation = Operator::equal;
  std::uint32_t place = 0;   ///< Byte offset in the text, for messages.
  std::uint32_t height = 1;  ///< Levels below and with it.
  std::string text;
  boost::json::value value;
  std::vector<std::string> keys;
  std::vector<Index> parts;
  const ExpressionFunction* function = nullptr;
};

/// A parsed expression. Invariant: operands stand before what uses them, so the last node is the
/// root; no node is higher than limits::kExpressionDepth.
struct ExpressionTree {
  std::string text;
  std::vector<ExpressionNode> nodes;
  std::vector<Reference> references;

  [[nodiscard]] const ExpressionNode& root() const { return nodes.back(); }
};

/// The type of a value that is there.
[[nodiscard]] Type type_of(const boost::json::value& value);

}  // namespace opaline::flow
