#include "contract/hit_json.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace opaline::contract {
namespace {

namespace json = boost::json;

Hit sample() {
  Hit hit;
  hit.id = "c1";
  hit.document_id = "d1";
  hit.source = "guide.md";
  hit.title = "Guide";
  hit.title_path = "A > B";
  hit.text = "Some \"text\".";
  hit.span = {.begin = 10, .end = 22};
  hit.page = 3;
  hit.metadata = json::parse(R"({"lang":"en","year":2020})").as_object();
  hit.scores = {.dense = 0.7, .bm25 = 12.5, .fused = 0.9, .rerank = {}};
  return hit;
}

std::string written(const Hit& hit, HitMembers members) {
  JsonWriter writer;
  write_hit(writer, hit, members);
  return std::move(writer).take();
}

TEST(HitJson, ComesBackAsItWas) {
  EXPECT_EQ(read_hit(json::parse(written(sample(), HitMembers::all)).as_object(), ""), sample());
  EXPECT_EQ(read_hit(json::parse(written(Hit(), HitMembers::all)).as_object(), ""), Hit());
}

TEST(HitJson, RefusesWrongMembers) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {R"({"id":1})", "field 'hits[0].id' must be a string, got 1"},
      {R"({"span":{"begin":9,"end":3}})",
       "field 'hits[0].span.end' must be at least 'begin', got 3"},
      {R"({"span":{"begin":9}})", "field 'hits[0].span.end' must be at least 'begin', got 0"},
      {R"({"span":{"begin":-1,"end":3}})",
       "field 'hits[0].span.begin' must be an integer of at least 0, got -1"},
      {R"({"page":0})", "field 'hits[0].page' must be an integer between 1 and 2147483647, got 0"},
      {R"({"metadata":[]})", "field 'hits[0].metadata' must be an object, got an array"},
      {R"({"scores":{"bm25":"high"}})",
       "field 'hits[0].scores.bm25' must be a number, got \"high\""},
  };
  for (const auto& [text, says] : table) {
    const auto hit = read_hit(json::parse(text).as_object(), "hits[0].");
    ASSERT_FALSE(hit) << text;
    EXPECT_EQ(hit.error().message, says);
  }
}

TEST(HitJson, ReadsPassagesOfEveryForm) {
  const auto list = json::parse(
      R"(["a",{"text":"b","id":"x","metadata":{"k":1},"score":0.5},{"page_content":"c"}])");
  const auto hits = read_passages(list.as_array(), "documents", 3);
  ASSERT_TRUE(hits);
  EXPECT_EQ((*hits)[0].text, "a");
  EXPECT_EQ((*hits)[1].id, "x");
  EXPECT_EQ((*hits)[1].metadata.at("k"), 1);
  EXPECT_EQ((*hits)[1].scores.rerank, 0.5);
  EXPECT_EQ((*hits)[2].text, "c");
  EXPECT_EQ(read_passages(list.as_array(), "documents", 2).error().message,
            "field 'documents' has 3 entries; at most 2 are allowed");
  EXPECT_EQ(read_passages(json::parse("[7]").as_array(), "documents", 9).error().message,
            "field 'documents[0]' must be a string or an object with a \"text\", got 7");
}

TEST(HitJson, CompletesPassagesOnlyFromHitsThatFit) {
  std::vector<Hit> passages(1);
  passages[0].text = sample().text;
  const auto hits =
      json::parse("[" + written(sample(), HitMembers::without_text_and_metadata) + "]");
  auto two = passages;
  two.emplace_back();
  ASSERT_TRUE(complete_passages(passages, hits.as_array()));
  EXPECT_EQ(passages[0].span, sample().span);
  EXPECT_EQ(passages[0].text, sample().text);
  ASSERT_TRUE(complete_passages(two, hits.as_array()));
  EXPECT_EQ(two[0].source, "");
  EXPECT_FALSE(complete_passages(passages, json::parse("[3]").as_array()));
}

}  // namespace
}  // namespace opaline::contract
