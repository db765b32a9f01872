#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "contract/chat.hpp"
#include "services/answering/evidence.hpp"

namespace opaline::services {

/// Writes at most `count` sentences of `board`, the best, into `reply`, whose sources it was made
/// of: text and citations. A sentence that defines a term is preceded by it, once.
/// @return the pieces of reply.text in order, as they may be streamed.
std::vector<std::string> extract_answer(const EvidenceBoard& board, std::size_t count,
                                        contract::ChatReply& reply);

}  // namespace opaline::services
