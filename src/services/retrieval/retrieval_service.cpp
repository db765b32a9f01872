#include "services/retrieval/retrieval_service.hpp"

#include <utility>

#include "base/limits.hpp"
#include "services/retrieval/search.hpp"

namespace opaline::services {
namespace {

using base::ErrorCode;
using base::Result;
using contract::SearchParameters;
using Mode = SearchParameters::Mode;
using Type = SearchParameters::Type;

Result<void> check_range(std::string_view name, double value, double min, double max) {
  if (value >= min && value <= max) return {};
  return base::fail(ErrorCode::invalid_argument, "'" + std::string(name) + "' must be between " +
                                                     std::to_string(static_cast<int>(min)) +
                                                     " and " +
                                                     std::to_string(static_cast<int>(max)));
}

Result<void> check(const contract::RetrievalRequest& request) {
  const SearchParameters& search = request.search;
  const bool blank = request.text.find_first_not_of(" \t\r\n") == std::string::npos;
  const bool vector_alone = search.mode == Mode::dense && !request.embedding.empty();
  if (blank && !vector_alone)
    return base::fail(ErrorCode::invalid_argument, "the question is empty");
  OPALINE_TRY_DO(check_range("k", search.k, 1, limits::kSearchHits));
  OPALINE_TRY_DO(check_range("dense_weight", search.dense_weight.value_or(0), 0, 1));
  if (search.type == Type::mmr) {
    OPALINE_TRY_DO(check_range("fetch_k", search.fetch_k, search.k, limits::kSearchHits));
    OPALINE_TRY_DO(check_range("lambda_mult", search.lambda_mult, 0, 1));
  }
  if (search.type == Type::similarity_score_threshold) {
    OPALINE_TRY_DO(check_range("score_threshold", search.score_threshold, 0, 1));
  }
  if (search.type == Type::similarity_distance_threshold) {
    if (!search.distance_threshold) {
      return base::fail(ErrorCode::invalid_argument,
                        "a search by distance needs 'distance_threshold'");
    }
    OPALINE_TRY_DO(check_range("distance_threshold", *search.distance_threshold, 0, 2));
  }
  return {};
}

/// Whether the search means nothing without the question's vector.
bool needs_vector(const SearchParameters& search) {
  const bool threshold = search.type == Type::similarity_score_threshold ||
                         search.type == Type::similarity_distance_threshold;
  return search.mode == Mode::dense || threshold;
}

bool uses_vector(const SearchParameters& search) {
  return search.mode != Mode::keyword || needs_vector(search);
}

bool ended(const base::Error& error) {
  return error.code == ErrorCode::cancelled || error.code == ErrorCode::deadline_exceeded;
}

}  // namespace

base::Task<Result<contract::EmbeddingReply>> RetrievalService::embed(std::string question,
                                                                     SearchParameters search,
                                                                     base::Context context) {
  contract::EmbeddingRequest request;
  request.texts.push_back(std::move(question));
  auto reply =
      co_await contract::call<contract::EmbeddingReply>(embedding_, std::move(request), context);
  if (reply && reply->vectors.size() == 1) co_return reply;
  if (reply) {
    reply = base::fail(ErrorCode::internal, "the embedding service answered one text with " +
                                                std::to_string(reply->vectors.size()) + " vectors");
  }
  if (needs_vector(search) || ended(reply.error()) || context.expired()) co_return reply;
  contract::EmbeddingReply none;
  none.warnings.push_back("searched by keywords only, the embedding service did not answer: " +
                          reply.error().message);
  co_return none;
}

base::Task<Result<contract::Reply>> RetrievalService::call(contract::Request request,
                                                           base::Context context) {
  auto* retrieval = std::get_if<contract::RetrievalRequest>(&request);
  if (retrieval == nullptr) {
    co_return base::fail(ErrorCode::invalid_argument,
                         "the retrieval service takes retrieval requests only");
  }
  OPALINE_CO_TRY_DO(check(*retrieval));
  contract::RetrievalReply reply{
      .query = retrieval->text, .hits = {}, .top_n = retrieval->top_n, .warnings = {}};
  if (store_.statistics().documents == 0) {
    reply.warnings.emplace_back("there are no documents yet");
    co_return contract::Reply(std::move(reply));
  }
  if (!uses_vector(retrieval->search)) retrieval->embedding.clear();
  if (uses_vector(retrieval->search) && retrieval->embedding.empty()) {
    OPALINE_CO_TRY(auto embedded, co_await embed(retrieval->text, retrieval->search, context));
    if (!embedded.vectors.empty()) retrieval->embedding = std::move(embedded.vectors.front());
    reply.warnings = std::move(embedded.warnings);
  }
  if (context.cancelled()) co_return base::fail(ErrorCode::cancelled, "the caller left");

  const Search::Settings settings{.candidates = settings_.candidates,
                                  .dense_weight = settings_.dense_weight};
  const auto search = [this, retrieval, settings] {
    return Search(store_, *retrieval, settings).hits();
  };
  OPALINE_CO_TRY(reply.hits, co_await pool_.run(search));
  co_return contract::Reply(std::move(reply));
}

}  // namespace opaline::services
