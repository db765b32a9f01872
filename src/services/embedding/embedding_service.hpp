#pragma once

#include "contract/service.hpp"
#include "engine/encoder.hpp"

namespace opaline::services {

/// Turns texts into vectors with an encoder of this process. Texts longer than the model's window
/// are cut, with a warning in the reply. Any thread; the encoder must outlive it and its calls.
class EmbeddingService final : public contract::Service {
 public:
  explicit EmbeddingService(engine::Encoder& encoder) : encoder_(encoder) {}

  [[nodiscard]] contract::ServiceKind kind() const override {
    return contract::ServiceKind::embedding;
  }
  /// @error invalid_argument: no EmbeddingRequest, no text, or more than limits::kEmbeddingTexts;
  /// resource_exhausted: the encoder's queue is full; deadline_exceeded; cancelled.
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  [[nodiscard]] contract::Health health() const override { return {}; }

 private:
  engine::Encoder& encoder_;
};

}  // namespace opaline::services
