#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "contract/json.hpp"
#include "contract/json_writer.hpp"
#include "contract/retrieval.hpp"

namespace opaline::contract {

/// OPEA's three ways to ask POST /v1/retrieval, told apart as its unions do: "text" first, then
/// "messages".
///   document  {"text", "embedding"?, …}      →
///   {"id","retrieved_docs":[{"downstream_black_list","id","text"}],
///                                               "initial_query","top_n","metadata":[…]}, metadata
///                                               one to one
///   openai    {"input"?, "embedding"?, …}    → {"retrieved_docs":[{"text","metadata"}]}
///   chat      {"messages", …}                → the request again, with "retrieved_docs" and
///   "documents"
/// Each reply also has our "hits": place and scores of each passage, in the same order, and
/// "warnings" when there are any.
struct RetrievalForm {
  enum class Style { document, openai, chat } style = Style::document;
  boost::json::object echo;  ///< chat: the request as it came.
};

struct RetrievalCall {
  RetrievalRequest request;
  RetrievalForm form;
};

/// @error invalid_argument: bad JSON, neither a text nor an embedding, a field of wrong type or
/// range; names the field.
[[nodiscard]] base::Result<RetrievalCall> read_retrieval_request(std::string_view body);
/// Style document, as OPEA's megaservice sends it: search_type, k, distance_threshold, fetch_k,
/// lambda_mult, score_threshold, id; then index_name, constraints, mode, fusion and dense_weight
/// where they differ from their defaults. OPEA does not send top_n.
[[nodiscard]] std::string write_retrieval_request(const RetrievalRequest& request);

[[nodiscard]] std::string write_retrieval_reply(const RetrievalReply& reply,
                                                const RetrievalForm& form);
/// Reads a reply of any style; without "hits" a passage has its text, id and metadata only.
/// @error invalid_argument: not such a reply.
[[nodiscard]] base::Result<RetrievalReply> read_retrieval_reply(std::string_view body);

/// The parameters of retrieval among the fields of a request (chat requests carry them too). 0 for
/// k and fetch_k means the default, as in OPEA.
struct SearchFields {
  SearchParameters search;
  bool explicit_k = false;
};
[[nodiscard]] SearchFields read_search_parameters(Fields& fields);
/// An embedding as OPEA may give it: numbers, or a whole embedding reply. Empty when absent.
[[nodiscard]] std::vector<float> read_embedding(Fields& fields, std::string_view name);
/// "top_n", 1 when absent or 0.
[[nodiscard]] int read_top_n(Fields& fields);
/// The last user message's text among "messages" (a string, or a list of role and content).
[[nodiscard]] std::string question_of_messages(const boost::json::value& messages);

}  // namespace opaline::contract
