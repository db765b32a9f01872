#include "contract/retrieval_json.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace opaline::contract {
namespace {

namespace json = boost::json;
using Style = RetrievalForm::Style;
using Type = SearchParameters::Type;

Hit hit(std::string id, std::string text, std::string metadata) {
  Hit one;
  one.id = std::move(id);
  one.text = std::move(text);
  one.document_id = "d";
  one.source = "s.md";
  one.span = {.begin = 1, .end = 5};
  one.scores.dense = 0.5;
  one.metadata = json::parse(metadata).as_object();
  return one;
}

RetrievalReply reply() {
  return {.query = "q",
          .hits = {hit("1", "one", R"({"a":1})"), hit("2", "two", "{}")},
          .top_n = 3,
          .warnings = {}};
}

TEST(RetrievalJson, ChoosesTheStyleAsOpeaDoes) {
  const std::vector<std::pair<std::string, Style>> table = {
      {R"({"text":"q","embedding":[1,2]})", Style::document},
      {R"({"text":"q"})", Style::document},
      {R"({"text":["q"],"embedding":[[1,2]]})", Style::document},
      {R"({"text":"q","embedding":[1],"messages":"m"})", Style::document},
      {R"({"embedding":[1,2]})", Style::openai},
      {R"({"input":"q","embedding":[1,2]})", Style::openai},
      {R"({"messages":[{"role":"user","content":"q"}]})", Style::chat},
      {R"({"messages":"q","k":"2"})", Style::chat},
  };
  for (const auto& [body, style] : table) {
    const auto call = read_retrieval_request(body);
    ASSERT_TRUE(call) << body << call.error().message;
    EXPECT_EQ(call->form.style, style) << body;
  }
}

TEST(RetrievalJson, ReadsEveryParameter) {
  const auto call =
      read_retrieval_request(R"({"input":"q","embedding":{"data":[{"index":0,"embedding":[0.5,1]}]},
      "search_type":"mmr","k":7,"fetch_k":3,"lambda_mult":"0.25","score_threshold":0.4,"distance_threshold":1.5,
      "index_name":"docs","constraints":{"lang":"en"},"mode":"keyword","fusion":"rrf","dense_weight":0.6,"top_n":2})");
  ASSERT_TRUE(call) << call.error().message;
  const RetrievalRequest& request = call->request;
  EXPECT_EQ(request.embedding, (std::vector<float>{0.5F, 1}));
  EXPECT_EQ(request.search.type, Type::mmr);
  EXPECT_EQ(request.search.k, 7);
  EXPECT_EQ(request.search.fetch_k, 7) << "never below k";
  EXPECT_EQ(request.search.lambda_mult, 0.25);
  EXPECT_EQ(request.search.score_threshold, 0.4);
  EXPECT_EQ(request.search.distance_threshold, 1.5);
  EXPECT_EQ(request.search.collection, "docs");
  EXPECT_EQ(request.search.filter.at("lang"), "en");
  EXPECT_EQ(request.search.mode, SearchParameters::Mode::keyword);
  EXPECT_EQ(request.search.fusion, SearchParameters::Fusion::reciprocal_rank);
  EXPECT_EQ(request.search.dense_weight, 0.6);
  EXPECT_EQ(request.top_n, 2);
}

TEST(RetrievalJson, NothingAndZeroMeanTheDefault) {
  const auto call =
      read_retrieval_request(R"({"text":"q","k":0,"fetch_k":0,"top_n":0,"index_name":null})");
  ASSERT_TRUE(call);
  EXPECT_EQ(call->request.search.k, 4);
  EXPECT_EQ(call->request.search.fetch_k, 20);
  EXPECT_EQ(call->request.top_n, 1);
  EXPECT_EQ(call->request.search.collection, "default");
}

TEST(RetrievalJson, RefusesWrongFields) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"{}", "field 'text' (or 'input') is required: the question to search for"},
      {R"({"text":""})", "field 'text' (or 'input') is required: the question to search for"},
      {R"({"text":["a","b"]})", "field 'text' must be one question; send one request for each"},
      {R"({"text":"q","embedding":["a"]})", "field 'embedding[0]' must be a number, got \"a\""},
      {R"({"text":"q","embedding":"x"})",
       "field 'embedding' must be a list of numbers or an embedding reply, got \"x\""},
      {R"({"text":"q","embedding":{"data":[]}})",
       "field 'embedding' must be a list of numbers or an embedding reply, got an object"},
      {R"({"text":"q","k":1001})", "field 'k' must be an integer between 0 and 1000, got 1001"},
      {R"({"text":"q","k":-1})", "field 'k' must be an integer between 0 and 1000, got -1"},
      {R"({"text":"q","search_type":"best"})",
       "field 'search_type' must be one of \"similarity\", \"similarity_score_threshold\", "
       "\"similarity_distance_threshold\", \"mmr\", got \"best\""},
      {R"({"text":"q","lambda_mult":2})",
       "field 'lambda_mult' must be a number between 0 and 1, got 2"},
      {R"({"text":"q","score_threshold":[]})",
       "field 'score_threshold' must be a number between 0 and 1, got an array"},
      {R"({"text":"q","distance_threshold":3})",
       "field 'distance_threshold' must be a number between 0 and 2, got 3"},
      {R"({"text":"q","constraints":[]})", "field 'constraints' must be an object, got an array"},
      {R"({"messages":[]})", "field 'messages' must hold a user message with text"},
  };
  for (const auto& [body, says] : table) {
    const auto call = read_retrieval_request(body);
    ASSERT_FALSE(call) << body;
    EXPECT_EQ(call.error().message, says) << body;
  }
}

