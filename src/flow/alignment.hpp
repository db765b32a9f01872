#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "contract/chat.hpp"
#include "contract/hit.hpp"
#include "contract/service.hpp"

namespace opaline::flow {

/// What the steps before a step have found. The type that stands where OPEA's align_inputs and
/// align_outputs pass dictionaries along. A value; empty before the first step.
struct Findings {
  std::optional<std::vector<float>> embedding;  ///< Of the question.
  std::optional<std::vector<contract::Hit>>
      hits;                                  ///< Best first; empty: a retrieval found nothing.
  std::optional<contract::ChatReply> reply;  ///< Of an earlier LLM.
  std::vector<std::string> warnings;         ///< Of all steps so far, each once.
};

/// What several predecessors found, as one: the first embedding; hits in turn (the best of each
/// first), each id once with its best score of every stage, at most limits::kRerankTexts; answers
/// one after another; warnings.
[[nodiscard]] Findings merge(std::vector<Findings> parts);

/// The request that a step of `kind` gets for `chat` after `findings`, of which it takes what it
/// needs.
///
///   embedding   the question
///   retrieval   the question, its embedding if there is one, the search parameters, top_n
///   reranking   the question, the hits, top_n
///   llm         the conversation, grounded on the hits if there was a retrieval, be they none
///   llm, later  the same, with the earlier LLM's answer as the last user message
///
/// REQUIRES: another kind than dataprep and custom.
[[nodiscard]] contract::Request request_for(contract::ServiceKind kind,
                                            const contract::ChatRequest& chat, Findings& findings);

/// Whether a step of `kind` has nothing to work on: a reranking without hits.
[[nodiscard]] bool idle(contract::ServiceKind kind, const Findings& findings);

enum class Delivery { whole, streamed };
/// Whether `reply` is what a step of `kind` may answer with: of its type, one vector for the one
/// question, a stream exactly where one was asked for.
[[nodiscard]] bool fits(const contract::Reply& reply, contract::ServiceKind kind,
                        Delivery delivery);

/// Makes the reply of a step tell of the steps before it too: their warnings; and, of an earlier
/// LLM, its tokens and, where this one has no sources, its sources. Of a stream nothing is known
/// yet: see the overload.
void complete(contract::Reply& reply, const Findings& before);
void complete(contract::ChatReply& reply, const Findings& before);

/// Adds what a step answered. REQUIRES: it fits, and is no stream.
void absorb(contract::Reply reply, Findings& findings);

/// What a reranking that was passed over answers: nothing found.
[[nodiscard]] contract::Reply nothing_found(const contract::ChatRequest& chat);

}  // namespace opaline::flow
