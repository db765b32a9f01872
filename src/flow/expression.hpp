#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "base/result.hpp"
#include "flow/mistakes.hpp"

namespace opaline::flow {

class Budget;
struct ExpressionTree;
struct Shape;

/// What the names of an expression stand for in one evaluation. Borrows: the values and the outer
/// scope must outlive it.
class Scope {
 public:
  /// Names that are not set here are those of `outer`: for the elements of a list.
  [[nodiscard]] static Scope inside(const Scope& outer OPALINE_LIFETIME_BOUND);

  void set(std::string name, const boost::json::value& value);
  void set(std::string name, boost::json::value&& value) = delete;
  /// What `steps.NAME` stands for; a step that is not set is null.
  void set_step(std::string name, const boost::json::value& value);
  void set_step(std::string name, boost::json::value&& value) = delete;

  [[nodiscard]] const boost::json::value* find(std::string_view name) const;
  [[nodiscard]] const boost::json::value* find_step(std::string_view name) const;

 private:
  using Names = std::map<std::string, const boost::json::value*, std::less<>>;

  const Scope* outer_ = nullptr;
  Names names_;
  Names steps_;
};

/// What can be said of a value before anything runs.
enum class Type : std::uint8_t { unknown, null, boolean, number, string, list, object };
/// "a number", for messages.
[[nodiscard]] std::string_view name(Type type);

/// A name that an expression reads.
struct Reference {
  enum class Kind : std::uint8_t { name, step };

  Kind kind = Kind::name;
  std::string name;       ///< "request", or the step's.
  std::size_t place = 0;  ///< Byte offset in the expression.

  friend bool operator==(const Reference&, const Reference&) = default;
};

/// What the names of an expression will stand for, as far as it is known.
struct TypeScope {
  std::map<std::string, Shape, std::less<>> names;
  std::map<std::string, Shape, std::less<>> steps;
};

/// An expression of a flow file (docs/expressions.md): `len(steps.search.retrieved_docs) == 0`.
/// Total: it ends in a time linear in what it reads, without loops, I/O, clock or chance, and
/// builds at most limits::kExpressionResultBytes. A value, immutable; any thread.
class Expression {
 public:
  /// @return the mistake's place is a byte offset in `text`. Bounded by limits::kExpressionBytes
  /// and limits::kExpressionDepth.
  [[nodiscard]] static std::expected<Expression, Mistake> parse(std::string_view text);

  /// An expression at the start of a longer text, and the '}' that ends it.
  struct Prefix;
  /// @param text what follows "${". @return a mistake also when no '}' follows.
  [[nodiscard]] static std::expected<Prefix, Mistake> parse_prefix(std::string_view text);

  /// @error invalid_argument: "in 'a + 1' at column 3: cannot add a string and a number; …": what
  /// was expected and found, never the values themselves. resource_exhausted: the result would be
  /// above its limit.
  [[nodiscard]] base::Result<boost::json::value> evaluate(const Scope& scope) const;
  /// The same, of a budget that several share.
  [[nodiscard]] base::Result<boost::json::value> evaluate(const Scope& scope, Budget& budget) const;
  /// The same for a condition: null counts as false. @error as above; invalid_argument: neither
  /// true, false nor null.
  [[nodiscard]] base::Result<bool> holds(const Scope& scope) const;

  /// All names and steps that it reads, in the order of the text, repeated ones too.
  [[nodiscard]] const std::vector<Reference>& references() const OPALINE_LIFETIME_BOUND;

  /// What kind of value it gives. What is sure to fail, and every name that `scope` does not have,
  /// is a mistake; places are byte offsets in the text.
  [[nodiscard]] Shape type(const TypeScope& scope, std::vector<Mistake>& mistakes) const;

  [[nodiscard]] const std::string& text() const OPALINE_LIFETIME_BOUND;

  friend bool operator==(const Expression& a, const Expression& b) { return a.text() == b.text(); }

 private:
  explicit Expression(std::shared_ptr<const ExpressionTree> tree) : tree_(std::move(tree)) {}

  std::shared_ptr<const ExpressionTree> tree_;  // Shared by the copies of this expression.
};

struct Expression::Prefix {
  Expression expression;
  std::size_t length = 0;  ///< Bytes of the text up to the '}'.
};

/// A type and, where it is known, what is inside.
struct Shape {
  /// Whether an object may have members that `members` does not name.
  enum class Rest : std::uint8_t { possible, none };

  Type type = Type::unknown;
  std::map<std::string, Shape, std::less<>> members;  ///< Of an object.
  Rest rest = Rest::possible;
  std::vector<Shape> element;  ///< Of a list: one, or none when nothing is known of them.

  /// The same, without what is inside when that is much: what is known must not outgrow the file.
  [[nodiscard]] Shape bounded() &&;

  friend bool operator==(const Shape&, const Shape&) = default;
};

}  // namespace opaline::flow
