#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "flow/expression.hpp"
#include "flow/expression_functions.hpp"
#include "flow/expression_lexer.hpp"
#include "flow/expression_tree.hpp"

namespace opaline::flow {
namespace {

using Kind = ExpressionNode::Kind;
using Index = ExpressionNode::Index;
using Failure = std::unexpected<Mistake>;

/// A binary operator. A higher rank binds tighter.
struct Binary {
  std::string_view sign;
  Operator operation;
  int rank;
};
constexpr int kComparison = 3;
constexpr int kOtherwise = 4;
constexpr std::array<Binary, 14> kBinaries = {{
    {"||", Operator::either, 1},
    {"&&", Operator::both, 2},
    {"==", Operator::equal, kComparison},
    {"!=", Operator::not_equal, kComparison},
    {"<", Operator::less, kComparison},
    {"<=", Operator::less_equal, kComparison},
    {">", Operator::greater, kComparison},
    {">=", Operator::greater_equal, kComparison},
    {"??", Operator::otherwise, kOtherwise},
    {"+", Operator::add, 5},
    {"-", Operator::subtract, 5},
    {"*", Operator::multiply, 6},
    {"/", Operator::divide, 6},
    {"%", Operator::remainder, 6},
}};

/// What stands where an operator should, and what was meant.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kForeignWords = {{
    {"and", "'and' is written '&&'"},
    {"or", "'or' is written '||'"},
    {"is", "compare with '=='"},
    {"in", "write contains(list, value)"},
    {"if", "write 'condition ? yes : no'"},
    {"div", "divide with '/'"},
    {"mod", "the remainder is '%'"},
}};

