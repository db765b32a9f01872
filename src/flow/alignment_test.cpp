#include "flow/alignment.hpp"

#include <gtest/gtest.h>

#include "base/limits.hpp"

namespace opaline::flow {
namespace {

using contract::ChatReply;
using contract::ChatRequest;
using contract::EmbeddingReply;
using contract::EmbeddingRequest;
using contract::Hit;
using contract::RerankingReply;
using contract::RerankingRequest;
using contract::RetrievalReply;
using contract::RetrievalRequest;
using contract::ServiceKind;

ChatRequest question(std::string text) {
  ChatRequest chat;
  chat.messages = {{.role = "system", .content = "Be brief."},
                   {.role = "user", .content = std::move(text)},
                   {.role = "assistant", .content = "…"}};
  chat.search.k = 7;
  chat.top_n = 3;
  return chat;
}

Hit hit(std::string id, contract::StageScores scores = {}) {
  Hit made;
  made.id = std::move(id);
  made.scores = scores;
  return made;
}

std::vector<Hit> hits(std::initializer_list<std::string> ids) {
  std::vector<Hit> made;
  for (const std::string& id : ids) made.push_back(hit(id));
  return made;
}

std::string ids(const std::optional<std::vector<Hit>>& list) {
  std::string text;
  for (const Hit& one : list.value_or(std::vector<Hit>())) text += one.id + " ";
  return text;
}

template <class T>
T request(ServiceKind kind, const ChatRequest& chat, Findings findings) {
  return std::get<T>(request_for(kind, chat, findings));
}

ChatReply answer(std::string text) {
  ChatReply reply;
  reply.text = std::move(text);
  return reply;
}

TEST(RequestFor, AnEmbeddingIsTheQuestion) {
  EXPECT_EQ(request<EmbeddingRequest>(ServiceKind::embedding, question("why?"), {}).texts,
            std::vector<std::string>{"why?"});
}

TEST(RequestFor, ARetrievalHasTheQuestionItsEmbeddingAndTheSearchParameters) {
  Findings findings;
  findings.embedding = {1.0F, 2.0F};
  const auto made = request<RetrievalRequest>(ServiceKind::retrieval, question("why?"), findings);
  EXPECT_EQ(made.text, "why?");
  EXPECT_EQ(made.embedding, (std::vector<float>{1.0F, 2.0F}));
  EXPECT_EQ(made.search.k, 7);
  EXPECT_EQ(made.top_n, 3);
  EXPECT_TRUE(
      request<RetrievalRequest>(ServiceKind::retrieval, question("why?"), {}).embedding.empty());
}

TEST(RequestFor, ARerankingHasTheQuestionAndTheHits) {
  Findings findings;
  findings.hits = hits({"a", "b"});
  const auto made = request<RerankingRequest>(ServiceKind::reranking, question("why?"), findings);
  EXPECT_EQ(made.query, "why?");
  EXPECT_EQ(ids(made.hits), "a b ");
  EXPECT_EQ(made.top_n, 3);
}

TEST(RequestFor, AnLlmIsGroundedOnWhatWasRetrieved) {
  Findings findings;
  findings.hits = hits({"a"});
  const auto made = request<ChatRequest>(ServiceKind::llm, question("why?"), findings);
  ASSERT_TRUE(made.grounding);
  EXPECT_EQ(made.grounding->question, "why?");
  EXPECT_EQ(ids(made.grounding->sources), "a ");
  EXPECT_EQ(made.messages, question("why?").messages);
}

TEST(RequestFor, AnLlmIsGroundedOnNothingWhenNothingWasFound) {
  Findings findings;
  findings.hits.emplace();
  const auto made = request<ChatRequest>(ServiceKind::llm, question("why?"), findings);
  ASSERT_TRUE(made.grounding);
  EXPECT_TRUE(made.grounding->sources.empty());
}

TEST(RequestFor, AnLlmWithoutRetrievalIsNotGrounded) {
  EXPECT_FALSE(request<ChatRequest>(ServiceKind::llm, question("why?"), {}).grounding);
}

TEST(RequestFor, AfterAnLlmItsAnswerIsTheQuestion) {
  Findings findings;
  findings.reply = answer("because");
  const auto made = request<ChatRequest>(ServiceKind::llm, question("why?"), findings);
  EXPECT_EQ(made.question(), "because");
  EXPECT_EQ(made.messages.size(), 3U);
  EXPECT_EQ(made.messages[0].content, "Be brief.");

  ChatRequest completion;
  completion.prompt = "Once";
  EXPECT_EQ(request<ChatRequest>(ServiceKind::llm, completion, findings).prompt, "because");

  ChatRequest nobody;
  nobody.messages = {{.role = "system", .content = "Be brief."}};
  EXPECT_EQ(request<ChatRequest>(ServiceKind::llm, nobody, findings).question(), "because");
}

TEST(RequestFor, AJoinOfAnLlmAndARetrievalAsksTheAnswerOverTheHits) {
  Findings findings;
  findings.reply = answer("because");
  findings.hits = hits({"a"});
  const auto made = request<ChatRequest>(ServiceKind::llm, question("why?"), findings);
  EXPECT_EQ(made.grounding->question, "because");
}

TEST(Idle, IsARerankingWithoutHits) {
  Findings findings;
  EXPECT_TRUE(idle(ServiceKind::reranking, findings));
  EXPECT_FALSE(idle(ServiceKind::llm, findings));
  findings.hits.emplace();
  EXPECT_TRUE(idle(ServiceKind::reranking, findings));
  findings.hits = hits({"a"});
  EXPECT_FALSE(idle(ServiceKind::reranking, findings));
}

class FixedStream final : public contract::ChatStream {
 public:
  base::Task<base::Result<contract::ChatDelta>> next() override { co_return contract::ChatDelta(); }
};

TEST(Fits, KnowsTheReplyOfEachKind) {
  const auto reply = [](std::size_t type) -> contract::Reply {
    switch (type) {
      case 0:
        return EmbeddingReply{.vectors = {{1.0F}}, .model = {}, .prompt_tokens = 0, .warnings = {}};
      case 1: return RetrievalReply();
      case 2: return RerankingReply();
      case 3: return ChatReply();
      case 4: return std::make_unique<FixedStream>();
      default: return contract::DataprepReply();
    }
  };
  using enum ServiceKind;
  const std::pair<ServiceKind, std::size_t> right[] = {
      {embedding, 0}, {retrieval, 1}, {reranking, 2}};
  for (const auto& [kind, type] : right) {
    for (std::size_t other = 0; other < 6; ++other) {
      EXPECT_EQ(fits(reply(other), kind, Delivery::whole), other == type);
      EXPECT_EQ(fits(reply(other), kind, Delivery::streamed), other == type);
    }
  }
  for (std::size_t other = 0; other < 6; ++other) {
    EXPECT_EQ(fits(reply(other), llm, Delivery::whole), other == 3);
    EXPECT_EQ(fits(reply(other), llm, Delivery::streamed), other == 4);
  }
  EXPECT_FALSE(fits(EmbeddingReply(), embedding, Delivery::whole)) << "no vector";
  EXPECT_FALSE(fits(std::unique_ptr<contract::ChatStream>(), llm, Delivery::streamed));
}

TEST(Absorb, KeepsWhatTheNextStepsNeed) {
  Findings findings;
  absorb(EmbeddingReply{.vectors = {{1.0F}}, .model = {}, .prompt_tokens = 0, .warnings = {"cut"}},
         findings);
  EXPECT_EQ(findings.embedding, std::vector<float>{1.0F});
  absorb(
      RetrievalReply{
          .query = {}, .hits = hits({"a", "b"}), .top_n = 1, .warnings = {"slow", "cut"}},
      findings);
  EXPECT_EQ(ids(findings.hits), "a b ");
  absorb(RerankingReply{.query = {}, .hits = hits({"b"})}, findings);
  EXPECT_EQ(ids(findings.hits), "b ");
  absorb(answer("because"), findings);
  EXPECT_EQ(findings.reply->text, "because");
  EXPECT_EQ(findings.warnings, (std::vector<std::string>{"cut", "slow"}));
}

TEST(Complete, TellsOfTheStepsBefore) {
  Findings before;
  before.warnings = {"cut", "slow"};
  before.reply = answer("because");
  before.reply->usage = {.prompt_tokens = 10, .completion_tokens = 5, .cached_tokens = 2};
  before.reply->sources = hits({"a"});

  ChatReply last = answer("weil");
  last.usage = {.prompt_tokens = 1, .completion_tokens = 2, .cached_tokens = 0};
  last.warnings = {"own", "cut"};
  complete(last, before);
  EXPECT_EQ(last.text, "weil");
  EXPECT_EQ(last.usage.total_tokens(), 18U);
  EXPECT_EQ(ids(last.sources), "a ");
  EXPECT_EQ(last.warnings, (std::vector<std::string>{"cut", "slow", "own"}));

  ChatReply with_sources = answer("weil");
  with_sources.sources = hits({"b"});
  complete(with_sources, before);
  EXPECT_EQ(ids(with_sources.sources), "b ");

  contract::Reply retrieval =
      RetrievalReply{.query = {}, .hits = {}, .top_n = 1, .warnings = {"own"}};
  complete(retrieval, before);
  EXPECT_EQ(std::get<RetrievalReply>(retrieval).warnings.size(), 3U);
}

TEST(Merge, OfNothingIsNothing) {
  const Findings merged = merge({});
  EXPECT_FALSE(merged.embedding || merged.hits || merged.reply);
}

TEST(Merge, OfOneIsThatOne) {
  std::vector<Findings> parts(1);
  parts[0].hits = hits({"a", "a"});
  EXPECT_EQ(ids(merge(std::move(parts)).hits), "a a ");
}

TEST(Merge, TakesTheFirstEmbedding) {
  std::vector<Findings> parts(3);
  parts[1].embedding = {1.0F};
  parts[2].embedding = {2.0F};
  EXPECT_EQ(merge(std::move(parts)).embedding, std::vector<float>{1.0F});
}

TEST(Merge, TakesHitsInTurnEachOnceWithItsBestScores) {
  std::vector<Findings> parts(3);
  parts[0].hits = {hit("a", {.dense = 0.5, .bm25 = 9.0, .fused = {}, .rerank = {}}), hit("b"),
                   hit("c")};
  parts[2].hits = {hit("d"), hit("a", {.dense = 0.7, .bm25 = 3.0, .fused = 0.1, .rerank = {}}),
                   hit("e"), hit("f")};
  const Findings merged = merge(std::move(parts));
  EXPECT_EQ(ids(merged.hits), "a d b c e f ");
  EXPECT_EQ(merged.hits->front().scores,
            (contract::StageScores{.dense = 0.7, .bm25 = 9.0, .fused = 0.1, .rerank = {}}));
}

TEST(Merge, TakesHitsWithoutAnIdForDifferentOnes) {
  std::vector<Findings> parts(2);
  parts[0].hits = hits({"", ""});
  parts[1].hits = hits({""});
  EXPECT_EQ(merge(std::move(parts)).hits->size(), 3U);
}

TEST(Merge, KnowsFoundNothingFromNotSearched) {
  std::vector<Findings> parts(2);
  parts[1].hits.emplace();
  EXPECT_TRUE(merge(std::move(parts)).hits.has_value());
  EXPECT_FALSE(merge(std::vector<Findings>(2)).hits.has_value());
}

TEST(Merge, BoundsTheHits) {
  std::vector<Findings> parts(2);
  for (std::size_t part = 0; part < 2; ++part) {
    parts[part].hits.emplace();
    for (std::size_t i = 0; i < 600; ++i) {
      parts[part].hits->push_back(hit(std::to_string(part) + "-" + std::to_string(i)));
    }
  }
  const Findings merged = merge(std::move(parts));
  EXPECT_EQ(merged.hits->size(), limits::kRerankTexts);
  EXPECT_EQ(
      merged.warnings,
      std::vector<std::string>{"several retrievals found 1200 passages; the first 1000 were kept"});
}

TEST(Merge, JoinsAnswersAndWarnings) {
  std::vector<Findings> parts(2);
  for (std::size_t part = 0; part < 2; ++part) {
    parts[part].reply = answer(part == 0 ? "one" : "two");
    parts[part].reply->usage.prompt_tokens = 4;
    parts[part].reply->sources = hits({part == 0 ? "a" : "b"});
    parts[part].reply->declined = part == 0;
    parts[part].warnings = {"cut", part == 0 ? "x" : "y"};
  }
  const Findings merged = merge(std::move(parts));
  EXPECT_EQ(merged.reply->text, "one\n\ntwo");
  EXPECT_EQ(merged.reply->usage.prompt_tokens, 8U);
  EXPECT_EQ(ids(merged.reply->sources), "a b ");
  EXPECT_FALSE(merged.reply->declined);
  EXPECT_EQ(merged.warnings, (std::vector<std::string>{"cut", "x", "y"}));
}

TEST(NothingFound, IsAnEmptyReranking) {
  const auto reply = std::get<RerankingReply>(nothing_found(question("why?")));
  EXPECT_EQ(reply.query, "why?");
  EXPECT_TRUE(reply.hits.empty());
}

TEST(AlignmentDeath, DataprepIsNoStep) {
  Findings findings;
  EXPECT_DEATH((void)request_for(ServiceKind::dataprep, ChatRequest(), findings),
               "no step of a typed flow");
}

}  // namespace
}  // namespace opaline::flow
