#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdint>

#include "base/assert.hpp"
#include "base/utf8.hpp"
#include "contract/json.hpp"
#include "flow/expression.hpp"
#include "flow/expression_tree.hpp"
#include "flow/value_template.hpp"

namespace {

namespace json = boost::json;
using namespace opaline::flow;

/// What a scope holds, and what is said of it before: nothing, so that every value may come.
const json::object& values() {
  static const json::object all = opaline::contract::parse_json_object(R"({
    "request": {"text": "Zürich, ZÜRICH", "k": 3, "max": 9223372036854775807, "min": -9223372036854775808,
                "flags": [true, false, null], "messages": [{"role": "user", "content": "a,b,,c"}], "half": 0.5},
    "search": {"retrieved_docs": [{"id": "1", "text": "one", "score": 0.75}, {"id": "2"}], "json": "[1, {\"a\": null}]"},
    "item": "x", "index": 0, "error": null})")
                                      .value();
  return all;
}

}  // namespace

/// Any bytes are either an expression, whose evaluation ends with a value or an error that has a
/// column, and never contradicts the type that was told before; or a mistake at a place of the
/// text. The same bytes as a template. Reading and evaluating twice gives the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  Scope scope;
  TypeScope types;
  for (const char* const name : {"request", "item", "index", "error"}) {
    scope.set(name, values().at(name));
    types.names.emplace(name, Shape());
  }
  scope.set_step("search", values().at("search"));
  types.steps.emplace("search", Shape());

  const auto expression = Expression::parse(text);
  if (!expression) {
    OPALINE_ASSERT(expression.error().place <= size);
    OPALINE_ASSERT(!expression.error().message.empty());
    OPALINE_ASSERT(opaline::base::is_utf8(expression.error().message));
  } else {
    OPALINE_ASSERT(expression->text() == text);
    for (const Reference& reference : expression->references()) {
      OPALINE_ASSERT(reference.place < size);
    }
    std::vector<Mistake> mistakes;
    const Shape shape = expression->type(types, mistakes);
    for (const Mistake& mistake : mistakes) OPALINE_ASSERT(mistake.place < size);
    const auto value = expression->evaluate(scope);
    const auto again = expression->evaluate(scope);
    OPALINE_ASSERT(value.has_value() == again.has_value());
    OPALINE_ASSERT(!value || json::serialize(*value) == json::serialize(*again));
    if (!value) {
      OPALINE_ASSERT(value.error().message.contains("at column "));
      OPALINE_ASSERT(opaline::base::is_utf8(value.error().message));
    } else if (mistakes.empty() && shape.type != Type::unknown && !value->is_null()) {
      OPALINE_ASSERT(shape.type == type_of(*value));
    }
  }
  if (const auto whole = ValueTemplate::parse_text(text)) {
    std::vector<Mistake> mistakes;
    (void)whole->type(types, mistakes);
    for (const Mistake& mistake : mistakes) OPALINE_ASSERT(mistake.place < size);
    (void)whole->render(scope);
  } else {
    OPALINE_ASSERT(whole.error().place <= size);
  }
  return 0;
}
