#include "services/dataprep/document_fixture.hpp"
#include "services/dataprep/formats.hpp"

namespace opaline::services::dataprep {
namespace {

TEST(Csv, NamesEachValueByItsColumn) {
  const auto document = parsed(
      "name,price,note\nBolt,1.20,\"M8, zinc \"\"A\"\"\"\nNut,,\"two\nlines\"\n", "parts.csv");
  EXPECT_EQ(document.mime, "text/csv");
  EXPECT_EQ(document.title, "parts");
  EXPECT_EQ(
      outline(document),
      "row: name: Bolt; price: 1.20; note: M8, zinc \"A\"\nrow: name: Nut; note: two lines\n");
}

TEST(Csv, FindsItsDelimiter) {
  EXPECT_EQ(csv_delimiter("a;b;c\n1,5;2,5;3,5\n4,1;5,1;6,1\n"), ';');
  EXPECT_EQ(csv_delimiter("a\tb\n1\t2\n"), '\t');
  EXPECT_EQ(csv_delimiter("a|b\n1|2\n"), '|');
  EXPECT_EQ(csv_delimiter("\"a,b\",c\n\"d,e\",f\n"), ',');
  EXPECT_EQ(csv_delimiter("Dear Sir,\nI write to you, as I said, about money.\nYours,\nme\n"),
            std::nullopt);
  EXPECT_EQ(csv_delimiter("one line, only"), std::nullopt);
}

TEST(Csv, WithoutAHeaderNumbersItsColumns) {
  EXPECT_EQ(outline(parsed("1,2\n3,4\n", "a.csv")),
            "row: column 1: 1; column 2: 2\nrow: column 1: 3; column 2: 4\n");
}

TEST(Csv, AnUnbalancedQuoteCostsOneField) {
  const auto document = parsed("name,size\n\"Bolt,8\nNut,9\nPin,10\n", "a.csv");
  EXPECT_EQ(outline(document),
            "row: name: \"Bolt; size: 8\nrow: name: Nut; size: 9\nrow: name: Pin; size: 10\n");
  ASSERT_EQ(document.warnings.size(), 1U);
  EXPECT_EQ(document.warnings[0], "1 quotes never close and were taken as text");
}

TEST(Csv, ManyUnbalancedQuotesTakeLinearTime) {
  std::string text = "a,b\n";
  for (int i = 0; i < 200'000; ++i) text += "\"x,y\n";
  text += "\"";  // Odd in number.
  EXPECT_FALSE(parsed(text, "a.csv").blocks.empty());
}

TEST(Csv, ReportsRaggedRows) {
  EXPECT_EQ(parsed("a,b\n1,2,3\n4\n5,6\n", "a.csv").warnings.at(0),
            "2 rows have another number of columns than the header");
}

TEST(Csv, OfOneLineIsStillRead) { EXPECT_EQ(parsed("name,price\n", "a.csv").text, "name; price"); }

}  // namespace
}  // namespace opaline::services::dataprep
