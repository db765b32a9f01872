#include "contract/json_shape.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "base/limits.hpp"

namespace opaline::contract {
namespace {

namespace json = boost::json;
using base::ErrorCode;

std::string misfit(std::string_view schema, std::string_view value) {
  const auto shape = JsonShape::read(json::parse(schema).as_object());
  if (!shape) return "schema: " + shape.error().message;
  return shape->misfit(json::parse(value)).value_or("");
}

TEST(JsonShape, SaysWhereAValueIsOfAnotherShape) {
  struct Row {
    std::string_view schema;
    std::string_view value;
    std::string_view misfit;
  };
  constexpr std::string_view kDocs =
      R"({"type":"object","required":["docs"],"properties":{"docs":{"type":"array","items":
          {"type":"object","required":["text"],"properties":{"text":{"type":"string"}}}}}})";
  const std::vector<Row> table = {
      {"{}", R"({"any":[null]})", ""},
      {R"({"type":"string"})", R"("a")", ""},
      {R"({"type":"string"})", "7", "expected a string, found a number"},
      {R"({"type":"string"})", "null", "expected a string, found null"},
      {R"({"type":"boolean"})", "true", ""},
      {R"({"type":"boolean"})", "[]", "expected a boolean, found an array"},
      {R"({"type":"null"})", "null", ""},
      {R"({"type":"null"})", "false", "expected null, found a boolean"},
      {R"({"type":"array"})", "{}", "expected an array, found an object"},
      {R"({"type":"object"})", R"("a")", "expected an object, found a string"},
      {R"({"type":"integer"})", "3", ""},
      {R"({"type":"integer"})", "3.0", ""},
      {R"({"type":"integer"})", "18446744073709551615", ""},
      {R"({"type":"integer"})", "3.5", "expected an integer, found 3.5"},
      {R"({"type":"integer"})", R"("3")", "expected an integer, found a string"},
      {R"({"type":"number"})", "3", ""},
      {R"({"type":"number"})", "-1e300", ""},
      {R"({"type":["string","null"]})", "null", ""},
      {R"({"type":["string","null"]})", "1", "expected null or a string, found a number"},
      {kDocs, R"({"docs":[{"text":"a","more":1},{"text":""}]})", ""},
      {kDocs, R"({"docs":[]})", ""},
      {kDocs, R"({})", "/docs: is required, and missing"},
      {kDocs, R"({"docs":{}})", "/docs: expected an array, found an object"},
      {kDocs, R"({"docs":[{"text":"a"},{"text":5}]})",
       "/docs/1/text: expected a string, found a number"},
      {kDocs, R"({"docs":[{}]})", "/docs/0/text: is required, and missing"},
      {R"({"required":["a"]})", "[1]", ""},
      {R"({"items":{"type":"string"}})", R"({"0":1})", ""},
      {R"({"properties":{"a":{"type":"string"}}})", R"("no object")", ""},
      {R"({"enum":["a",1,null]})", "1.0", ""},
      {R"({"enum":["a",1,null]})", R"("b")", R"(expected one of "a", 1, null, found "b")"},
      {R"({"enum":[{"a":[1]}]})", R"({"a":[1.0]})", ""},
      {R"({"enum":[{"a":[1]}]})", R"({"a":[1],"b":2})", R"(expected {"a":[1]}, found an object)"},
      {R"({"enum":[18446744073709551615,-1]})", "18446744073709551615", ""},
      {R"({"const":"v1"})", R"("v1")", ""},
      {R"({"properties":{"k":{"const":"v1"}}})", R"({"k":"v2"})",
       R"(/k: expected "v1", found "v2")"},
      {R"({"properties":{"a/b~c":{"type":"null"}}})", R"({"a/b~c":1})",
       "/a~1b~0c: expected null, found a number"},
      {R"({"properties":{"a":false,"b":true}})", R"({"b":1})", ""},
      {R"({"properties":{"a":false}})", R"({"a":1})", "/a: nothing may be here"},
      {R"({"items":[{"type":"string"}]})", "[1]", ""},
      {R"({"pattern":7,"$ref":"#/a","anyOf":[],"minimum":"x"})", "1", ""}};
  for (const Row& row : table) {
    EXPECT_EQ(misfit(row.schema, row.value), row.misfit) << row.schema << " and " << row.value;
  }
}

TEST(JsonShape, SaysWhereASchemaIsWrong) {
  struct Row {
    std::string_view schema;
    std::string_view mistake;
  };
  const std::vector<Row> table = {
      {R"({"type":12})", "/type: expected null, boolean, "},
      {R"({"type":"text"})", R"(found "text")"},
      {R"({"type":["string",1]})", "found 1"},
      {R"({"type":[]})", "found an array"},
      {R"({"properties":[]})", "/properties: expected an object, found an array"},
      {R"({"properties":{"a":{"items":{"type":"int"}}}})", "/properties/a/items/type: expected "},
      {R"({"properties":{"a":5}})", "/properties/a: expected a schema, found 5"},
      {R"({"items":"string"})", R"(/items: expected a schema, found "string")"},
      {R"({"required":"a"})", R"(/required: expected a list of names, found "a")"},
      {R"({"required":["a",1]})", "/required: expected a list of names, found 1"},
      {R"({"enum":"a"})", R"(/enum: expected a list, found "a")"}};
  for (const Row& row : table) {
    const auto shape = JsonShape::read(json::parse(row.schema).as_object());
    ASSERT_FALSE(shape) << row.schema;
    EXPECT_EQ(shape.error().code, ErrorCode::invalid_argument);
    EXPECT_TRUE(shape.error().message.contains(row.mistake)) << shape.error().message;
  }
}

TEST(JsonShape, IsNoDeeperThanJsonMayBe) {
  json::object schema{{"type", "array"}};
  for (std::size_t i = 1; i < limits::kJsonDepth; ++i) schema = {{"items", std::move(schema)}};
  EXPECT_TRUE(JsonShape::read(schema));
  const auto deeper = JsonShape::read({{"items", schema}});
  ASSERT_FALSE(deeper);
  EXPECT_TRUE(deeper.error().message.contains("nested too deeply")) << deeper.error().message;
}

TEST(JsonShape, TakesEverythingWithoutASchema) { EXPECT_FALSE(JsonShape().misfit(json::value(1))); }

}  // namespace
}  // namespace opaline::contract
