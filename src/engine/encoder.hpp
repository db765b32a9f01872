#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/backend.hpp"

namespace opaline::engine {

struct EncoderSettings {
  std::filesystem::path model;  ///< A GGUF of an encoder (BERT family).
  std::size_t threads = 0;      ///< Workers, one core each; 0: as many as cores.
  std::size_t queue_texts = 65'536;
};

/// Texts to encode together; answered as a whole.
struct EncodeJob {
  enum class Priority { query, bulk };
  enum class Output {
    pooled,  ///< One unit vector a text.
    tokens,  ///< One unit vector a token of each text.
    score,   ///< One number a text, 0 … 1: how well it answers `question`. Reranking models only.
  };

  std::vector<std::string> texts;
  Priority priority = Priority::query;
  Output output = Output::pooled;
  std::string question;  ///< For scores.
  /// Checked between batches; a job whose caller left is dropped. May be empty.
  std::function<bool()> abandoned;
};

/// Of one text: `rows` × dimension() floats, row-major. One row when pooled (mean over tokens, unit
/// length). A score alone when that was asked for.
struct Encoded {
  std::vector<float> values;
  std::size_t rows = 1;
  std::size_t tokens = 0;  ///< Of the text, specials included, before cutting.
  bool cut = false;        ///< It was longer than the model's window.
};

/// An embedding model. Owns its worker threads: one TokenEncoder and one core each, no lock-step
/// between them. Jobs of all callers are cut into texts, sorted by length and packed to ≤ 256
/// tokens an encode; queries go first.
class Encoder {
 public:
  using Done = std::function<void(base::Result<std::vector<Encoded>>)>;

  /// Loads the model. @error not_found: no such file; invalid_argument: not a GGUF, truncated, or
  /// not an encoder; the message names the file and what to do.
  [[nodiscard]] static base::Result<std::unique_ptr<Encoder>> create(Backend& backend,
                                                                     EncoderSettings settings);
  virtual ~Encoder() = default;  ///< Running jobs end with `cancelled`.

  /// Any thread. `done` is called exactly once, on a worker's thread (or at once on error).
  /// @error through done: resource_exhausted: the queue is full; invalid_argument: no text, or an
  /// output that the model does not have (see ranks()); cancelled.
  virtual void submit(EncodeJob job, Done done) = 0;

  [[nodiscard]] virtual std::size_t dimension() const = 0;
  /// Whether the model is a cross-encoder: then it gives scores, and no vectors; else the other way
  /// round.
  [[nodiscard]] virtual bool ranks() const = 0;
  [[nodiscard]] virtual std::size_t window_tokens() const = 0;
  [[nodiscard]] virtual const std::string& model_name() const = 0;
  [[nodiscard]] virtual std::size_t queued_texts() const = 0;
  /// Tokens of `text`, specials included. Any thread.
  [[nodiscard]] virtual std::size_t count_tokens(std::string_view text) const = 0;
};

}  // namespace opaline::engine
