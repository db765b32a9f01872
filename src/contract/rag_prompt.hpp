#pragma once

#include <string>
#include <string_view>

#include "contract/chat.hpp"

namespace opaline::contract {

/// The prompt that OPEA's ChatQnA sends to its LLM: the question under the texts found, one a line.
/// @param chat_template with exactly {context} and {question}, or only {question}; anything else,
/// and an empty one, means the standard one: Chinese when at least 30 % of the characters of the
/// texts are, as in OPEA, otherwise English.
[[nodiscard]] std::string rag_prompt(const Grounding& grounding, std::string_view chat_template);

}  // namespace opaline::contract
