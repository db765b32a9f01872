#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/worker_pool.hpp"
#include "contract/service.hpp"
#include "store/store.hpp"

namespace opaline::services {

struct RetrievalSettings {
  std::size_t candidates = 100;  ///< That each index proposes, at least.
  double dense_weight = 0.55;    ///< Of weighted fusion, unless the request says otherwise.
};

/// Finds the passages for a question: asks the keyword index and the vectors of a store, fuses
/// both, applies thresholds, diversity and the metadata filter, and reports each stage's score. Any
/// thread; collaborators must outlive it.
class RetrievalService final : public contract::Service {
 public:
  RetrievalService(store::Store& store, contract::Service& embedding, base::WorkerPool& pool,
                   RetrievalSettings settings = {})
      : store_(store), embedding_(embedding), pool_(pool), settings_(settings) {}

  [[nodiscard]] contract::ServiceKind kind() const override {
    return contract::ServiceKind::retrieval;
  }

  /// A RetrievalReply: at most search.k hits, best first. Without an embedding in the request it
  /// asks the embedding service (not in keyword mode); when that one cannot answer, a hybrid search
  /// goes on with keywords alone and says so in a warning. An empty store answers with no hits and
  /// a warning.
  /// @error invalid_argument: no RetrievalRequest, an empty question, a parameter out of range, or
  /// a filter that is none; not_found: no such collection; failed_precondition: the embedding has
  /// another dimension than the collection; and, for searches that need vectors, those of the
  /// embedding service.
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  [[nodiscard]] contract::Health health() const override { return {}; }

 private:
  /// The question's vector; no vector and a warning when a search by keywords will do instead.
  base::Task<base::Result<contract::EmbeddingReply>> embed(std::string question,
                                                           contract::SearchParameters search,
                                                           base::Context context);

  store::Store& store_;
  contract::Service& embedding_;
  base::WorkerPool& pool_;
  RetrievalSettings settings_;
};

}  // namespace opaline::services
