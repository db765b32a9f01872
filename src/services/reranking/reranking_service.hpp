#pragma once

#include <string>
#include <vector>

#include "base/worker_pool.hpp"
#include "contract/service.hpp"
#include "engine/encoder.hpp"

namespace opaline::services {

/// Orders passages, each under its titles, by a cross-encoder's scores, or with an embedding model
/// by late interaction of the question with each passage's beginning (max_similarity.hpp). Passages
/// that come with retrieval's fused score are ordered by a mean of both. Any thread; the encoder
/// and the pool must outlive it and its calls.
class RerankingService final : public contract::Service {
 public:
  RerankingService(engine::Encoder& encoder, base::WorkerPool& pool)
      : encoder_(encoder), pool_(pool) {}

  [[nodiscard]] contract::ServiceKind kind() const override {
    return contract::ServiceKind::reranking;
  }
  /// @error invalid_argument: no RerankingRequest, an empty question, or more than
  /// limits::kRerankTexts passages; resource_exhausted: the encoder's queue is full;
  /// deadline_exceeded; cancelled.
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  [[nodiscard]] contract::Health health() const override { return {}; }

 private:
  using Hits = base::Result<std::vector<contract::Hit>>;

  base::Task<base::Result<std::vector<engine::Encoded>>> encode(engine::EncodeJob job,
                                                                base::Context context);
  // The request's hits, each with its score.
  base::Task<Hits> cross_encode(contract::RerankingRequest request, base::Context context);
  base::Task<Hits> interact_late(contract::RerankingRequest request, base::Context context);

  engine::Encoder& encoder_;
  base::WorkerPool& pool_;
};

}  // namespace opaline::services