TEST(RetrievalJson, WritesWhatTheMegaserviceSends) {
  RetrievalRequest request{.text = "q", .embedding = {0.5F, 1}, .search = {}, .top_n = 2};
  const std::string body = write_retrieval_request(request);
  const std::string_view fixed =
      R"({"text":"q","embedding":[0.5,1],"search_type":"similarity","k":4,"distance_threshold":null,"fetch_k":20,)"
      R"("lambda_mult":0.5,"score_threshold":0.2,"id":")";
  EXPECT_EQ(body.substr(0, fixed.size()), fixed);
  EXPECT_EQ(body.size(), fixed.size() + 32 + 2);
}

TEST(RetrievalJson, OwnParametersSurviveTheWay) {
  RetrievalRequest request{.text = "q", .embedding = {}, .search = {}, .top_n = 1};
  request.search.type = Type::similarity_score_threshold;
  request.search.collection = "c";
  request.search.filter = json::parse(R"({"y":{"$gte":3}})").as_object();
  request.search.mode = SearchParameters::Mode::dense;
  request.search.fusion = SearchParameters::Fusion::reciprocal_rank;
  request.search.dense_weight = 0.3;
  const auto call = read_retrieval_request(write_retrieval_request(request));
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->request.search.type, request.search.type);
  EXPECT_EQ(call->request.search.collection, "c");
  EXPECT_EQ(call->request.search.filter, request.search.filter);
  EXPECT_EQ(call->request.search.mode, request.search.mode);
  EXPECT_EQ(call->request.search.fusion, request.search.fusion);
  EXPECT_EQ(call->request.search.dense_weight, 0.3);
}

TEST(RetrievalJson, WritesTheDocumentStyle) {
  const auto body =
      json::parse(write_retrieval_reply(reply(), {.style = Style::document, .echo = {}}));
  EXPECT_EQ(body.at("id").as_string().size(), 32U);
  EXPECT_EQ(body.at("retrieved_docs"),
            json::parse(R"([{"downstream_black_list":[],"id":"1","text":"one"},
                                                       {"downstream_black_list":[],"id":"2","text":"two"}])"));
  EXPECT_EQ(body.at("initial_query"), "q");
  EXPECT_EQ(body.at("top_n"), 3);
  EXPECT_EQ(body.at("metadata"), json::parse(R"([{"a":1},{}])"))
      << "one to one, also for what has none";
  EXPECT_EQ(body.at("hits").at(0).at("scores").at("dense"), 0.5);
}

TEST(RetrievalJson, WritesTheOtherStyles) {
  const auto openai =
      json::parse(write_retrieval_reply(reply(), {.style = Style::openai, .echo = {}}));
  EXPECT_EQ(openai.at("retrieved_docs"),
            json::parse(R"([{"text":"one","metadata":{"a":1}},{"text":"two","metadata":{}}])"));
  const auto call =
      read_retrieval_request(R"({"messages":"q","temperature":0.5,"documents":["old"]})");
  const auto chat = json::parse(write_retrieval_reply(reply(), call->form));
  EXPECT_EQ(chat.at("messages"), "q");
  EXPECT_EQ(chat.at("temperature"), 0.5);
  EXPECT_EQ(chat.at("documents"), json::parse(R"(["one","two"])"));
  EXPECT_EQ(chat.at("retrieved_docs").as_array().size(), 2U);
}

TEST(RetrievalJson, RepliesOfAllStylesComeBackWhole) {
  for (const Style style : {Style::document, Style::openai, Style::chat}) {
    const auto back =
        read_retrieval_reply(write_retrieval_reply(reply(), {.style = style, .echo = {}}));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->hits, reply().hits);
  }
}

TEST(RetrievalJson, ReadsWhatOpeaAnswers) {
  const auto back = read_retrieval_reply(
      R"({"id":"x","retrieved_docs":[{"id":"d0","text":"t"}],"initial_query":"What?","top_n":1})");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->query, "What?");
  EXPECT_EQ(back->hits.at(0).text, "t");
  // OPEA leaves out metadata of passages that have none: then nobody knows whose it is.
  const auto uneven = read_retrieval_reply(
      R"({"retrieved_docs":[{"text":"a"},{"text":"b"}],"metadata":[{"k":1}]})");
  EXPECT_TRUE(uneven->hits[0].metadata.empty());
}

TEST(RetrievalJson, RefusesWhatIsNoReply) {
  for (const char* body :
       {"[]", "{}", R"({"retrieved_docs":{}})", R"({"retrieved_docs":[1]})", "oops"}) {
    EXPECT_FALSE(read_retrieval_reply(body)) << body;
  }
}

}  // namespace
}  // namespace opaline::contract
