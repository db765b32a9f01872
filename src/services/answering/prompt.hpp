#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "contract/chat.hpp"

namespace opaline::services {

/// How a language model is asked.
enum class PromptStyle {
  examples,  ///< A base model: a text of solved examples that it continues.
  messages,  ///< An instructed model: a system message and the conversation.
};

struct PromptSettings {
  PromptStyle style = PromptStyle::examples;
  std::size_t source_bytes = 1600;  ///< Of each source; the rest of a longer one is left out.
  std::string declined_text;
};

/// The request to send to a language model so that it answers request.grounding->question from
/// `sources` and cites them as [1], [2] …. The caller's sampling parameters and, with
/// PromptStyle::messages, its conversation are kept. A chat_template in the request replaces our
/// wording: {context} becomes the sources and {question} the question.
[[nodiscard]] contract::ChatRequest make_prompt(contract::ChatRequest request,
                                                std::span<const contract::Hit> sources,
                                                const PromptSettings& settings);

}  // namespace opaline::services
