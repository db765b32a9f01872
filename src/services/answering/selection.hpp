#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "contract/hit.hpp"
#include "services/answering/evidence.hpp"

namespace opaline::services {

/// At most `count` sentences to answer with: the best one, and those whose score comes near it;
/// none twice. One that begins with "This" or "It" comes with what it refers to, or not at all.
/// @param evidence of all sentences, scored. @param sources what it was made of.
/// @return indexes into `evidence` in the order to be told: paragraphs by their best sentence,
/// sentences as in the text.
[[nodiscard]] std::vector<std::size_t> select_evidence(std::span<const Evidence> evidence,
                                                       std::size_t count,
                                                       std::span<const contract::Hit> sources);

}  // namespace opaline::services
