#pragma once

#include <string>
#include <string_view>

#include "contract/chat.hpp"

namespace opaline::contract {

/// The prompt that OPEA's ChatQnA sends to its LLM: the question under the texts found, one a line.
/// @param chat_template with exactly {context} and {question}, or only {question}; anything else,
/// and an empty one, means OPEA's own template.
[[nodiscard]] std::string rag_prompt(const Grounding& grounding, std::string_view chat_template);

}  // namespace opaline::contract
