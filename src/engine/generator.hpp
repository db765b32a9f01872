#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "base/result.hpp"
#include "engine/backend.hpp"

namespace opaline::engine {

struct GeneratorSettings {
  std::filesystem::path model;  ///< Any causal GGUF.
  std::size_t threads = 0;      ///< 0: as many as cores.
  std::size_t context_tokens =
      0;  ///< A sequence's longest prompt plus answer; 0: min(the model's, 8192).
  std::size_t sequences = 8;  ///< Generated at once.
  std::size_t queue = limits::kQueuedGenerations;
};

/// One prompt to continue.
struct Generation {
  /// Either messages (through the model's chat template) or `text` as it is.
  std::vector<std::pair<std::string, std::string>> messages;  ///< role, content.
  std::string text;
  std::size_t max_tokens = 1024;
  double temperature = 0.01;
  double top_p = 0.95;
  int top_k = 10;
  double frequency_penalty = 0;
  double presence_penalty = 0;
  double repetition_penalty = 1.0;
  std::uint64_t seed = 0;  ///< Same seed, same settings: same text on the same machine.
  std::vector<std::string> stop;
  std::string json_schema;  ///< JSON text; the answer then matches it. Empty: free.
};

struct Generated {
  enum class Reason { stop, length } reason = Reason::stop;
  std::size_t prompt_tokens = 0;
  std::size_t completion_tokens = 0;
  std::size_t cached_tokens = 0;
};

/// Takes the text of one generation. Called on the generator's own thread; must not block.
struct GenerationSink {
  std::function<void(std::string)> on_text;  ///< Whole UTF-8 sequences, stop strings removed.
  std::function<void(base::Result<Generated>)> on_end;  ///< Exactly once, last.
  std::function<bool()> abandoned;  ///< Polled each step: true stops within milliseconds.
};

/// A language model with continuous batching: one owner thread, a bounded queue, all running
/// sequences decoded together, prompts in slices beside them, and common prefixes taken from the
/// cache.
class Generator {
 public:
  /// @error as Encoder::create.
  [[nodiscard]] static base::Result<std::unique_ptr<Generator>> create(Backend& backend,
                                                                       GeneratorSettings settings);
  virtual ~Generator() = default;

  /// Any thread. @error through on_end: resource_exhausted: the queue is full; invalid_argument:
  /// the prompt does not fit context_tokens (says both numbers), a bad schema, or messages for a
  /// model without a chat template.
  virtual void submit(Generation generation, GenerationSink sink) = 0;

  [[nodiscard]] virtual bool has_chat_template() const = 0;
  [[nodiscard]] virtual std::size_t context_tokens() const = 0;
  [[nodiscard]] virtual const std::string& model_name() const = 0;
  [[nodiscard]] virtual std::size_t queued() const = 0;
  [[nodiscard]] virtual std::size_t count_tokens(std::string_view text) const = 0;
};

}  // namespace opaline::engine
