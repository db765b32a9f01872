#include "store/document_filter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace opaline::store {

using base::ErrorCode;
using ::testing::HasSubstr;

namespace {

const boost::json::object& metadata() {
  static const auto value = boost::json::parse(R"({
    "lang": "en", "year": 2021, "price": 9.5, "draft": false, "gone": null, "tags": ["red", "blue", 7],
    "big": 9007199254740993, "huge": 18446744073709551615,
    "author": {"name": "Ada", "age": 36}, "a.b": "dotted", "a": {"b": "nested", "c.d": {"e": 1}}, "title": "ignored"
  })")
                                .as_object();
  return value;
}

bool admits(std::string_view filter) {
  const auto parsed = DocumentFilter::parse(filter);
  EXPECT_TRUE(parsed.has_value()) << filter << ": " << (parsed ? "" : parsed.error().message);
  return parsed &&
         parsed->admits({"d1", "dir/file.pdf", "The Title", "application/pdf", metadata()});
}

}  // namespace

TEST(DocumentFilter, AnswersEveryOperator) {
  const std::vector<std::pair<const char*, bool>> table = {
      {"", true},
      {"{}", true},
      {R"({"lang": "en"})", true},
      {R"({"lang": "de"})", false},
      {R"({"lang": "EN"})", false},
      {R"({"lang": {"$eq": "en"}})", true},
      {R"({"lang": {"$ne": "en"}})", false},
      {R"({"lang": {"$ne": "de"}})", true},
      {R"({"nowhere": {"$ne": "de"}})", true},
      {R"({"year": 2021})", true},
      {R"({"year": 2021.0})", true},
      {R"({"year": "2021"})", false},
      {R"({"year": {"$gt": 2020}})", true},
      {R"({"year": {"$gt": 2021}})", false},
      {R"({"year": {"$gte": 2021}})", true},
      {R"({"year": {"$lt": 2021}})", false},
      {R"({"year": {"$lt": 2021.5}})", true},
      {R"({"year": {"$lte": 2021}})", true},
      {R"({"year": {"$gte": 2020, "$lt": 2021}})", false},
      {R"({"year": {"$gt": "2020"}})", false},
      {R"({"price": {"$gt": 9}})", true},
      {R"({"lang": {"$gt": "de", "$lt": "fr"}})", true},
      {R"({"nowhere": {"$lt": 5}})", false},
      {R"({"draft": {"$lt": 5}})", false},
      {R"({"big": 9007199254740992})", false},
      {R"({"big": {"$gt": 9007199254740992}})", true},
      {R"({"huge": {"$gt": 9223372036854775807}})", true},
      {R"({"year": {"$lt": 18446744073709551615}})", true},
      {R"({"draft": false})", true},
      {R"({"draft": true})", false},
      {R"({"draft": 0})", false},
      {R"({"gone": null})", true},
      {R"({"nowhere": null})", true},
      {R"({"lang": null})", false},
      {R"({"tags": "red"})", true},
      {R"({"tags": "green"})", false},
      {R"({"tags": {"$ne": "red"}})", false},
      {R"({"tags": {"$gt": 6}})", true},
      {R"({"lang": {"$in": ["de", "en"]}})", true},
      {R"({"lang": {"$in": []}})", false},
      {R"({"lang": {"$nin": []}})", true},
      {R"({"lang": {"$nin": ["de", "en"]}})", false},
      {R"({"tags": {"$in": ["green", 7]}})", true},
      {R"({"nowhere": {"$in": [null]}})", true},
      {R"({"lang": {"$exists": true}})", true},
      {R"({"lang": {"$exists": false}})", false},
      {R"({"nowhere": {"$exists": false}})", true},
      {R"({"gone": {"$exists": true}})", true},
      {R"({"title": {"$exists": true}})", true},
      {R"({"tags": {"$contains": "blue"}})", true},
      {R"({"tags": {"$contains": "blu"}})", false},
      {R"({"lang": {"$contains": "n"}})", true},
      {R"({"lang": {"$contains": 5}})", false},
      {R"({"year": {"$contains": 2021}})", false},
      {R"({"nowhere": {"$contains": "x"}})", false},
      {R"({"author.name": "Ada"})", true},
      {R"({"author.age": {"$gt": 40}})", false},
      {R"({"author.name.first": "Ada"})", false},
      {R"({"a.b": "dotted"})", true},
      {R"({"a.c.d.e": 1})", true},
      {R"({"source": "dir/file.pdf"})", true},
      {R"({"source": {"$contains": "file"}})", true},
      {R"({"title": "The Title"})", true},
      {R"({"mime": {"$in": ["application/pdf"]}})", true},
      {R"({"document_id": "d1"})", true},
      {R"({"document_id": {"$ne": "d1"}})", false},
      {R"({"lang": "en", "year": 2021})", true},
      {R"({"lang": "en", "year": 2020})", false},
      {R"({"$and": [{"lang": "en"}, {"year": 2021}]})", true},
      {R"({"$or": [{"lang": "de"}, {"year": 2021}]})", true},
      {R"({"$or": [{"lang": "de"}, {"year": 2020}]})", false},
      {R"({"$not": {"lang": "de"}})", true},
      {R"({"$not": {"$or": [{"lang": "de"}, {"year": 2021}]}})", false},
      {R"({"year": {"$not": {"$gt": 2021}}})", true},
      {R"({"year": {"$not": {"$gte": 2021}}})", false},
  };
  for (const auto& [filter, wanted] : table) EXPECT_EQ(admits(filter), wanted) << filter;
}

