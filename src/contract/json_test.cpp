#include "contract/json.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "base/limits.hpp"

namespace opaline::contract {
namespace {

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

struct BadJson {
  std::string text;
  std::string says;
};

TEST(ParseJson, SaysWhatIsWrongAndWhere) {
  const std::vector<BadJson> table = {
      {"", "it ends too early (line 1, byte 0)"},
      {"{\"a\":", "it ends too early (line 1, byte 5)"},
      {"{\"a\":1}\n}", "something follows after its end (line 2, byte 8)"},
      {"{\n\"a\": tru}", "syntax error (line 2"},
      {"{'a': 1}", "syntax error (line 1"},
      {"[1,]", "syntax error"},
      {"NaN", "syntax error"},
      {"{\"a\":\"\xFF\"}", "not valid UTF-8"},
      {nested(limits::kJsonDepth + 1), "nested too deeply"},
      {"\"\\ud800\"", "the body is not valid JSON"},
  };
  for (const auto& [text, says] : table) {
    const auto value = parse_json(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().code, base::ErrorCode::invalid_argument);
    EXPECT_NE(value.error().message.find(says), std::string::npos)
        << text << " → " << value.error().message;
  }
}

TEST(ParseJson, TakesWhatIsAllowed) {
  EXPECT_TRUE(parse_json(nested(limits::kJsonDepth)));
  EXPECT_TRUE(parse_json(" {\"a\" : [1, 2.5, \"\\u00e4\"]} \n"));
  EXPECT_EQ(parse_json_object(R"({"a":1,"a":2})")->at("a"), 2);
}

TEST(ParseJson, AMessageMustBeAnObject) {
  EXPECT_EQ(parse_json_object("[1]").error().message,
            "the body must be a JSON object, got an array");
  EXPECT_EQ(parse_json_object("\"x\"").error().message,
            "the body must be a JSON object, got \"x\"");
}

TEST(Fields, CoercesAsOpeaClientsNeed) {
  const auto object = boost::json::parse(
      R"({"s":"x","i":"7","d":"0.5","t":"True","f":"False","whole":3.0,"one":1,"list":"single","nil":null})");
  Fields fields(object.as_object());
  EXPECT_EQ(fields.text("s"), "x");
  EXPECT_EQ(fields.integer("i", {}), 7);
  EXPECT_EQ(fields.number("d", {}), 0.5);
  EXPECT_EQ(fields.flag("t"), true);
  EXPECT_EQ(fields.flag("f"), false);
  EXPECT_EQ(fields.integer("whole", {}), 3);
  EXPECT_EQ(fields.flag("one"), true);
  EXPECT_EQ(fields.texts("list"), std::vector<std::string>{"single"});
  EXPECT_EQ(fields.text("nil"), std::nullopt);
  EXPECT_EQ(fields.integer("absent", {}), std::nullopt);
  EXPECT_TRUE(fields.check());
}

using Read = std::function<void(Fields&)>;
struct WrongField {
  std::string json;
  Read read;
  std::string says;
};

TEST(Fields, NameTheFieldWhatWasExpectedAndWhatCame) {
  const std::vector<WrongField> table = {
      {R"({"a":5})", [](Fields& f) { f.text("a"); }, "field 'a' must be a string, got 5"},
      {R"({"a":"abc"})", [](Fields& f) { f.number("a", {.min = 0, .max = 1}); },
       "field 'a' must be a number between 0 and 1, got \"abc\""},
      {R"({"a":1.5})", [](Fields& f) { f.number("a", {.min = 0, .max = 1}); },
       "field 'a' must be a number between 0 and 1, got 1.5"},
      {R"({"a":1e999})", [](Fields& f) { f.number("a", {}); },
       "field 'a' must be a number, got null"},
      {R"({"a":1.5})", [](Fields& f) { f.integer("a", {.min = 1}); },
       "field 'a' must be an integer of at least 1, got 1.5"},
      {R"({"a":true})", [](Fields& f) { f.integer("a", {.max = 9}); },
       "field 'a' must be an integer of at most 9, got true"},
      {R"({"a":""})", [](Fields& f) { f.integer("a", {}); },
       "field 'a' must be an integer, got \"\""},
      {R"({"a":"maybe"})", [](Fields& f) { f.flag("a"); },
       "field 'a' must be true or false, got \"maybe\""},
      {R"({"a":2})", [](Fields& f) { f.flag("a"); }, "field 'a' must be true or false, got 2"},
      {R"({"a":{}})", [](Fields& f) { f.texts("a"); },
       "field 'a' must be a string or a list of strings, got an object"},
      {R"({"a":["x",1]})", [](Fields& f) { f.texts("a"); }, "field 'a[1]' must be a string, got 1"},
      {R"({"a":{}})", [](Fields& f) { f.array("a"); }, "field 'a' must be a list, got an object"},
      {R"({"a":[]})", [](Fields& f) { f.object("a"); },
       "field 'a' must be an object, got an array"},
  };
  for (const auto& [json, read, says] : table) {
    const auto object = boost::json::parse(json);
    Fields fields(object.as_object());
    read(fields);
    ASSERT_FALSE(fields.check()) << json;
    EXPECT_EQ(fields.check().error().message, says);
  }
}

TEST(Fields, KeepTheFirstMistakeAndCutLongValues) {
  const auto object = boost::json::parse(R"({"a":1,"b":2,"c":")" + std::string(100, 'x') + "\"}");
  Fields fields(object.as_object(), "outer.");
  fields.text("a");
  fields.text("b");
  EXPECT_EQ(fields.check().error().message, "field 'outer.a' must be a string, got 1");
  Fields again(object.as_object());
  again.flag("c");
  EXPECT_LT(again.check().error().message.size(), 100U);
}

}  // namespace
}  // namespace opaline::contract
