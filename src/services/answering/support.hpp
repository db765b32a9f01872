#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "contract/hit.hpp"
#include "services/answering/evidence.hpp"

namespace opaline::services {

/// Where a source says what a sentence of an answer says.
struct Support {
  std::size_t source = 0;   ///< Index into the sources.
  Range range;              ///< Of its text: one sentence or two neighbours.
  double containment = 0;   ///< Share (0 … 1) of the sentence's words, weighed, that stand there.
  bool sufficient = false;  ///< Enough of them, and every number and name.
};

/// Checks sentences of an answer against its sources, by words: no model. Copies what it needs of
/// the sources.
class SupportCheck {
 public:
  explicit SupportCheck(std::span<const contract::Hit> sources);

  /// The best support by source `only`, or by any without it; nothing when `sentence` says nothing
  /// or there is no text.
  [[nodiscard]] std::optional<Support> find(std::string_view sentence,
                                            std::optional<std::size_t> only = {}) const;

 private:
  struct Window {
    std::size_t source = 0;
    Range range;
    StemSet words;
  };

  /// Makes windows of the lines in `range`, which no sentence has: headings, long code. @return
  /// whether there are any.
  bool add_lines(std::string_view text, std::size_t source, Range range);

  std::vector<Window> windows_;
  std::vector<StemSet>
      headings_;  // Of each source: what its sentences are about without saying it.
  WordWeights weights_;
};

}  // namespace opaline::services
