#pragma once

#include <string>
#include <vector>

#include "contract/service.hpp"
#include "gateway/answer_stream.hpp"
#include "gateway/route.hpp"
#include "gateway/services.hpp"

namespace opaline::gateway {

/// A service at its own endpoints, in OPEA's, OpenAI's, TEI's and Cohere's dialects, without a flow
/// around it:
///   embedding  /v1/embeddings, /embed          retrieval  /v1/retrieval
///   reranking  /v1/reranking, /rerank, /v1/rerank
/// The services are borrowed and must outlive the routes; a null one answers with not_found.
[[nodiscard]] std::vector<Route> embedding_routes(const Services& services);
[[nodiscard]] std::vector<Route> retrieval_routes(const Services& services);
[[nodiscard]] std::vector<Route> reranking_routes(const Services& services);
/// /v1/chat/completions and /v1/completions of the model alone, for a process that serves nothing
/// else.
[[nodiscard]] std::vector<Route> llm_routes(const Services& services,
                                            AnswerStreamSettings settings);

/// One request to a model in any of the dialects, answered as it came: streamed or whole.
/// @param record may be null.
base::Task<base::Result<http::Response>> answer_by_model(contract::Service* llm,
                                                         contract::ChatRequest request,
                                                         contract::ChatEnvelope::Kind kind,
                                                         Call call, AnswerStreamSettings settings);

}  // namespace opaline::gateway
