#include "engine/sequence_table.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace opaline::engine {

std::optional<SequenceTable::Claim> SequenceTable::claim(std::span<const Token> prompt) {
  OPALINE_ASSERT(!prompt.empty());
  Claim claim;
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const std::vector<Token>& tokens = entries_[i].tokens;
    const auto end = std::ranges::mismatch(prompt, tokens).in1;
    const std::size_t common =
        std::min(static_cast<std::size_t>(end - prompt.begin()), prompt.size() - 1);
    if (common > claim.common) {
      claim.common = common;
      best = i;
    }
  }
  // An empty one first, then the one that was idle for the longest time; the source itself only if
  // nothing else is left.
  std::optional<std::size_t> target;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (entry.busy || i == best) continue;
    if (!target || (entry.tokens.empty() ? 0 : entry.used) <
                       (entries_[*target].tokens.empty() ? 0 : entries_[*target].used)) {
      target = i;
    }
  }
  if (target) {
    claim.source = best;
  } else if (best && !entries_[*best].busy) {
    target = best;
  } else {
    return std::nullopt;
  }
  Entry& entry = entries_[*target];
  entry.tokens.assign(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(claim.common));
  entry.busy = true;
  entry.used = ++clock_;
  if (claim.source) entries_[*claim.source].used = ++clock_;
  claim.sequence = *target;
  return claim;
}

void SequenceTable::append(std::size_t sequence, std::span<const Token> tokens) {
  Entry& entry = entries_[sequence];
  OPALINE_ASSERT(entry.busy);
  entry.tokens.insert(entry.tokens.end(), tokens.begin(), tokens.end());
}

void SequenceTable::release(std::size_t sequence) {
  Entry& entry = entries_[sequence];
  OPALINE_ASSERT(entry.busy);
  entry.busy = false;
  entry.used = ++clock_;
}

void SequenceTable::forget(std::size_t sequence) { entries_[sequence].tokens.clear(); }

std::optional<std::size_t> SequenceTable::oldest_idle() const {
  std::optional<std::size_t> oldest;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].busy || entries_[i].tokens.empty()) continue;
    if (!oldest || entries_[i].used < entries_[*oldest].used) oldest = i;
  }
  return oldest;
}

}  // namespace opaline::engine
