#include "services/llm/generation_request.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace opaline::services {
namespace {

using contract::ChatRequest;
using Messages = std::vector<std::pair<std::string, std::string>>;

ChatRequest dialogue() {
  ChatRequest request;
  request.messages = {
      {"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Hello."}, {"user", "Who?"}};
  return request;
}

TEST(GenerationRequest, PassesMessagesToTheTemplate) {
  const auto generation = generation_of(dialogue(), PromptStyle::chat_template);
  EXPECT_EQ(
      generation.messages,
      (Messages{
          {"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Hello."}, {"user", "Who?"}}));
  EXPECT_EQ(generation.text, "");
  EXPECT_TRUE(generation.stop.empty());
}

TEST(GenerationRequest, WritesADialogueForBaseModels) {
  const auto generation = generation_of(dialogue(), PromptStyle::plain_dialogue);
  EXPECT_EQ(generation.text, "Be brief.\nUser: Hi\nAssistant: Hello.\nUser: Who?\nAssistant:");
  EXPECT_TRUE(generation.messages.empty());
  EXPECT_EQ(generation.stop, std::vector<std::string>{"\nUser:"});
}

TEST(GenerationRequest, LeavesAPromptAsItIs) {
  ChatRequest request;
  request.prompt = "Once";
  for (const PromptStyle style : {PromptStyle::chat_template, PromptStyle::plain_dialogue}) {
    EXPECT_EQ(generation_of(request, style).text, "Once");
    EXPECT_TRUE(generation_of(request, style).stop.empty());
  }
}

TEST(GenerationRequest, AsksAGroundedQuestionWithTheRagPrompt) {
  ChatRequest request = dialogue();
  request.chat_template = "{context}|{question}";
  request.grounding = contract::Grounding{.question = "Who?", .sources = {}};
  request.grounding->sources.emplace_back().text = "Ada.";
  EXPECT_EQ(generation_of(request, PromptStyle::chat_template).messages,
            (Messages{{"system", "Be brief."}, {"user", "Ada.|Who?"}}));
}

TEST(GenerationRequest, TakesSamplingAndKeepsDefaults) {
  ChatRequest request = dialogue();
  const engine::Generation defaults;
  const auto unset = generation_of(request, PromptStyle::chat_template);
  EXPECT_EQ(unset.max_tokens, defaults.max_tokens);
  EXPECT_EQ(unset.top_p, defaults.top_p);
  EXPECT_NE(unset.seed, generation_of(request, PromptStyle::chat_template).seed)
      << "random unless given";

  request.sampling = {.max_tokens = 3,
                      .temperature = 0,
                      .top_p = 0.5,
                      .top_k = 7,
                      .frequency_penalty = 0.1,
                      .presence_penalty = 0.2,
                      .repetition_penalty = 1.2,
                      .seed = 5,
                      .stop = {"x"},
                      .json_schema = {}};
  const auto set = generation_of(request, PromptStyle::plain_dialogue);
  EXPECT_EQ(set.max_tokens, 3U);
  EXPECT_EQ(set.temperature, 0);
  EXPECT_EQ(set.top_p, 0.5);
  EXPECT_EQ(set.top_k, 7);
  EXPECT_EQ(set.frequency_penalty, 0.1);
  EXPECT_EQ(set.presence_penalty, 0.2);
  EXPECT_EQ(set.repetition_penalty, 1.2);
  EXPECT_EQ(set.seed, 5U);
  EXPECT_EQ(set.stop, (std::vector<std::string>{"x", "\nUser:"}));
}

TEST(GenerationRequest, WritesSchemas) {
  ChatRequest request = dialogue();
  request.sampling.json_schema = boost::json::object();
  EXPECT_EQ(generation_of(request, PromptStyle::chat_template).json_schema, R"({"type":"object"})");
  request.sampling.json_schema = boost::json::parse(R"({"type":"array","minItems":2})").as_object();
  EXPECT_EQ(generation_of(request, PromptStyle::chat_template).json_schema,
            R"({"type":"array","minItems":2})");
}

}  // namespace
}  // namespace opaline::services
