#include "flow/expression.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "base/limits.hpp"
#include "contract/json_writer.hpp"
#include "flow/expression_functions.hpp"

namespace opaline::flow {
namespace {

namespace json = boost::json;
using base::ErrorCode;

std::string written(const json::value& value) {
  contract::JsonWriter writer;
  writer.value(value);
  return std::move(writer).take();
}

/// What stands in the scope of all tests here.
const json::object& values() {
  static const json::object all = json::parse(R"({
    "request": {"text": "Who?", "k": 3, "half": 0.5, "user": null, "stream": true, "tags": ["a", "b", "c"],
                "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}], "a-b": 1},
    "search": {"retrieved_docs": [{"id": "1", "text": "one"}, {"id": "2", "text": "two"}], "n": 2},
    "llm-small": {"text": "short"},
    "item": {"text": "one"}, "index": 0})")
                                      .as_object();
  return all;
}

Scope scope() {
  Scope scope;
  for (const char* const name : {"request", "item", "index"}) scope.set(name, values().at(name));
  scope.set_step("search", values().at("search"));
  scope.set_step("llm-small", values().at("llm-small"));
  return scope;
}

/// The value as JSON, or "column: message", or "mistake at place: message".
std::string result(std::string_view text) {
  const auto expression = Expression::parse(text);
  if (!expression) {
    return "mistake at " + std::to_string(expression.error().place) + ": " +
           expression.error().message;
  }
  const auto value = expression->evaluate(scope());
  if (value) return written(*value);
  const std::string& message = value.error().message;
  return message.substr(message.find("at column ") + 10);
}

struct Case {
  std::string_view text;
  std::string_view result;
};
void expect(std::initializer_list<Case> cases) {
  for (const Case& one : cases) EXPECT_EQ(result(one.text), one.result) << one.text;
}

TEST(Expression, ReadsLiterals) {
  expect({{"null", "null"},
          {"true", "true"},
          {" false ", "false"},
          {"0", "0"},
          {"-12", "-12"},
          {"0.5", "0.5"},
          {"2e3", "2000"},
          {"9223372036854775807", "9223372036854775807"},
          {"9223372036854775808", "9223372036854775808"},
          {"\"a\"", "\"a\""},
          {"'it\\'s \"so\"'", R"("it's \"so\"")"},
          {R"("\n\t\\\/é😀")", "\"\\n\\t\\\\/é😀\""},
          {"[]", "[]"},
          {"[1, 'a', [null]]", R"([1,"a",[null]])"},
          {"{}", "{}"},
          {"{a: 1, \"b-c\": {d: 2}}", R"({"a":1,"b-c":{"d":2}})"}});
}

TEST(Expression, ReadsMembersAndElements) {
  expect({{"request.text", "\"Who?\""},
          {"request[\"a-b\"]", "1"},
          {"request['te' + 'xt']", "\"Who?\""},
          {"request.tags[0]", "\"a\""},
          {"request.tags[-1]", "\"c\""},
          {"request.tags[1.0]", "\"b\""},
          {"request.tags[request.k - 1]", "\"c\""},
          {"request.messages[-1].content", "\"U\""},
          {"steps.search.retrieved_docs[1].id", "\"2\""},
          {"steps[\"llm-small\"].text", "\"short\""},
          {"steps['search'].n", "2"},
          {"item.text", "\"one\""},
          {"{a: [1, {b: 'x'}]}.a[1].b", "\"x\""}});
}

TEST(Expression, WhatIsMissingIsNull) {
  expect({{"request.nothing", "null"},
          {"request.nothing.of.this[3]['x']", "null"},
          {"request.user.name", "null"},
          {"request.tags[3]", "null"},
          {"request.tags[-4]", "null"},
          {"request.tags[1e300]", "null"},
          {"steps.unrun.text", "null"},
          {"request.user ?? 'nobody'", "\"nobody\""},
          {"request.nothing ?? request.user ?? 3", "3"}});
}

TEST(Expression, Calculates) {
  expect({{"1 + 2 * 3", "7"},
          {"(1 + 2) * 3", "9"},
          {"7 / 2", "3.5"},
          {"6 / 2", "3"},
          {"7 % 3", "1"},
          {"-7 % 3", "-1"},
          {"7.5 % 2", "1.5"},
          {"1 - 2 - 3", "-4"},
          {"--3", "3"},
          {"0.5 + 0.5", "1"},
          {"9223372036854775807 + 1", "9223372036854775808"},
          {"(-9223372036854775807 - 1) / -1", "9223372036854775808"},
          {"(-9223372036854775807 - 1) % -1", "0"},
          {"-(-9223372036854775807 - 1)", "9223372036854775808"},
          {"'a' + \"b\"", "\"ab\""},
          {"[1] + [2, 3]", "[1,2,3]"},
          {"request.tags + [request.k]", R"(["a","b","c",3])"}});
}

TEST(Expression, Compares) {
  expect({{"1 == 1.0", "true"},
          {"1 == '1'", "false"},
          {"null == null", "true"},
          {"request.user == null", "true"},
          {"request.text != null", "true"},
          {"[1, {a: 2}] == [1.0, {a: 2}]", "true"},
          {"{a: 1, b: 2} == {b: 2, a: 1}", "true"},
          {"{a: 1} == {b: 1}", "false"},
          {"1 < 2", "true"},
          {"2 <= 1.5", "false"},
          {"9223372036854775807 > 9223372036854775806", "true"},
          {"'b' > 'a'", "true"},
          {"'a' >= 'a'", "true"}});
}

TEST(Expression, DecidesFromLeftToRightAndStops) {
  expect({{"true && false", "false"},
          {"false || true", "true"},
          {"!request.user", "true"},
          {"request.user && 1 / 0 > 1", "false"},
          {"true || 1 / 0 > 1", "true"},
          {"request.stream ? 'yes' : 1 / 0", "\"yes\""},
          {"false ? 1 : null ? 2 : 3", "3"},
          {"1 ?? 1 / 0", "1"},
          {"!true == false", "true"}});
}

TEST(Expression, KnowsTheRankOfOperators) {
  expect({{"request.nothing ?? 0 > 3", "false"},
          {"1 + 1 == 2 && 2 * 2 == 4 || false", "true"},
          {"null ?? 1 + 2", "3"},
          {"true ? 1 + 1 : 2", "2"},
          {"-request.tags[0] ?? 1", "1: '-' takes a number, not a string"}});
}

TEST(Expression, CallsFunctions) {
  expect({{"len('Zürich')", "6"},
          {"len(request.tags)", "3"},
          {"len({a: 1})", "1"},
          {"lower('ÄÖÜ ΑΒΓ ЖЗ ABC ß')", "\"äöü αβγ жз abc ß\""},
          {"upper('äöü σς ћ abc ß÷')", "\"ÄÖÜ ΣΣ Ћ ABC ß÷\""},
          {"trim(' \\n a b\\t')", "\"a b\""},
          {"contains('abc', 'bc')", "true"},
          {"contains(request.tags, 'b')", "true"},
          {"contains([1, [2]], [2.0])", "true"},
          {"contains({a: null}, 'a')", "true"},
          {"starts_with('abc', 'ab')", "true"},
          {"ends_with('abc', 'ab')", "false"},
          {"replace('a-b-c', '-', '--')", "\"a--b--c\""},
          {"replace('aaa', 'aa', 'b')", "\"ba\""},
          {"split('a,b,,c', ',')", R"(["a","b","","c"])"},
          {"split('', ',')", R"([""])"},
          {"join(request.tags, ', ')", "\"a, b, c\""},
          {"join(['a', 1, null, true, [2]])", "\"a1true[2]\""},
          {"slice('Zürich', 1, 3)", "\"ür\""},
          {"slice('Zürich', -2)", "\"ch\""},
          {"slice('abc', 2, 1)", "\"\""},
          {"slice([1, 2, 3], 1)", "[2,3]"},
          {"slice([1, 2, 3], 0, 99)", "[1,2,3]"},
          {"slice([1, 2, 3], -99, null)", "[1,2,3]"},
          {"first(request.tags)", "\"a\""},
          {"last([1, {a: 2}]).a", "2"},
          {"first([])", "null"},
          {"keys({b: 1, a: 2})", R"(["b","a"])"},
          {"values({b: 1, a: [2]})", "[1,[2]]"},
          {"merge({a: 1, b: 1}, null, {b: {c: 2}})", R"({"a":1,"b":{"c":2}})"},
          {"default('', 'x')", "\"x\""},
          {"default([], [1])", "[1]"},
          {"default(0, 1)", "0"},
          {"number(' 12 ')", "12"},
          {"number('-0.5e1')", "-5"},
          {"number(3)", "3"},
          {"string(1.5)", "\"1.5\""},
          {"string(null)", "\"\""},
          {"string([1, 'a'])", R"("[1,\"a\"]")"},
          {"bool('true')", "true"},
          {"bool(null)", "false"},
          {"json({a: 0.1})", R"("{\"a\":0.1}")"},
          {"json('a')", R"("\"a\"")"},
          {"parse_json('[1, {\"a\": null}]')", R"([1,{"a":null}])"},
          {"pluck(steps.search.retrieved_docs, 'text')", R"(["one","two"])"},
          {"pluck([{a: 1}, null, {b: 2}], 'a')", "[1,null,null]"},
          {"matches('report-2024.pdf', '*.pdf')", "true"},
          {"matches('Zürich', 'Z?r*h')", "true"},
          {"matches('abc', 'a?')", "false"},
          {"matches('', '*')", "true"},
          {"matches('ab', '')", "false"},
          {"matches('aXbXc', 'a*b*c')", "true"},
          {"matches('a.c', 'abc')", "false"}});
}

TEST(Expression, FunctionsOfNullGiveNull) {
  expect({{"lower(request.user)", "null"},
          {"split(null, ',')", "null"},
          {"first(steps.unrun.docs)", "null"},
          {"pluck(null, 'a')", "null"},
          {"question('How long?')", R"("How long?")"},
          {"question([{role: 'user', content: 'a'}, {role: 'assistant', content: 'b'}])", R"("a")"},
          {"question([{role: 'user', content: 'a'}, {role: 'user', content: [{type: 'text', text: "
           "'b'}, {type: 'image_url'}, {type: 'text', text: 'c'}]}])",
           R"("b\nc")"},
          {"question([1, {role: 'system', content: 'a'}])", R"("")"},
          {"question(null)", "null"},
          {"len(steps.unrun.docs) == 0", "true"},
          {"contains(null, 'a')", "false"},
          {"starts_with(null, 'a')", "false"},
          {"json(null)", "\"null\""},
          {"merge(null)", "{}"}});
}

TEST(Expression, SaysAtWhichColumnItFailsAndWhatToDo) {
  expect({
      {"'ü' + 1", "5: cannot add a string and a number; make it text with string(x)"},
      {"1 + null", "3: cannot add a number and null; say what stands for nothing, as in x ?? 0"},
      {"{} + {}", "4: cannot add two objects; write merge(a, b)"},
      {"1 + true",
       "3: cannot add a number and a boolean; '+' takes two numbers, two strings or two lists"},
      {"'a' * 2", "5: '*' takes two numbers, not a string and a number; convert with number(x)"},
      {"1 < 'a'",
       "3: '<' compares two numbers or two strings, not a number and a string; convert one with "
       "number(x) or string(x)"},
      {"null > 1",
       "6: '>' compares two numbers or two strings, not null and a number; say what stands for "
       "nothing, as in x ?? 0"},
      {"1 / 0", "3: division by zero; guard it, as in n == 0 ? 0 : x / n"},
      {"1 % 0.0", "3: division by zero; guard it, as in n == 0 ? 0 : x / n"},
      {"1e308 * 10", "7: the result is too large for a number"},
      {"1 && true", "3: expected true or false for '&&', found a number; compare it, as in x != 0"},
      {"!'a'", "1: expected true or false for '!', found a string; compare it, as in x != \"\""},
      {"[] ? 1 : 2",
       "4: expected true or false for '?', found a list; compare it, as in x != null"},
      {"request.text.size", "14: a string has no member 'size'; only objects have members"},
      {"request.tags.text",
       "14: a list has no member 'text'; take an element, as [0].text, or of all of them "
       "pluck(list, \"text\")"},
      {"request.text[0]", "13: a string has no elements; write slice(text, from, to)"},
      {"request.tags[null]", "13: expected a number in the [ ] of a list, found null"},
      {"request.tags[0.5]", "13: expected a whole number in the [ ] of a list"},
      {"request[0]", "8: expected a string in the [ ] of an object, found a number"},
      {"nobody.text", "1: 'nobody' is not known here"},
      {"lower(1)", "1: lower(text): expected a string for argument 1, found a number"},
      {"split('a', null)",
       "1: split(text, separator): expected a string for argument 2, found null"},
      {"split('a', '')", "1: split() cannot cut at an empty text"},
      {"replace('a', '', 'b')", "1: replace() cannot look for an empty text"},
      {"contains('a', 1)",
       "1: contains() looks for a string in a string, found a number; write string(x)"},
      {"slice([1], 0.5)", "1: expected a whole number for a position"},
      {"number('12a')", "1: this text is no number; number() reads texts as 12, -3 and 0.5"},
      {"number('inf')", "1: this text is no number; number() reads texts as 12, -3 and 0.5"},
      {"bool('yes')", "1: this text is neither 'true' nor 'false'; compare it, as in x == \"yes\""},
      {"pluck([1], 'a')", "1: pluck() takes a list of objects, found a number in it"},
  });
  EXPECT_TRUE(result("parse_json('{')").starts_with("1: this text is no JSON: "));
}

TEST(Expression, AnErrorShowsTheExpressionAndNoValues) {
  const auto value = Expression::parse("request.text + 1")->evaluate(scope());
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(value.error().message,
            "in 'request.text + 1' at column 14: cannot add a string and a number; make it text "
            "with string(x)");
}

TEST(Expression, SaysWhatIsWrongAndWhere) {
  expect({
      {"", "mistake at 0: expected an expression, as request.text, found nothing"},
      {"  ", "mistake at 2: expected an expression, as request.text, found nothing"},
      {"1 +", "mistake at 3: expected a value, found the end"},
      {"1 2", "mistake at 2: expected an operator or the end, found '2'"},
      {"a and b",
       "mistake at 2: expected an operator or the end, found 'and'; 'and' is written '&&'"},
      {"not a", "mistake at 0: 'not' is written '!'"},
      {"a = 1", "mistake at 2: '=' is no operator; compare with '=='"},
      {"a === 1", "mistake at 2: '===' is no operator; write '=='"},
      {"a?.b", "mistake at 1: '?.' is not needed: a member of nothing is null; write '.'"},
      {"a | lower",
       "mistake at 2: '|' is no operator; 'or' is '||', and a function is called as lower(x)"},
      {"1 < 2 < 3", "mistake at 6: comparisons do not chain; write 'a < b && b < c'"},
      {"1 < 2 == true", "mistake at 6: comparisons do not chain; write 'a < b && b < c'"},
      {"(1", "mistake at 2: expected ')' to close '(', found the end"},
      {"[1 2]", "mistake at 3: expected ']' or ',' in a list, found '2'"},
      {"[1,]", "mistake at 3: expected a value, found ']'"},
      {"{1: 2}", "mistake at 1: expected a key, as in {text: request.text}, found '1'"},
      {"{a 2}", "mistake at 3: expected ':' after a key, found '2'"},
      {"{a: 1, a: 2}", "mistake at 7: the key 'a' is here twice"},
      {"a ? 1", "mistake at 5: expected ':' after 'condition ? value', found the end"},
      {"a.",
       "mistake at 2: expected a name after '.', found the end; other members are written "
       "[\"so\"]"},
      {"a.1",
       "mistake at 2: expected a name after '.', found '1'; other members are written [\"so\"]"},
      {"a[1", "mistake at 3: expected ']' after an index, found the end"},
      {"a.len()",
       "mistake at 2: values have no functions of their own; write len(…, as in len(request.text)"},
      {"lenn(a)", "mistake at 0: unknown function 'lenn'; did you mean 'len'?"},
      {"len()", "mistake at 0: len(text | list | object) does not take 0 arguments"},
      {"split('a')", "mistake at 0: split(text, separator) does not take 1 argument"},
      {"len(a b)", "mistake at 6: expected ')' after an argument, found 'b'"},
      {"steps",
       "mistake at 0: say which step, as steps.search or steps[\"my-search\"]; the name is part of "
       "the expression, so that the order of the steps is known"},
      {"steps[request.x]",
       "mistake at 0: say which step, as steps.search or steps[\"my-search\"]; the name is part of "
       "the expression, so that the order of the steps is known"},
      {"'abc", "mistake at 0: this text is not closed; its quote is missing"},
      {"'\\x'",
       "mistake at 1: unknown escape; there are \\\" \\' \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX"},
      {"'\\u12'", "mistake at 1: expected four hexadecimal digits, as in \\u00e9"},
      {"'\\ud83d'", "mistake at 1: half of a pair of \\uXXXX; write the character itself"},
      {"012", "mistake at 0: a number does not begin with 0; leave it out"},
      {"12a", "mistake at 0: expected a number as 12 or 0.5, found '12a'"},
      {"1e999", "mistake at 0: this number is too large or too small"},
      {"a # b", "mistake at 2: '#' means nothing here"},
      {"a ü", "mistake at 2: 'ü' means nothing here"},
      {"a\xff", "mistake at 1: the expression is not UTF-8 here"},
  });
  EXPECT_TRUE(result("exec(a)").starts_with(
      "mistake at 0: unknown function 'exec'; there are bool, contains,"));
}

TEST(Expression, BoundsItsTextAndDepth) {
  const std::string longest = "'" + std::string(limits::kExpressionBytes - 2, 'x') + "'";
  EXPECT_TRUE(Expression::parse(longest));
  EXPECT_EQ(result("1" + std::string(limits::kExpressionBytes, ' ') + "+ 1"),
            "mistake at 4096: an expression has at most 4096 bytes");
  const auto nested = [](std::size_t levels, std::string_view open, std::string_view close) {
    std::string text;
    for (std::size_t i = 0; i < levels; ++i) text += open;
    text += "1";
    for (std::size_t i = 0; i < levels; ++i) text += close;
    return text;
  };
  const std::pair<std::string_view, std::string_view> kBrackets[] = {
      {"(", ")"},          {"[", "]"}, {"{a:", "}"},     {"-", ""},
      {"1+", ""},          {"", "+1"}, {"null ?? ", ""}, {"len([", "])"},
      {"true ? ", " : 1"}, {"", ".a"}, {"1 ? 2 : ", ""}};
  for (const auto& [open, close] : kBrackets) {
    EXPECT_TRUE(Expression::parse(nested(30, open, close))) << open;
    const auto deep = Expression::parse(nested(400, open, close));
    ASSERT_FALSE(deep) << open << close;
    EXPECT_TRUE(deep.error().message.starts_with("an expression is at most 64 levels deep"))
        << deep.error().message;
  }
}

TEST(Expression, BoundsWhatItBuilds) {
  const json::value large(std::string(1024 * 1024, 'x'));
  Scope scope;
  scope.set("x", large);
  for (const std::string_view text :
       {"replace(x, 'x', 'yyyyyyyyyyyyyyyyyyyyyyyyy')", "[x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x]",
        "join([x,x,x,x,x,x,x,x], x)", "split(x, 'x')", "json(json(json(json(split(x, 'xx')))))"}) {
    const auto value = Expression::parse(text)->evaluate(scope);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().code, ErrorCode::resource_exhausted) << text;
    EXPECT_TRUE(value.error().message.contains("larger than 16777216 bytes")) << text;
  }
  EXPECT_TRUE(Expression::parse("len(x) + len(x) + len(x)")->evaluate(scope));
}

TEST(Expression, SearchesInLinearTime) {
  // Quadratic, these would take hours.
  const json::value text(std::string(4 * 1024 * 1024, 'a'));
  const json::value what(std::string(1024 * 1024, 'a') + "b");
  Scope scope;
  scope.set("text", text);
  scope.set("what", what);
  EXPECT_EQ(written(*Expression::parse("contains(text, what)")->evaluate(scope)), "false");
  EXPECT_EQ(
      written(*Expression::parse("matches(text, '*aaaaaaaaaaaaaaa?aaaaaaaaaaaaaaaaaaaaaaaa*b')")
                   ->evaluate(scope)),
      "false");
}

TEST(Expression, APatternIsShort) {
  const std::string longest(limits::kPatternCharacters, '?');
  EXPECT_EQ(result("matches('" + longest + "', '" + longest + "***')"), "true");
  EXPECT_EQ(result("matches('a', '" + longest + "?')"),
            "1: a pattern has at most 60 characters besides its stars");
}

TEST(Expression, AConditionHoldsOrNot) {
  const auto holds = [](std::string_view text) { return Expression::parse(text)->holds(scope()); };
  EXPECT_EQ(holds("request.k > 1"), true);
  EXPECT_EQ(holds("request.user"), false);
  const auto wrong = holds("request.text");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message,
            "in 'request.text' at column 1: expected true or false for a condition, found a "
            "string; compare it, as in x != \"\"");
}

TEST(Expression, AnInnerScopeHidesTheOuter) {
  const Scope outer = scope();
  const json::value element("inner");
  Scope inner = Scope::inside(outer);
  inner.set("item", element);
  const auto value = Expression::parse("[item, index, steps.search.n]")->evaluate(inner);
  EXPECT_EQ(written(*value), R"(["inner",0,2])");
}

TEST(Expression, TellsWhatItReads) {
  const auto expression =
      Expression::parse("steps[\"a-b\"].x ?? len(steps.c) + request.y[item.z] + steps.c.d");
  ASSERT_TRUE(expression);
  std::string all;
  for (const Reference& reference : expression->references()) {
    all += (reference.kind == Reference::Kind::step ? "step " : "") + reference.name + "@" +
           std::to_string(reference.place) + " ";
  }
  EXPECT_EQ(all, "step a-b@6 step c@28 request@33 item@43 step c@59 ");
}

TEST(Expression, IsEqualWhenItsTextIs) {
  EXPECT_EQ(*Expression::parse("1 + 1"), *Expression::parse("1 + 1"));
  EXPECT_FALSE(*Expression::parse("1 + 1") == *Expression::parse("2"));
}

// --- Types

Shape shape(Type type) {
  Shape shape;
  shape.type = type;
  return shape;
}

TypeScope types() {
  TypeScope scope;
  scope.names.emplace("request", shape(Type::object));
  Shape doc = shape(Type::object);
  doc.rest = Shape::Rest::none;
  doc.members.emplace("text", shape(Type::string));
  doc.members.emplace("score", shape(Type::number));
  Shape docs = shape(Type::list);
  docs.element.push_back(doc);
  Shape search = shape(Type::object);
  search.rest = Shape::Rest::none;
  search.members.emplace("retrieved_docs", docs);
  search.members.emplace("count", shape(Type::number));
  scope.steps.emplace("search", search);
  scope.steps.emplace("llm-small", Shape());
  return scope;
}

/// The type, and the mistakes: "a number; 3: …".
std::string typed(std::string_view text) {
  std::vector<Mistake> mistakes;
  const auto expression = Expression::parse(text);
  if (!expression) return expression.error().message;
  std::string all(name(expression->type(types(), mistakes).type));
  for (const Mistake& mistake : mistakes) {
    all += "; " + std::to_string(mistake.place) + ": " + mistake.message;
  }
  return all;
}

TEST(Expression, KnowsItsType) {
  const Case cases[] = {
      {"1 + 2", "a number"},
      {"'a' + request.x", "a string"},
      {"request.x", "a value"},
      {"request.x + 1", "a number"},
      {"request.x + request.y", "a value"},
      {"request.x > 1 && !request.y", "a boolean"},
      {"steps.search.retrieved_docs", "a list"},
      {"steps.search.retrieved_docs[0].text", "a string"},
      {"first(steps.search.retrieved_docs).score", "a number"},
      {"pluck(steps.search.retrieved_docs, 'text')[0]", "a string"},
      {"slice(steps.search.retrieved_docs, 1)[0].text", "a string"},
      {"steps.search.retrieved_docs[0].text ?? 'none'", "a string"},
      {"request.x ?? 'none'", "a value"},
      {"null ?? 1", "a number"},
      {"true ? 1 : 'a'", "a value"},
      {"true ? 1 : 2", "a number"},
      {"[1, 2][0]", "a number"},
      {"[1, 'a'][0]", "a value"},
      {"{a: 1}.a", "a number"},
      {"keys(request)[0]", "a string"},
      {"default(request.x, 1)", "a value"},
      {"null.a[1]", "null"},
      {"len(null)", "a number"},
      {"-request.x", "a number"},
      {"parse_json('1')", "a value"},
  };
  for (const Case& one : cases) EXPECT_EQ(typed(one.text), one.result) << one.text;
}

TEST(Expression, FindsWhatIsSureToFailBeforeItRuns) {
  const Case cases[] = {
      {"reqest.x", "a value; 0: unknown name 'reqest'; did you mean 'request'?"},
      {"search.count", "a value; 0: unknown name 'search'; the step is steps.search"},
      {"len", "a value; 0: unknown name 'len'; a function is called, as len(text | list | object)"},
      {"xyzzy", "a value; 0: unknown name 'xyzzy'; there are request and steps"},
      {"steps.serch", "a value; 6: 'serch' is no step; did you mean 'search'?"},
      {"steps.llm-small",
       "a number; 6: 'llm' is no step; write steps[\"llm-small\"]; 10: unknown name 'small'; there "
       "are request and steps"},
      {"steps.search.docs", "a value; 13: no member 'docs' there; did you mean 'retrieved_docs'?"},
      {"pluck(steps.search.retrieved_docs, 'txt')",
       "a list; 35: no member 'txt' there; did you mean 'text'?"},
      {"steps.search.count + 'a'",
       "a number; 19: cannot add a number and a string; make it text with string(x)"},
      {"steps.search.count && true",
       "a boolean; 19: expected true or false for '&&', found a number; compare it, as in x != 0"},
      {"steps.search.count == 'a'", "a boolean; 19: a number never equals a string"},
      {"steps.search.count < 'a'",
       "a boolean; 19: '<' compares two numbers or two strings, not a number and a string; convert "
       "one with number(x) or string(x)"},
      {"len(steps.search.count)",
       "a number; 0: len(text | list | object): expected a string, a list or an object for "
       "argument 1, found a number"},
      {"steps.search.count.x",
       "a value; 19: a number has no member 'x'; only objects have members"},
      {"steps.search.retrieved_docs['x' + 'y']",
       "an object; 27: expected a number in the [ ] of a list, found a string"},
      {"-'a'", "a number; 0: '-' takes a number, not a string"},
      {"1 ? 2 : 3",
       "a number; 2: expected true or false for '?', found a number; compare it, as in x != 0"},
  };
  for (const Case& one : cases) EXPECT_EQ(typed(one.text), one.result) << one.text;
}

TEST(Expression, FunctionsAreInOrderAndUsedAsTheySay) {
  EXPECT_TRUE(std::ranges::is_sorted(expression_functions(), {}, &ExpressionFunction::name));
  for (const ExpressionFunction& one : expression_functions()) {
    EXPECT_TRUE(one.usage.starts_with(std::string(one.name) + "(")) << one.name;
    EXPECT_GE(one.arguments_min, 1U) << one.name;
  }
}

}  // namespace
}  // namespace opaline::flow
