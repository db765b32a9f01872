#include "services/llm/generation_request.hpp"

#include <array>
#include <bit>
#include <cstdint>

#include "base/random.hpp"
#include "contract/json_writer.hpp"
#include "contract/rag_prompt.hpp"

namespace opaline::services {
namespace {

std::uint64_t random_seed() {
  std::array<std::uint8_t, sizeof(std::uint64_t)> bytes{};
  base::fill_random(bytes);
  return std::bit_cast<std::uint64_t>(bytes);
}

/// The request's messages, the last question replaced by the RAG prompt when the request is
/// grounded.
std::vector<std::pair<std::string, std::string>> conversation(
    const contract::ChatRequest& request) {
  std::vector<std::pair<std::string, std::string>> messages;
  for (const contract::ChatMessage& message : request.messages) {
    // A grounded question stands alone, under its system message: the passages leave no room for
    // the dialogue.
    if (!request.grounding || message.role == "system")
      messages.emplace_back(message.role, message.content);
  }
  if (request.grounding)
    messages.emplace_back("user", contract::rag_prompt(*request.grounding, request.chat_template));
  return messages;
}

void write_dialogue(engine::Generation& generation) {
  std::string text;
  for (const auto& [role, content] : generation.messages) {
    if (role == "assistant") {
      text += "Assistant: ";
    } else if (role == "user") {
      text += "User: ";
    }
    text += content;
    text += '\n';
  }
  generation.text = text + "Assistant:";
  generation.messages.clear();
  generation.stop.emplace_back("\nUser:");
}

std::string schema_text(const boost::json::object& schema) {
  if (schema.empty()) return R"({"type":"object"})";
  contract::JsonWriter writer;
  writer.value(schema);
  return std::move(writer).take();
}

void sample(engine::Generation& generation, const contract::SamplingParameters& sampling) {
  if (sampling.max_tokens) generation.max_tokens = static_cast<std::size_t>(*sampling.max_tokens);
  if (sampling.temperature) generation.temperature = *sampling.temperature;
  if (sampling.top_p) generation.top_p = *sampling.top_p;
  if (sampling.top_k) generation.top_k = *sampling.top_k;
  if (sampling.frequency_penalty) generation.frequency_penalty = *sampling.frequency_penalty;
  if (sampling.presence_penalty) generation.presence_penalty = *sampling.presence_penalty;
  if (sampling.repetition_penalty) generation.repetition_penalty = *sampling.repetition_penalty;
  generation.seed = sampling.seed ? *sampling.seed : random_seed();
  generation.stop = sampling.stop;
  if (sampling.json_schema) generation.json_schema = schema_text(*sampling.json_schema);
}

}  // namespace

engine::Generation generation_of(const contract::ChatRequest& request, PromptStyle style) {
  engine::Generation generation;
  sample(generation, request.sampling);
  if (request.prompt) {
    generation.text = *request.prompt;
    return generation;
  }
  generation.messages = conversation(request);
  if (style == PromptStyle::plain_dialogue) write_dialogue(generation);
  return generation;
}

}  // namespace opaline::services
