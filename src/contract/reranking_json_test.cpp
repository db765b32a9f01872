#include "contract/reranking_json.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace opaline::contract {
namespace {

namespace json = boost::json;
using Style = RerankingForm::Style;

/// What a service makes of a call: the passages turned round, scored 0.9, 0.8 …
RerankingReply turned(const RerankingCall& call) {
  RerankingReply reply{.query = call.request.query,
                       .hits = {call.request.hits.rbegin(), call.request.hits.rend()}};
  double score = 0.9;
  for (Hit& hit : reply.hits) hit.scores.rerank = std::exchange(score, score - 0.4);
  if (call.request.top_n > 0 && reply.hits.size() > static_cast<std::size_t>(call.request.top_n)) {
    reply.hits.resize(static_cast<std::size_t>(call.request.top_n));
  }
  return reply;
}

std::string answer(std::string_view body) {
  const auto call = read_reranking_request(body);
  if (!call) return call.error().message;
  return write_reranking_reply(turned(*call), call->form);
}

TEST(RerankingJson, DocumentStyleGivesTheLlmParameters) {
  auto body = json::parse(
      answer(R"({"initial_query":"q","retrieved_docs":[{"text":"a"},{"text":"b"}],"top_n":1})"));
  EXPECT_EQ(body.as_object().at("id").as_string().size(), 32U);
  body.as_object().erase("id");
  EXPECT_EQ(
      body,
      json::parse(R"({"model":null,"query":"q","max_tokens":1024,"max_new_tokens":1024,"top_k":10,
      "top_p":0.95,"typical_p":0.95,"temperature":0.01,"frequency_penalty":0.0,"presence_penalty":0.0,
      "repetition_penalty":1.03,"stream":true,"language":"auto","input_guardrail_params":null,
      "output_guardrail_params":null,"chat_template":null,"documents":["b"]})"));
}

TEST(RerankingJson, OtherStyles) {
  EXPECT_EQ(
      answer(R"({"input":"q","retrieved_docs":["a","b"],"top_n":2})"),
      R"({"reranked_docs":[{"text":"b","score":0.9,"index":1},{"text":"a","score":0.5,"index":0}]})");
  EXPECT_EQ(answer(R"({"query":"q","texts":["a","b"],"raw_scores":false})"),
            R"([{"index":1,"score":0.9},{"index":0,"score":0.5}])");
  EXPECT_EQ(answer(R"({"query":"q","texts":["a","b"],"return_text":true})"),
            R"([{"index":1,"text":"b","score":0.9},{"index":0,"text":"a","score":0.5}])");
  const auto cohere =
      json::parse(answer(R"({"model":"m","query":"q","documents":["a",{"text":"b"}],"top_n":1,
                                             "return_documents":true})"));
  EXPECT_EQ(cohere.at("results"),
            json::parse(R"([{"index":1,"relevance_score":0.9,"document":{"text":"b"}}])"));
  const auto chat =
      json::parse(answer(R"({"messages":"q","retrieved_docs":[{"text":"a"},{"text":"b"}],"k":3})"));
  EXPECT_EQ(chat.at("k"), 3);
  EXPECT_EQ(chat.at("documents"), json::parse(R"(["b"])"));
  EXPECT_EQ(chat.at("reranked_docs"), json::parse(R"([{"text":"b","score":0.9}])"));
}

TEST(RerankingJson, TopNIsOneForOpeaAndAllForOthers) {
  EXPECT_EQ(read_reranking_request(R"({"initial_query":"q","retrieved_docs":[]})")->request.top_n,
            1);
  EXPECT_EQ(read_reranking_request(R"({"query":"q","documents":[]})")->request.top_n, 0);
  EXPECT_EQ(read_reranking_request(R"({"query":"q","texts":[]})")->request.top_n, 0);
}

TEST(RerankingJson, TakesARetrievalReplyAsItIs) {
  const auto call = read_reranking_request(R"({"id":"x","initial_query":"q","top_n":2,
      "retrieved_docs":[{"downstream_black_list":[],"id":"1","text":"a"}],"metadata":[{}],
      "hits":[{"id":"1","source":"s.md","span":{"begin":2,"end":3},"scores":{"dense":0.5}}]})");
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->request.hits.at(0).source, "s.md");
  EXPECT_EQ(call->request.hits.at(0).text, "a");
}

