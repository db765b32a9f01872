#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "engine/encoder.hpp"
#include "engine/loaded_model.hpp"

namespace opaline::engine {

/// What an encoder's workers have to do: texts to tokenise, then sequences to encode, queries
/// always first.
///
///   submit ─► texts (per priority) ─► take: Texts ─► worker tokenises
///          ─► add ─► sequences ─► take: Batch ─► worker encodes
///
/// A batch begins with the oldest sequence, so none waits for ever, and is filled up with the
/// longest that fit. Sequences of all jobs mix. Knows nothing of models. Any thread.
class EncodeQueue {
 public:
  /// A job and its answers so far. Owned jointly by its texts and sequences in the queue and in the
  /// workers' hands.
  struct Ticket {
    EncodeJob job;
    Encoder::Done done;
    std::vector<Encoded> answers;          ///< Each is written by one worker.
    std::atomic<std::size_t> missing = 0;  ///< Answers.
    std::atomic<bool> ended = false;       ///< `done` was, or is being, called.
  };
  struct Text {
    std::shared_ptr<Ticket> ticket;
    std::size_t index = 0;
  };
  struct Sequence {
    std::shared_ptr<Ticket> ticket;
    std::size_t index = 0;
    std::vector<Token> tokens;
    std::size_t second = SIZE_MAX;  ///< As in TokenSequence.
  };
  /// One of the two is not empty.
  struct Work {
    std::vector<Text> texts;
    std::vector<Sequence> batch;
  };

  struct Settings {
    std::size_t workers = 1;
    std::size_t texts_max = 65'536;
    std::size_t batch_tokens = 256;  ///< A longer sequence makes a batch of its own.
    std::size_t ahead_tokens =
        16'384;  ///< Bulk texts are tokenised this far ahead of the encoding.
  };

  explicit EncodeQueue(Settings settings) : settings_(settings) {}

  /// Calls the job's `done` at once with invalid_argument (no text), resource_exhausted (full) or
  /// cancelled (stopped).
  void submit(EncodeJob job, Encoder::Done done);
  /// Waits for something to do; nullopt after stop().
  [[nodiscard]] std::optional<Work> take();
  /// A tokenised text.
  void add(Sequence sequence);
  /// Counts `count` answers of the ticket as written; the last one ends the job.
  void finish(const std::shared_ptr<Ticket>& ticket, std::size_t count);
  /// Ends a job early: its texts and sequences leave the queue. Once ended, further calls do
  /// nothing.
  void fail(const std::shared_ptr<Ticket>& ticket, base::Error error);
  /// take() returns nullopt from now on, and all that waits ends with `cancelled`.
  void stop();

  /// Texts of all jobs that have not ended.
  [[nodiscard]] std::size_t texts() const { return texts_.load(std::memory_order_relaxed); }

 private:
  /// Sequences by age and by length.
  struct Line {
    std::deque<Text> texts;
    std::map<std::uint64_t, Sequence> by_age;
    std::set<std::pair<std::size_t, std::uint64_t>> by_length;
    std::size_t tokens = 0;
  };

  [[nodiscard]] std::optional<Work> take_some();
  [[nodiscard]] std::vector<Text> take_texts(Line& line, std::size_t count);
  [[nodiscard]] std::vector<Sequence> take_batch(Line& line, std::size_t count_max);
  [[nodiscard]] Sequence remove(Line& line, std::uint64_t age);
  [[nodiscard]] Line& line(EncodeJob::Priority priority) {
    return lines_[static_cast<std::size_t>(priority)];
  }
  void end(Ticket& ticket, base::Result<std::vector<Encoded>> result);

  const Settings settings_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::array<Line, 2> lines_;  ///< By EncodeJob::Priority.
  std::uint64_t next_age_ = 0;
  bool stopped_ = false;
  std::atomic<std::size_t> texts_ = 0;
};

}  // namespace opaline::engine