TEST(DocumentFilter, NamesWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"{", "not JSON"},
      {"[]", "object"},
      {"\"x\"", "object"},
      {R"({"$where": "1"})", "$where"},
      {R"({"year": {"$like": "x"}})", "$like"},
      {R"({"year": {"gt": 5}})", "'gt'"},
      {R"({"year": {"$gt": 5, "plain": 1}})", "plain"},
      {R"({"year": {}})", "year"},
      {R"({"year": [1]})", "year"},
      {R"({"": 1})", "name"},
      {R"({"year": {"$gt": null}})", "$gt"},
      {R"({"year": {"$gte": [1]}})", "$gte"},
      {R"({"year": {"$lt": true}})", "$lt"},
      {R"({"year": {"$lte": {}}})", "$lte"},
      {R"({"year": {"$eq": [1]}})", "$eq"},
      {R"({"year": {"$ne": {}}})", "$ne"},
      {R"({"year": {"$in": 1}})", "$in"},
      {R"({"year": {"$in": [[1]]}})", "$in"},
      {R"({"year": {"$nin": "x"}})", "$nin"},
      {R"({"year": {"$exists": 1}})", "$exists"},
      {R"({"year": {"$contains": []}})", "$contains"},
      {R"({"year": {"$not": 5}})", "$not"},
      {R"({"year": {"$not": {"$bad": 5}}})", "$bad"},
      {R"({"$and": {}})", "$and"},
      {R"({"$and": []})", "$and"},
      {R"({"$or": [1]})", "$or"},
      {R"({"$or": [{"year": {"$bad": 1}}]})", "$bad"},
      {R"({"$not": [1]})", "$not"},
  };
  for (const auto& [filter, part] : table) {
    const auto parsed = DocumentFilter::parse(filter);
    ASSERT_FALSE(parsed.has_value()) << filter;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument) << filter;
    EXPECT_THAT(parsed.error().message, HasSubstr(part)) << filter;
  }
}

TEST(DocumentFilter, RefusesDeepNesting) {
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += R"({"$not":)";
  deep += "{}" + std::string(5000, '}');
  EXPECT_EQ(DocumentFilter::parse(deep).error().code, ErrorCode::invalid_argument);
}

TEST(DocumentFilter, KnowsWhenItAdmitsEverything) {
  EXPECT_TRUE(DocumentFilter::parse("")->admits_all());
  EXPECT_TRUE(DocumentFilter::parse("{}")->admits_all());
  EXPECT_FALSE(DocumentFilter::parse(R"({"a":1})")->admits_all());
}

}  // namespace opaline::store
