#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/loaded_model.hpp"

namespace opaline::engine {

/// Which tokens each of llama.cpp's sequences holds in the key-value cache. A sequence whose
/// generation has ended stays until its place is needed, so that the next prompt with the same
/// beginning can take that over. Pure bookkeeping: the caller makes the cache itself follow.
class SequenceTable {
 public:
  explicit SequenceTable(std::size_t sequences) : entries_(sequences) {}

  struct Claim {
    std::size_t sequence = 0;  ///< The one to use, now busy, holding `common` tokens of the prompt.
    std::size_t common = 0;
    /// Where those tokens are to be copied from; absent: they are the sequence's own, to be cut
    /// after `common`.
    std::optional<std::size_t> source;
  };

  /// Takes a free or idle sequence for `prompt`. At least the prompt's last token is left to
  /// compute, since its result is wanted. nullopt when all are busy.
  [[nodiscard]] std::optional<Claim> claim(std::span<const Token> prompt);
  /// Tokens that were computed for a busy sequence.
  void append(std::size_t sequence, std::span<const Token> tokens);
  /// The generation ended: its tokens may be taken over from now on.
  void release(std::size_t sequence);
  /// The sequence was emptied.
  void forget(std::size_t sequence);
  /// The idle sequence that was not used for the longest time and holds tokens.
  [[nodiscard]] std::optional<std::size_t> oldest_idle() const;

  [[nodiscard]] std::span<const Token> tokens(std::size_t sequence) const {
    return entries_[sequence].tokens;
  }

 private:
  struct Entry {
    std::vector<Token> tokens;
    std::uint64_t used = 0;
    bool busy = false;
  };

  std::vector<Entry> entries_;
  std::uint64_t clock_ = 0;
};

}  // namespace opaline::engine
