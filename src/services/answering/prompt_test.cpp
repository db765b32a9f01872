#include "services/answering/prompt.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace opaline::services {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

const PromptSettings kExamples{.style = PromptStyle::examples, .declined_text = "No idea."};
const PromptSettings kMessages{.style = PromptStyle::messages, .declined_text = "No idea."};

std::vector<contract::Hit> sources() {
  std::vector<contract::Hit> made(2);
  made[0].title_path = "RADIUS > Port";
  made[0].text = "The port\nis 1812.";
  made[1].title = "Limits";
  made[1].text = "At most 32 columns.";
  return made;
}

contract::ChatRequest request() {
  contract::ChatRequest made;
  made.messages = {{.role = "user", .content = "hello"},
                   {.role = "assistant", .content = "hi"},
                   {.role = "user", .content = "port?"}};
  made.grounding = contract::Grounding{.question = "port?", .sources = sources()};
  made.stream = true;
  return made;
}

TEST(Prompt, GivesABaseModelExamplesToContinue) {
  const auto made = make_prompt(request(), sources(), kExamples);
  ASSERT_TRUE(made.prompt);
  EXPECT_THAT(
      *made.prompt,
      EndsWith("Sources:\n[1] RADIUS > Port: The port is 1812.\n[2] Limits: At most 32 columns.\n"
               "Question: port?\nAnswer:"));
  EXPECT_THAT(*made.prompt, HasSubstr("Answer: No idea.\n"));
  EXPECT_EQ(made.sampling.temperature, 0);
  EXPECT_EQ(made.sampling.stop, std::vector<std::string>{"\n"});
  EXPECT_FALSE(made.grounding);
  EXPECT_TRUE(made.stream);
}

TEST(Prompt, KeepsTheCallersSampling) {
  auto asked = request();
  asked.sampling.temperature = 0.7;
  asked.sampling.max_tokens = 5;
  const auto made = make_prompt(std::move(asked), sources(), kExamples);
  EXPECT_EQ(made.sampling.temperature, 0.7);
  EXPECT_EQ(made.sampling.max_tokens, 5);
}

TEST(Prompt, GivesAnInstructedModelRulesAndTheConversation) {
  const auto made = make_prompt(request(), sources(), kMessages);
  EXPECT_FALSE(made.prompt);
  ASSERT_EQ(made.messages.size(), 4U);
  EXPECT_EQ(made.messages.front().role, "system");
  EXPECT_THAT(made.messages.front().content, HasSubstr("[2] Limits: At most 32 columns."));
  EXPECT_THAT(made.messages.front().content, HasSubstr("reply exactly: No idea."));
  EXPECT_EQ(made.messages.back().content, "port?");
}

TEST(Prompt, FillsTheCallersTemplate) {
  auto asked = request();
  asked.chat_template = "C: {context} Q: {question} again {question}";
  const auto made = make_prompt(std::move(asked), sources(), kMessages);
  ASSERT_EQ(made.messages.size(), 1U);
  EXPECT_THAT(made.messages.front().content, EndsWith("Q: port? again port?"));
  EXPECT_THAT(made.messages.front().content, HasSubstr("C: [1] RADIUS > Port: The port is 1812."));
  EXPECT_TRUE(made.chat_template.empty());
}

TEST(Prompt, FillsWhatSourcesSayLiterally) {
  auto asked = request();
  asked.chat_template = "{context}|{question}";
  asked.grounding->question = "{context}?";
  std::vector<contract::Hit> tricky(1);
  tricky[0].text = "text";
  const auto made = make_prompt(std::move(asked), tricky, kMessages);
  EXPECT_EQ(made.messages.front().content, "[1] text\n|{context}?");
}

TEST(Prompt, CutsLongSourcesBetweenCharacters) {
  std::vector<contract::Hit> longer(1);
  longer[0].text = "äöü";
  auto settings = kMessages;
  settings.source_bytes = 3;
  const auto made = make_prompt(request(), longer, settings);
  EXPECT_THAT(made.messages.front().content, HasSubstr("[1] ä\n"));
  EXPECT_THAT(made.messages.front().content, Not(HasSubstr("ö")));
}

}  // namespace
}  // namespace opaline::services
