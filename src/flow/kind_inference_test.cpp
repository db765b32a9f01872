#include "flow/kind_inference.hpp"

#include <gtest/gtest.h>

#include <array>

namespace opaline::flow {
namespace {

using enum contract::ServiceKind;

TEST(KindOfName, KnowsWordsInNames) {
  const std::pair<std::string_view, std::optional<contract::ServiceKind>> cases[] = {
      {"embedding", embedding},
      {"Embedding", embedding},
      {"embedding-tei", embedding},
      {"tei", embedding},
      {"tei-reranking", reranking},
      {"tei_rerank_xeon", reranking},
      {"retriever-redis", retrieval},
      {"my_llm", llm},
      {"LLM.v2", llm},
      {"llm-tgi", llm},
      {"my-vllm-server", llm},
      {"dataprep_redis", dataprep},
      {"embedding-retriever", {}},
      {"tei-vllm", {}},
      {"tei-tei", embedding},
      {"foo", {}},
      {"embeddingx", {}},
      {"", {}},
      {"llm2", llm},
      {"retriever12-b", retrieval},
      {"2", {}},
      {"--", {}},
      {"-llm-", llm},
  };
  for (const auto& [name, kind] : cases) EXPECT_EQ(kind_of_name(name), kind) << name;
}

TEST(KindOfEndpoint, KnowsTheUsualPaths) {
  const std::pair<std::string_view, std::optional<contract::ServiceKind>> cases[] = {
      {"/v1/embeddings", embedding},
      {"/embed", embedding},
      {"/v1/retrieval", retrieval},
      {"/rerank", reranking},
      {"/v1/reranking", reranking},
      {"/v1/chat/completions", llm},
      {"/v1/completions/", llm},
      {"/generate_stream", llm},
      {"/v1/dataprep/ingest", dataprep},
      {"/v1", {}},
      {"/", {}},
      {"", {}},
      {"/v1/add", {}},
      {"/prerank", {}},
  };
  for (const auto& [path, kind] : cases) EXPECT_EQ(kind_of_endpoint(path), kind) << path;
}

TEST(KindOfEndpoint, KnowsTheDefaultEndpointOfEveryKind) {
  for (const auto kind : {embedding, retrieval, reranking, llm, dataprep}) {
    EXPECT_EQ(kind_of_endpoint(contract::default_endpoint(kind)), kind);
    EXPECT_EQ(kind_of_name(contract::name(kind)), kind);
  }
}

TEST(Misfit, LetsThroughExactlyTheEdgesThatFit) {
  // Rows lead to columns: embedding, retrieval, reranking, llm, dataprep.
  constexpr std::array kKinds = {embedding, retrieval, reranking, llm, dataprep};
  constexpr bool kFits[5][5] = {
      {false, true, false, false, false},  {false, false, true, true, false},
      {false, false, true, true, false},   {false, false, false, true, false},
      {false, false, false, false, false},
  };
  for (std::size_t from = 0; from < 5; ++from) {
    for (std::size_t to = 0; to < 5; ++to) {
      EXPECT_EQ(misfit(kKinds[from], kKinds[to]).empty(), kFits[from][to])
          << contract::name(kKinds[from]) << " >> " << contract::name(kKinds[to]);
    }
  }
}

}  // namespace
}  // namespace opaline::flow
