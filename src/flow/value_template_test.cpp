#include "flow/value_template.hpp"

#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "contract/json_writer.hpp"

namespace opaline::flow {
namespace {

namespace json = boost::json;

std::string written(const json::value& value) {
  contract::JsonWriter writer;
  writer.value(value);
  return std::move(writer).take();
}

const json::value& request() {
  static const json::value value =
      json::parse(R"({"text": "Who?", "k": 3, "tags": ["a", "b"], "none": null, "half": 0.5})");
  return value;
}

Scope scope() {
  Scope scope;
  scope.set("request", request());
  return scope;
}

std::string rendered(std::string_view text) {
  const auto parsed = ValueTemplate::parse(json::parse(text));
  if (!parsed) return parsed.error().message;
  const auto value = parsed->render(scope());
  return value ? written(*value) : value.error().message;
}

TEST(ValueTemplate, AnExpressionAloneIsItsValue) {
  EXPECT_EQ(rendered(R"("${request.tags}")"), R"(["a","b"])");
  EXPECT_EQ(rendered(R"("${ request.k + 1 }")"), "4");
  EXPECT_EQ(rendered(R"("${request.none}")"), "null");
}

TEST(ValueTemplate, AnExpressionAmongCharactersIsText) {
  EXPECT_EQ(rendered(R"("Q: ${request.text}")"), R"("Q: Who?")");
  EXPECT_EQ(rendered(R"("${request.k}${request.half}")"), R"("30.5")");
  EXPECT_EQ(rendered(R"(" ${request.none}|${request.tags}")"), R"(" |[\"a\",\"b\"]")");
}

TEST(ValueTemplate, BracesAndQuotesInsideBelongToTheExpression) {
  EXPECT_EQ(rendered(R"("a ${ {x: '}'}.x } b")"), R"("a } b")");
}

TEST(ValueTemplate, TheTwoCharactersThemselvesAreWrittenWithTwoDollars) {
  EXPECT_EQ(rendered(R"("$${request.k} costs $5 $")"), R"("${request.k} costs $5 $")");
}

TEST(ValueTemplate, GoesThroughListsAndObjectsAndLeavesTheRest) {
  EXPECT_EQ(
      rendered(
          R"({"a": [1, true, null, 0.5, "x", "${request.k}"], "${b}": {"c": "${request.text}"}, "": ""})"),
      R"({"a":[1,true,null,0.5,"x",3],"${b}":{"c":"Who?"},"":""})");
}

TEST(ValueTemplate, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(rendered(R"("${request.k")"),
            "column 3: this '${' is not closed; write '$${' for the two characters themselves");
  EXPECT_EQ(rendered(R"("ü${}")"),
            "column 4: expected an expression, as request.text, found nothing");
  EXPECT_EQ(rendered(R"({"a": [0, {"b": "${1 +}"}]})"),
            "a[1].b, column 6: expected a value, found '}'");
  EXPECT_EQ(rendered(R"("${request.k 3}")"),
            "column 13: expected an operator or the end, found '3'");
  EXPECT_EQ(rendered(R"("x ${request.text + 1}")"),
            "in 'request.text + 1' at column 14: cannot add a string and a number; make it text "
            "with string(x)");
}

TEST(ValueTemplate, OneBudgetIsForAllOfIt) {
  const json::value large(std::string(1024 * 1024, 'x'));
  Scope scope;
  scope.set("x", large);
  std::vector<ValueTemplate> parts(20, *ValueTemplate::parse_text("${x}"));
  const auto value = ValueTemplate(std::move(parts)).render(scope);
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, base::ErrorCode::resource_exhausted);
  const auto text =
      ValueTemplate::parse_text("${x}${x}${x}${x}${x}${x}${x}${x}${x}")->render(scope);
  EXPECT_FALSE(text);
}

TEST(ValueTemplate, TellsItsExpressionsAndTheirPlaces) {
  const auto parsed =
      ValueTemplate::parse(json::parse(R"({"a": ["${request.k}", "x ${item} ${index}"]})"));
  ASSERT_TRUE(parsed);
  std::string all;
  for (const auto& part : parsed->expressions()) {
    all += part.expression.text() + "@" + std::to_string(part.place) + " ";
  }
  EXPECT_EQ(all, "request.k@2 item@4 index@12 ");
  EXPECT_EQ(parsed->find_single(), nullptr);
  EXPECT_NE(ValueTemplate::parse_text("${item}")->find_single(), nullptr);
}

TEST(ValueTemplate, KnowsItsType) {
  TypeScope types;
  types.names["request"].type = Type::object;
  const auto typed = [&types](std::string_view text) {
    std::vector<Mistake> mistakes;
    Shape shape = ValueTemplate::parse_text(text)->type(types, mistakes);
    std::string all(name(shape.type));
    for (const auto& one : mistakes) all += "; " + std::to_string(one.place) + ": " + one.message;
    return all;
  };
  EXPECT_EQ(typed("${1}"), "a number");
  EXPECT_EQ(typed("a${1}"), "a string");
  EXPECT_EQ(typed(""), "a string");
  EXPECT_EQ(typed("a ${-'b'}"), "a string; 4: '-' takes a number, not a string");
}

TEST(ValueTemplate, IsComparedByValue) {
  EXPECT_EQ(*ValueTemplate::parse_text("a${1}"), *ValueTemplate::parse_text("a${1}"));
  EXPECT_FALSE(*ValueTemplate::parse_text("a${1}") == *ValueTemplate::parse_text("a${2}"));
}

}  // namespace
}  // namespace opaline::flow
