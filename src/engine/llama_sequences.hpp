#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "base/result.hpp"
#include "engine/loaded_model.hpp"

namespace opaline::engine {

struct LlamaSequencesSettings {
  std::size_t cells = 0;  ///< Tokens that all sequences, busy and idle, may hold together.
  std::size_t busy = 8;   ///< Sequences computed at once.
  std::size_t batch_tokens = 512;
  std::size_t threads = 1;
  std::function<bool()> aborted;  ///< Asked many times within decode(), on the same thread.
};

/// A llama.cpp context for many sequences of a causal model, which share one key-value cache: also
/// the prefixes of ended sequences, which are kept as long as there is room. One thread; the model
/// outlives it.
class LlamaSequences {
 public:
  /// @error invalid_argument: llama.cpp cannot run the model.
  [[nodiscard]] static base::Result<std::unique_ptr<LlamaSequences>> create(
      const LoadedModel& model, LlamaSequencesSettings settings);
  virtual ~LlamaSequences() = default;

  struct Opened {
    std::size_t sequence = 0;
    std::size_t cached = 0;  ///< Tokens of the prompt that need not be computed.
  };
  /// A sequence for `prompt` (not empty); nullopt when `busy` are open.
  [[nodiscard]] virtual std::optional<Opened> open(std::span<const Token> prompt) = 0;
  /// Ends a sequence; what it holds stays until its place is needed.
  virtual void close(std::size_t sequence) = 0;

  /// Tokens to append to a sequence.
  struct Slice {
    std::size_t sequence = 0;
    std::span<const Token> tokens;
    bool result = false;  ///< Whether the logits after its last token are wanted.
  };
  enum class Outcome {
    done,
    aborted,  ///< `aborted` said so: none of the slices counts as appended.
    full,     ///< The open sequences need more than `cells`. Nothing was appended.
    failed,   ///< llama.cpp failed; the slices' sequences are empty now.
  };
  /// Together at most batch_tokens; each sequence at most once. Idle sequences make room.
  [[nodiscard]] virtual Outcome decode(std::span<const Slice> slices) = 0;
  /// After decode: of the slice's last token, one a token of the vocabulary. Writable, valid until
  /// the next call.
  [[nodiscard]] virtual std::span<float> logits(std::size_t slice) = 0;
  virtual void use_threads(std::size_t threads) = 0;
};

}  // namespace opaline::engine
