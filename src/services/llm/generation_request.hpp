#pragma once

#include "contract/chat.hpp"
#include "engine/generator.hpp"

namespace opaline::services {

/// What a model understands of a conversation.
enum class PromptStyle { chat_template, plain_dialogue };

/// A chat request as the generator takes it; what the request does not set keeps the generator's
/// defaults, and the seed is then random.
[[nodiscard]] engine::Generation generation_of(const contract::ChatRequest& request,
                                               PromptStyle style);

}  // namespace opaline::services
