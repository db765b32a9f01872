#include "services/dataprep/document_fixture.hpp"

namespace opaline::services::dataprep {
namespace {

TEST(JsonDocument, BecomesPathsAndValues) {
  const auto document = parsed(
      R"({"title": "Config", "server": {"port": 8080, "tags": ["a", "b"], "tls": null}, "version": 1.10, "on": true, "text": "l1\nl2"})",
      "config.json");
  EXPECT_EQ(document.mime, "application/json");
  EXPECT_EQ(document.title, "Config");
  EXPECT_EQ(
      document.text,
      "title: Config\nserver.port: 8080\nserver.tags: a, b\nversion: 1.10\non: true\ntext: l1\nl2");
}

TEST(JsonDocument, MakesArraysOfObjectsRecords) {
  EXPECT_EQ(
      outline(parsed(
          R"({"shop": "X", "items": [{"id": 1, "name": "Bolt"}, {"id": 2, "size": {"w": 1e3}}]})",
          "a.json")),
      "paragraph: shop: X\nheading2: items\nrow: id: 1\\nname: Bolt\nrow: id: 2\\nsize.w: 1e3\n");
  EXPECT_EQ(outline(parsed(R"([{"a": 1}, {"a": 2}])", "a.json")), "row: a: 1\nrow: a: 2\n");
}

TEST(JsonDocument, KeepsRepeatedKeys) {
  EXPECT_EQ(parsed(R"({"a": 1, "a": 2})", "a.json").text, "a: 1\na: 2");
}

TEST(JsonDocument, RefusesABombByItsDepth) {
  EXPECT_EQ(parse_error(std::string(100'000, '['), "a.json"), "nests JSON more than 32 deep");
  EXPECT_EQ(parse_error("{\"a\": " + std::string(40, '[') + std::string(40, ']') + "}", "a.json"),
            "nests JSON more than 32 deep");
}

TEST(JsonDocument, SaysWhereItIsWrong) {
  EXPECT_EQ(parse_error("{\"a\": 1,\n \"b\": }", "a.json"),
            "is not valid JSON: syntax error in line 2");
  EXPECT_EQ(parse_error("{} trailing", "a.json"), "is not valid JSON: extra data in line 1");
}

TEST(JsonDocument, WithoutContentIsNoDocument) {
  EXPECT_EQ(parse_error("{\"a\": null}", "a.json"), "contains no text");
}

TEST(JsonLines, AreARecordALine) {
  const auto document = parsed("{\"q\": \"one\", \"n\": 1}\n\n{\"q\": \"two\"}\n", "a.jsonl");
  EXPECT_EQ(document.mime, "application/jsonl");
  EXPECT_EQ(outline(document), "row: q: one\\nn: 1\nrow: q: two\n");
}

TEST(JsonLines, AreRecognisedInAJsonFile) {
  EXPECT_EQ(outline(parsed("{\"q\": 1}\n{\"q\": 2}\n", "a.json")), "row: q: 1\nrow: q: 2\n");
}

TEST(JsonLines, LeaveOutBadLines) {
  const auto document = parsed("{\"q\": 1}\n{\"q\": \n{\"q\": 3}\n", "a.jsonl");
  EXPECT_EQ(outline(document), "row: q: 1\nrow: q: 3\n");
  ASSERT_EQ(document.warnings.size(), 1U);
  EXPECT_TRUE(document.warnings[0].starts_with("line 2 is not valid JSON")) << document.warnings[0];
  EXPECT_TRUE(parse_error("nonsense\n", "a.jsonl").starts_with("is not valid JSON"));
}

}  // namespace
}  // namespace opaline::services::dataprep
