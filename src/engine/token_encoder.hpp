#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "engine/loaded_model.hpp"

namespace opaline::engine {

/// Runs an encoder model over token sequences. One thread each.
class TokenEncoder {
 public:
  virtual ~TokenEncoder() = default;

  /// The model's last layer: one vector of dimension() floats a token, sequence after sequence.
  /// Valid until the next call.
  /// @param sequences not empty, each of 1 … window tokens, together at most the larger of window
  /// and the batch size.
  /// @error internal: the engine failed.
  [[nodiscard]] virtual base::Result<std::span<const float>> encode(
      std::span<const std::span<const Token>> sequences) = 0;

  [[nodiscard]] virtual std::size_t dimension() const = 0;
};

}  // namespace opaline::engine
