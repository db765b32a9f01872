#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "engine/loaded_model.hpp"

namespace opaline::engine {

/// A text's tokens, or a pair's.
struct TokenSequence {
  explicit TokenSequence(std::span<const Token> all, std::size_t second_begin = SIZE_MAX)
      : tokens(all), second(second_begin) {}

  std::span<const Token> tokens;
  std::size_t second;  ///< Where the second text of a pair begins; SIZE_MAX: there is none.
};

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
      std::span<const TokenSequence> sequences) = 0;

  [[nodiscard]] virtual std::size_t dimension() const = 0;
};

}  // namespace opaline::engine