/// Recursive descent, by ranks for the binary operators:
///
///   expression = binary [ "?" expression ":" expression ]
///   binary     = unary { operator unary }
///   unary      = { "!" | "-" } postfix
///   postfix    = primary { "." name | "[" expression "]" }
///   primary    = number | string | name | function "(" … ")" | "(" expression ")" | list | object
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), lexer_(text) {}

  /// The whole text.
  std::expected<std::shared_ptr<const ExpressionTree>, Mistake> parse() {
    OPALINE_TRY_DO(read());
    if (token_.kind != Token::Kind::end) {
      return wrong(token_.place, unexpected_here());
    }
    return finished(text_);
  }

  /// Up to a '}'.
  std::expected<std::pair<std::shared_ptr<const ExpressionTree>, std::size_t>, Mistake>
  parse_prefix() {
    OPALINE_TRY_DO(read());
    if (token_.kind == Token::Kind::end) {
      return wrong(0, "this '${' is not closed; write '$${' for the two characters themselves");
    }
    if (!token_.is("}")) return wrong(token_.place, unexpected_here());
    return std::pair(finished(text_.substr(0, token_.place)), token_.place);
  }

 private:
  static Failure wrong(std::size_t place, std::string message) {
    return Failure(Mistake{.place = place, .message = std::move(message)});
  }

  std::expected<void, Mistake> read() {
    OPALINE_TRY_DO(advance());
    if (token_.kind == Token::Kind::end || token_.is("}")) {
      return wrong(token_.place, "expected an expression, as request.text, found nothing");
    }
    OPALINE_TRY_DO(expression());
    return {};
  }

  std::shared_ptr<const ExpressionTree> finished(std::string_view text) {
    tree_.text = text;
    std::ranges::sort(tree_.references, {}, &Reference::place);
    return std::make_shared<const ExpressionTree>(std::move(tree_));
  }

  // --- Words.

  std::expected<void, Mistake> advance() {
    auto token = lexer_.next();
    if (!token) return std::unexpected(std::move(token).error());
    token_ = *std::move(token);
    if (token_.place > limits::kExpressionBytes) {
      return wrong(limits::kExpressionBytes,
                   fmt::format("an expression has at most {} bytes", limits::kExpressionBytes));
    }
    return {};
  }

  /// Passes `sign` over. @return whether it stood here.
  std::expected<bool, Mistake> take(std::string_view sign) {
    if (!token_.is(sign)) return false;
    OPALINE_TRY_DO(advance());
    return true;
  }

  std::expected<void, Mistake> expect(std::string_view sign, std::string_view after) {
    if (!token_.is(sign)) {
      return wrong(token_.place, fmt::format("expected '{}' {}, found {}", sign, after, found()));
    }
    return advance();
  }

  std::string found() const {
    return token_.kind == Token::Kind::end ? "the end" : in_quotes(token_.text);
  }

  std::string unexpected_here() const {
    std::string message = "expected an operator or the end, found " + found();
    for (const auto& [word, remedy] : kForeignWords) {
      if (token_.text == word) message += "; " + std::string(remedy);
    }
    if (token_.kind == Token::Kind::string) message += "; texts are put together with '+'";
    return message;
  }

  // --- Nodes.

  std::expected<Index, Mistake> add(ExpressionNode node, std::size_t place) {
    node.place = static_cast<std::uint32_t>(place);
    for (const Index part : node.parts) {
      node.height = std::max(node.height, tree_.nodes[part].height + 1);
    }
    if (node.height > limits::kExpressionDepth) return too_deep(place);
    tree_.nodes.push_back(std::move(node));
    return static_cast<Index>(tree_.nodes.size() - 1);
  }

  static Failure too_deep(std::size_t place) {
    return wrong(place,
                 fmt::format("an expression is at most {} levels deep, one for each operator "
                             "and bracket; spread this over steps, or use join(list)",
                             limits::kExpressionDepth));
  }

  std::expected<Index, Mistake> expression() {
    if (depth_ == limits::kExpressionDepth) return too_deep(token_.place);
    ++depth_;
    auto result = conditional();
    --depth_;
    return result;
  }

  std::expected<Index, Mistake> conditional() {
    OPALINE_TRY(const Index condition, binary(0));
    const std::size_t place = token_.place;
    OPALINE_TRY(const bool chosen, take("?"));
    if (!chosen) return condition;
    OPALINE_TRY(const Index yes, expression());
    OPALINE_TRY_DO(expect(":", "after 'condition ? value'"));
    OPALINE_TRY(const Index no, expression());
    return add({.kind = Kind::conditional, .parts = {condition, yes, no}}, place);
  }

  /// @param rank operators of a lower one are left to the caller.
  std::expected<Index, Mistake> binary(int rank) {
    OPALINE_TRY(Index left, unary());
    bool compared = false;
    for (;;) {
      const auto* const found_one = std::ranges::find_if(
          kBinaries, [this](const Binary& one) { return token_.is(one.sign); });
      if (found_one == kBinaries.end() || found_one->rank < rank) return left;
      const std::size_t place = token_.place;
      if (found_one->rank == kComparison && std::exchange(compared, true)) {
        return wrong(place, "comparisons do not chain; write 'a < b && b < c'");
      }
      OPALINE_TRY_DO(advance());
      // "a ?? b ?? c" is read from the right: no value is looked at in vain.
      const bool from_right = found_one->rank == kOtherwise;
      if (from_right && depth_ == limits::kExpressionDepth) return too_deep(place);
      if (from_right) ++depth_;
      auto right = binary(found_one->rank + (from_right ? 0 : 1));
      if (from_right) --depth_;
      if (!right) return right;
      OPALINE_TRY(
          left,
          add({.kind = Kind::binary, .operation = found_one->operation, .parts = {left, *right}},
              place));
    }
  }

  std::expected<Index, Mistake> unary() {
    const std::size_t place = token_.place;
    const bool negated = token_.is("-");
    if (!negated && !token_.is("!")) return postfix();
    if (depth_ == limits::kExpressionDepth) return too_deep(place);
    OPALINE_TRY_DO(advance());
    ++depth_;
    auto operand = unary();
    --depth_;
    if (!operand) return operand;
    return add({.kind = Kind::unary,
                .operation = negated ? Operator::negate : Operator::invert,
                .parts = {*operand}},
               place);
  }

  std::expected<Index, Mistake> postfix() {
    OPALINE_TRY(Index value, primary());
    for (;;) {
      const std::size_t place = token_.place;
      if (token_.is(".")) {
        OPALINE_TRY_DO(advance());
        OPALINE_TRY(const Token member, member_name());
        if (token_.is("(")) {
          return wrong(member.place,
                       fmt::format("values have no functions of their own; write {0}(…, as in "
                                   "len(request.text)",
                                   member.text));
        }
        OPALINE_TRY(value,
                    add({.kind = Kind::member, .text = std::string(member.text), .parts = {value}},
                        member.place));
      } else if (token_.is("[")) {
        OPALINE_TRY_DO(advance());
        OPALINE_TRY(const Index index, expression());
        OPALINE_TRY_DO(expect("]", "after an index"));
        OPALINE_TRY(value, subscript(value, index, place));
      } else {
        return value;
      }
    }
  }

  std::expected<Token, Mistake> member_name() {
    if (token_.kind != Token::Kind::name) {
      return wrong(token_.place, "expected a name after '.', found " + found() +
                                     "; other members are written [\"so\"]");
    }
    Token name = std::move(token_);
    OPALINE_TRY_DO(advance());
    return name;
  }

  /// `value["name"]` is a member like `value.name`.
  std::expected<Index, Mistake> subscript(Index value, Index index, std::size_t place) {
    const ExpressionNode& by = tree_.nodes[index];
    if (by.kind == Kind::literal && by.value.is_string()) {
      const std::string text(by.value.get_string());
      return add({.kind = Kind::member, .text = text, .parts = {value}}, place);
    }
    return add({.kind = Kind::index, .parts = {value, index}}, place);
  }

  std::expected<Index, Mistake> primary() {
    Token token = token_;
    switch (token.kind) {
      case Token::Kind::number:
      case Token::Kind::string:
        OPALINE_TRY_DO(advance());
        return add({.kind = Kind::literal, .value = std::move(token.value)}, token.place);
      case Token::Kind::name: OPALINE_TRY_DO(advance()); return named(token);
      case Token::Kind::sign:
        if (token.is("(")) return group();
        if (token.is("[")) return list();
        if (token.is("{")) return object();
        break;
      case Token::Kind::end: break;
    }
    return wrong(token.place, "expected a value, found " + found());
  }

  std::expected<Index, Mistake> group() {
    OPALINE_TRY_DO(advance());
    OPALINE_TRY(const Index value, expression());
    OPALINE_TRY_DO(expect(")", "to close '('"));
    return value;
  }

  /// A word constant, a function, `steps.NAME`, or a name of the scope.
  std::expected<Index, Mistake> named(const Token& token) {
    if (token_.is("(")) return call(token);
    if (token.text == "true" || token.text == "false") {
      return add({.kind = Kind::literal, .value = token.text == "true"}, token.place);
    }
    if (token.text == "null") return add({.kind = Kind::literal}, token.place);
    if (token.text == "steps") return step(token);
    if (token.text == "not") return wrong(token.place, "'not' is written '!'");
    tree_.references.push_back(
        {.kind = Reference::Kind::name, .name = std::string(token.text), .place = token.place});
    return add({.kind = Kind::name, .text = std::string(token.text)}, token.place);
  }

  std::expected<Index, Mistake> step(const Token& steps) {
    std::string name;
    std::size_t place = 0;
    OPALINE_TRY(const bool dotted, take("."));
    if (dotted) {
      OPALINE_TRY(const Token member, member_name());
      name = member.text;
      place = member.place;
    } else if (token_.is("[")) {
      OPALINE_TRY_DO(advance());
      place = token_.place;
      if (token_.kind == Token::Kind::string) name = std::string(token_.value.get_string());
      if (!name.empty()) {
        OPALINE_TRY_DO(advance());
        OPALINE_TRY_DO(expect("]", "after the name of a step"));
      }
    }
    if (name.empty()) {
      return wrong(steps.place,
                   "say which step, as steps.search or steps[\"my-search\"]; the name is part of "
                   "the expression, so that the order of the steps is known");
    }
    tree_.references.push_back({.kind = Reference::Kind::step, .name = name, .place = place});
    return add({.kind = Kind::step, .text = std::move(name)}, place);
  }

  std::expected<Index, Mistake> call(const Token& token) {
    const ExpressionFunction* const function = find_function(token.text);
    if (function == nullptr) {
      std::vector<std::string_view> names;
      for (const ExpressionFunction& one : expression_functions()) names.push_back(one.name);
      std::string near = suggestion(token.text, names);
      if (near.empty()) near = "; there are " + listed(names);
      return wrong(token.place, "unknown function " + in_quotes(token.text) + near);
    }
    OPALINE_TRY_DO(advance());
    OPALINE_TRY(std::vector<Index> arguments, items(")", "after an argument"));
    if (arguments.size() < function->arguments_min || arguments.size() > function->arguments_max) {
      return wrong(token.place, fmt::format("{} does not take {} argument{}", function->usage,
                                            arguments.size(), arguments.size() == 1 ? "" : "s"));
    }
    return add({.kind = Kind::call, .parts = std::move(arguments), .function = function},
               token.place);
  }

  /// Values with commas between them, up to and with `end`.
  std::expected<std::vector<Index>, Mistake> items(std::string_view end, std::string_view after) {
    std::vector<Index> parts;
    OPALINE_TRY(bool ended, take(end));
    while (!ended) {
      OPALINE_TRY(const Index part, expression());
      parts.push_back(part);
      OPALINE_TRY(const bool more, take(","));
      if (more) continue;
      OPALINE_TRY_DO(expect(end, after));
      ended = true;
    }
    return parts;
  }

  std::expected<Index, Mistake> list() {
    const std::size_t place = token_.place;
    OPALINE_TRY_DO(advance());
    OPALINE_TRY(std::vector<Index> parts, items("]", "or ',' in a list"));
    return add({.kind = Kind::list, .parts = std::move(parts)}, place);
  }

  std::expected<Index, Mistake> object() {
    ExpressionNode node{.kind = Kind::object};
    const std::size_t place = token_.place;
    OPALINE_TRY_DO(advance());
    OPALINE_TRY(bool ended, take("}"));
    while (!ended) {
      if (token_.kind != Token::Kind::name && token_.kind != Token::Kind::string) {
        return wrong(token_.place, "expected a key, as in {text: request.text}, found " + found());
      }
      std::string key = token_.kind == Token::Kind::name ? std::string(token_.text)
                                                         : std::string(token_.value.get_string());
      if (std::ranges::find(node.keys, key) != node.keys.end()) {
        return wrong(token_.place, "the key " + in_quotes(key) + " is here twice");
      }
      OPALINE_TRY_DO(advance());
      OPALINE_TRY_DO(expect(":", "after a key"));
      OPALINE_TRY(const Index part, expression());
      node.keys.push_back(std::move(key));
      node.parts.push_back(part);
      OPALINE_TRY(const bool more, take(","));
      if (more) continue;
      OPALINE_TRY_DO(expect("}", "or ',' in an object"));
      ended = true;
    }
    return add(std::move(node), place);
  }

  std::string_view text_;
  ExpressionLexer lexer_;
  Token token_;
  ExpressionTree tree_;
  std::size_t depth_ = 0;
};

std::expected<void, Mistake> check_text(std::string_view text) {
  if (base::is_utf8(text)) return {};
  std::size_t at = 0;
  while (const std::size_t length = base::utf8_sequence(text.substr(at))) at += length;
  return Failure(Mistake{.place = at, .message = "the expression is not UTF-8 here"});
}

}  // namespace

std::expected<Expression, Mistake> Expression::parse(std::string_view text) {
  OPALINE_TRY_DO(check_text(text));
  OPALINE_TRY(auto tree, Parser(text).parse());
  return Expression(std::move(tree));
}

std::expected<Expression::Prefix, Mistake> Expression::parse_prefix(std::string_view text) {
  OPALINE_TRY(auto parsed, Parser(text).parse_prefix());
  OPALINE_TRY_DO(check_text(text.substr(0, parsed.second)));
  return Prefix{.expression = Expression(std::move(parsed.first)), .length = parsed.second};
}

}  // namespace opaline::flow
