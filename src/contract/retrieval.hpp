#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <vector>

#include "contract/hit.hpp"

namespace opaline::contract {

/// How to search. The OPEA names keep OPEA's meaning; defaults are OPEA's where it has one.
struct SearchParameters {
  /// similarity: the k best. mmr: k diverse ones out of fetch_k. The thresholds drop worse ones.
  enum class Type { similarity, similarity_score_threshold, similarity_distance_threshold, mmr };
  /// Which indexes are asked.
  enum class Mode { hybrid, dense, keyword };
  enum class Fusion { weighted, reciprocal_rank };

  Type type = Type::similarity;
  int k = 4;                                 ///< 1 … limits::kSearchHits.
  int fetch_k = 20;                          ///< Candidates for mmr, ≥ k.
  double lambda_mult = 0.5;                  ///< mmr: 1 = relevance only, 0 = diversity only.
  double score_threshold = 0.2;              ///< 0 … 1, on cosine, for similarity_score_threshold.
  std::optional<double> distance_threshold;  ///< 0 … 2, on 1 − cosine.
  Mode mode = Mode::hybrid;
  Fusion fusion = Fusion::weighted;
  std::optional<double> dense_weight;  ///< 0 … 1; empty: the collection's own.
  std::string collection = "default";  ///< OPEA: index_name.
  /// Metadata filter, Mongo style: {"lang": "en", "year": {"$gte": 2020}, "$or": […]}. Empty: no
  /// filter.
  boost::json::object filter;
};

struct RetrievalRequest {
  std::string text;              ///< The question. 1 … limits::kQueryCharacters by default.
  std::vector<float> embedding;  ///< Of `text`; empty: the service asks for it itself.
  SearchParameters search;
  int top_n = 1;  ///< Passed on to reranking.
};

struct RetrievalReply {
  std::string query;
  std::vector<Hit> hits;  ///< Best first.
  int top_n = 1;
  std::vector<std::string> warnings;
};

struct RerankingRequest {
  std::string query;
  std::vector<Hit> hits;  ///< `text` is what is scored; 0 … limits::kRerankTexts.
  int top_n = 1;          ///< How many to keep; ≤ 0: all.
};

struct RerankingReply {
  std::string query;
  std::vector<Hit> hits;  ///< Best first, at most top_n, scores.rerank set.
};

}  // namespace opaline::contract
