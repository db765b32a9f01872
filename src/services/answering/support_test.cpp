#include "services/answering/support.hpp"

#include <gtest/gtest.h>

namespace opaline::services {
namespace {

std::vector<contract::Hit> sources() {
  std::vector<contract::Hit> made(2);
  made[0].title_path = "RADIUS";
  made[0].text = "The default port is 1812. Passwords are sent in clear text.\nUse it with care.";
  made[1].text = "An index can have 32 columns at most. Building an index locks the table.";
  return made;
}

TEST(SupportCheck, FindsTheSentenceThatSaysIt) {
  const auto hits = sources();
  const auto support = SupportCheck(hits).find("The RADIUS port is 1812 by default.");
  ASSERT_TRUE(support);
  EXPECT_TRUE(support->sufficient);
  EXPECT_EQ(support->source, 0U);
  EXPECT_EQ(support->range.of(hits[0].text), "The default port is 1812.");
}

TEST(SupportCheck, FindsWhatTwoNeighboursSayTogether) {
  const auto hits = sources();
  const auto support =
      SupportCheck(hits).find("An index of 32 columns locks the table while building.");
  ASSERT_TRUE(support);
  EXPECT_TRUE(support->sufficient);
  EXPECT_EQ(support->range.of(hits[1].text), hits[1].text);
}

TEST(SupportCheck, WantsEveryNumberAndName) {
  const auto hits = sources();
  EXPECT_FALSE(SupportCheck(hits).find("The default port is 1813.")->sufficient);
  EXPECT_FALSE(SupportCheck(hits).find("The default port of Oracle is 1812.")->sufficient);
}

TEST(SupportCheck, WantsMostOfTheWords) {
  const auto hits = sources();
  const auto support = SupportCheck(hits).find("Tables of wood are made by carpenters.");
  ASSERT_TRUE(support);
  EXPECT_FALSE(support->sufficient);
}

TEST(SupportCheck, LooksAtOneSourceOnRequest) {
  const auto hits = sources();
  EXPECT_FALSE(SupportCheck(hits).find("The default port is 1812.", 1)->sufficient);
  EXPECT_TRUE(SupportCheck(hits).find("The default port is 1812.", 0)->sufficient);
}

TEST(SupportCheck, LooksAtHeadingsAndLongCodeToo) {
  std::vector<contract::Hit> hits(1);
  hits[0].text = "Deleting everything\n\nIt is done like this.\n\n";
  for (int i = 0; i < 60; ++i) hits[0].text += "call(" + std::to_string(i) + ");\n";
  const auto code = SupportCheck(hits).find("call(17)");
  ASSERT_TRUE(code);
  EXPECT_TRUE(code->sufficient);
  EXPECT_EQ(code->range.of(hits[0].text), "call(17);");
  const auto heading = SupportCheck(hits).find("Everything is deleted.");
  ASSERT_TRUE(heading);
  EXPECT_EQ(heading->range.of(hits[0].text), "Deleting everything");
}

TEST(SupportCheck, SaysNothingAboutNothing) {
  const auto hits = sources();
  EXPECT_FALSE(SupportCheck(hits).find("It is."));
  EXPECT_FALSE(SupportCheck({}).find("The default port is 1812."));
}

}  // namespace
}  // namespace opaline::services
