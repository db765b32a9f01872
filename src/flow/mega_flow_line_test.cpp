#include "flow/mega_flow_line.hpp"

#include <gtest/gtest.h>

#include "contract/service.hpp"

namespace opaline::flow {
namespace {

/// "(a b) c": groups in parentheses, stages apart by a space.
std::string shape(std::string_view text) {
  const auto parsed = parse_mega_flow_line(text);
  if (!parsed) return "mistake: " + parsed.error().message;
  std::string shape;
  for (const auto& stage : parsed->stages) {
    if (!shape.empty()) shape += ' ';
    if (stage.size() > 1) shape += '(';
    for (const auto& name : stage) {
      if (&name != &stage.front()) shape += ' ';
      shape += name.text;
    }
    if (stage.size() > 1) shape += ')';
  }
  return shape;
}

TEST(MegaFlowLine, ReadsChainsAndGroups) {
  EXPECT_EQ(shape("a"), "a");
  EXPECT_EQ(shape("a >> b >> c"), "a b c");
  EXPECT_EQ(shape("(a, b) >> c >> (d, e)"), "(a b) c (d e)");
  EXPECT_EQ(shape("(a) >> (b)"), "a b");
}

TEST(MegaFlowLine, WhiteSpaceMeansNothing) {
  EXPECT_EQ(shape("  (a,b)>>c\t>>\r\n d "), "(a b) c d");
}

TEST(MegaFlowLine, NamesMayHaveDotsDashesAndUnderscores) {
  EXPECT_EQ(shape("embedding-tei >> my_llm.v2>>-"), "embedding-tei my_llm.v2 -");
}

TEST(MegaFlowLine, KnowsThePlaceOfEachName) {
  const auto parsed = parse_mega_flow_line(" (a, bc) >> d");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->stages[0][0].place, 2U);
  EXPECT_EQ(parsed->stages[0][1].place, 5U);
  EXPECT_EQ(parsed->stages[1][0].place, 12U);
}

TEST(MegaFlowLine, SaysWhatIsWrongAndWhere) {
  const struct {
    std::string text;
    std::size_t place;
    std::string message;
  } cases[] = {
      {"", 0, "expected steps, as in 'embedding >> retrieval'"},
      {"  ", 2, "expected steps, as in 'embedding >> retrieval'"},
      {"a >>", 4, "expected the name of a service, found the end"},
      {">> a", 0, "expected the name of a service, found '>>'"},
      {"a >> >> b", 5, "expected the name of a service, found '>>'"},
      {"a > b", 2, "expected '>>' between two steps, found '>'"},
      {"a -> b", 2, "expected '>>' between two steps, found '->'"},
      {"a->b", 1, "expected '>>' between two steps, found '->'"},
      {"a b", 2, "expected '>>' between two steps, found 'b'"},
      {"a, b >> c", 1, "steps side by side go into parentheses: '(a, b) >> c'"},
      {"(a, b", 0, "this '(' is not closed; inside a YAML [list], quote the expression"},
      {"a >> (b,", 5, "this '(' is not closed; inside a YAML [list], quote the expression"},
      {"(a b)", 3, "expected ',' or ')', found 'b'"},
      {"(a, (b))", 4, "a group cannot hold another group"},
      {"()", 1, "expected the name of a service, found ')'"},
      {"(a,)", 3, "expected the name of a service, found ')'"},
      {"(a, a)", 4, "'a' is in this group twice"},
      {"a)", 1, "expected '>>' between two steps, found ')'"},
      {"a >> ü", 5, "expected the name of a service, found 'ü'"},
      {"a >> <b>", 5, "expected the name of a service, found '<'"},
      {std::string(65, 'x'), 0, "a name has at most 64 characters"},
      {std::string("a\0b", 3), 1, "expected '>>' between two steps, found '\\x00'"},
  };
  for (const auto& one : cases) {
    const auto parsed = parse_mega_flow_line(one.text);
    ASSERT_FALSE(parsed) << one.text;
    EXPECT_EQ(parsed.error().message, one.message) << one.text;
    EXPECT_EQ(parsed.error().place, one.place) << one.text;
  }
}

TEST(MegaFlowLine, BoundsTheNumberOfSteps) {
  std::string text = "a";
  for (int i = 1; i < 256; ++i) text += ">>a";
  EXPECT_TRUE(parse_mega_flow_line(text));
  EXPECT_EQ(shape(text + ">>a"), "mistake: a flow has at most 256 steps");
}

TEST(ServiceName, HasASmallAlphabet) {
  EXPECT_TRUE(contract::is_service_name("embedding-tei_v1.5"));
  EXPECT_TRUE(contract::is_service_name(std::string(64, 'x')));
  for (const std::string& wrong : {std::string(), std::string("a b"), std::string("a/b"),
                                   std::string("<b>"), std::string("ü"), std::string(65, 'x')}) {
    EXPECT_FALSE(contract::is_service_name(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace opaline::flow
