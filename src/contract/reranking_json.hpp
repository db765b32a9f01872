#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "contract/retrieval.hpp"

namespace opaline::contract {

/// The ways to ask for reranking, told apart by their fields.
///   document  {"initial_query", "retrieved_docs", "top_n"=1}  → OPEA's LLMParamsDoc {"query", …,
///   "documents": ["…"]} openai    {"input", "retrieved_docs", "top_n"=1}          →
///   {"reranked_docs": [{"text", "score", "index"}]} chat      {"messages", "retrieved_docs", …} →
///   the request again, with "reranked_docs" and "documents" tei       {"query", "texts"} →
///   [{"index", "score", "text"?}], all of them cohere    {"query", "documents", "top_n"=all} →
///   {"results": [{"index", "relevance_score", "document"?}]}
/// "index" refers to the request's list.
struct RerankingForm {
  enum class Style { document, openai, chat, tei, cohere } style = Style::document;
  bool return_text = false;  ///< tei: return_text; cohere: return_documents.
  boost::json::object echo;  ///< chat: the request as it came.
};

/// In the styles whose replies name an index (openai, tei, cohere) each hit's `id` is its position
/// in the list.
struct RerankingCall {
  RerankingRequest request;
  RerankingForm form;
};

/// @error invalid_argument: bad JSON, no question, too many passages, a wrong type; names the
/// field.
[[nodiscard]] base::Result<RerankingCall> read_reranking_request(std::string_view body);
/// What a reranker is told of the passages: their texts, which all servers understand, or also the
/// rest of each hit, in the extension field "hits" that Opaline reads.
enum class PassageDetail { text, hit };
/// Of the styles openai, tei and cohere.
[[nodiscard]] std::string write_reranking_request(const RerankingRequest& request,
                                                  RerankingForm::Style style, PassageDetail detail);

[[nodiscard]] std::string write_reranking_reply(const RerankingReply& reply,
                                                const RerankingForm& form);
/// Reads a reply of any style and puts the scores onto the hits of `request`, best first, at most
/// top_n. A reply without scores (LLMParamsDoc) gives their order only.
/// @error invalid_argument: not such a reply, or it names passages that were not sent.
[[nodiscard]] base::Result<RerankingReply> read_reranking_reply(std::string_view body,
                                                                RerankingRequest request);

}  // namespace opaline::contract