TEST(RerankingJson, RefusesWrongFields) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"{}", "field 'input' is required: the question to rank by"},
      {R"({"initial_query":"q"})", "field 'retrieved_docs' is required: the passages to rank"},
      {R"({"initial_query":3,"retrieved_docs":[]})",
       "field 'initial_query' must be a string, got 3"},
      {R"({"query":"","texts":["a"]})", "field 'query' is required: the question to rank by"},
      {R"({"query":"q","texts":"a"})", "field 'texts' must be a list, got \"a\""},
      {R"({"query":"q","texts":[1]})",
       "field 'texts[0]' must be a string or an object with a \"text\", got 1"},
      {R"({"query":"q","documents":[],"top_n":"x"})",
       "field 'top_n' must be an integer between 0 and 1000, got \"x\""},
      {R"({"query":"q","texts":[],"raw_scores":7})",
       "field 'raw_scores' must be true or false, got 7"},
      {R"({"messages":[{"role":"system","content":"s"}],"retrieved_docs":[]})",
       "field 'messages' is required: the question to rank by"},
  };
  for (const auto& [body, says] : table) {
    const auto call = read_reranking_request(body);
    ASSERT_FALSE(call) << body;
    EXPECT_EQ(call.error().message, says) << body;
  }
}

RerankingRequest request() {
  RerankingRequest r{.query = "q", .hits = {}, .top_n = 2};
  for (const char* text : {"a", "b", "a"}) {
    r.hits.emplace_back().text = text;
    r.hits.back().id = "id" + std::to_string(r.hits.size() - 1);
  }
  return r;
}

TEST(RerankingJson, WritesRequestsByteForByte) {
  EXPECT_EQ(write_reranking_request(request(), Style::tei, PassageDetail::text),
            R"({"query":"q","texts":["a","b","a"]})");
  EXPECT_EQ(write_reranking_request(request(), Style::cohere, PassageDetail::text),
            R"({"query":"q","documents":["a","b","a"],"top_n":2})");
  EXPECT_EQ(write_reranking_request(request(), Style::openai, PassageDetail::text),
            R"({"input":"q","retrieved_docs":[{"text":"a"},{"text":"b"},{"text":"a"}],"top_n":2})");
}

TEST(RerankingJson, CarriesWholeHitsToItsOwnKind) {
  RerankingRequest sent = request();
  sent.hits[1].title_path = "T > A";
  sent.hits[1].scores.fused = 0.5;
  const auto call =
      read_reranking_request(write_reranking_request(sent, Style::tei, PassageDetail::hit));
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->form.style, Style::tei);
  EXPECT_EQ(call->request.hits[1].text, "b");
  EXPECT_EQ(call->request.hits[1].title_path, "T > A");
  EXPECT_EQ(call->request.hits[1].scores.fused, 0.5);
}

TEST(RerankingJson, RepliesForAnLlmSayWhereTheirPassagesAreFrom) {
  for (const char* const asked :
       {R"("initial_query":"q")", R"("messages":[{"role":"user","content":"q"}])"}) {
    auto call = read_reranking_request(
        "{" + std::string(asked) +
        R"(,"retrieved_docs":[{"text":"a"},{"text":"b"}],"hits":[{"id":"1","document_id":"d1",
            "source":"a.md"},{"id":"2","document_id":"d2","source":"b.md"}]})");
    ASSERT_TRUE(call) << call.error().message;
    RerankingReply reply{.query = "q", .hits = {call->request.hits[1]}};
    const auto written = boost::json::parse(write_reranking_reply(reply, call->form)).as_object();
    ASSERT_EQ(written.at("hits").as_array().size(), 1U);
    EXPECT_EQ(written.at("hits").at(0).at("source"), "b.md");
    EXPECT_EQ(written.at("documents").at(0), "b");
  }
}

TEST(RerankingJson, ReadsRepliesOfAllStylesOntoTheHitsThatWereSent) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> table = {
      {R"([{"index":2,"score":0.1},{"index":1,"score":0.9},{"index":0,"score":0.5}])",
       {"id1", "id0"}},
      {R"({"results":[{"index":2,"relevance_score":0.9},{"index":0,"relevance_score":0.1}]})",
       {"id2", "id0"}},
      {R"({"reranked_docs":[{"text":"b","score":0.9},{"text":"a","score":0.5}]})", {"id1", "id0"}},
      {R"({"id":"x","reranked_docs":[{"text":"a"}],"initial_query":"q"})", {"id0"}},
      {R"({"query":"q","documents":["a","a"]})", {"id0", "id2"}},
  };
  for (const auto& [body, ids] : table) {
    const auto reply = read_reranking_reply(body, request());
    ASSERT_TRUE(reply) << body << reply.error().message;
    std::vector<std::string> found;
    for (const Hit& hit : reply->hits) found.push_back(hit.id);
    EXPECT_EQ(found, ids) << body;
    EXPECT_EQ(reply->query, "q");
  }
}

TEST(RerankingJson, RefusesRepliesThatNameOtherPassages) {
  for (const char* body :
       {R"([{"index":3,"score":1}])", R"([{"index":0,"score":1},{"index":0,"score":1}])",
        R"({"documents":["unknown"]})", "{}", "7", R"([{"index":0,"score":"best"}])", "[null]"}) {
    EXPECT_FALSE(read_reranking_reply(body, request())) << body;
  }
}

}  // namespace
}  // namespace opaline::contract
