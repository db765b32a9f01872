#include "contract/rag_prompt.hpp"

#include <gtest/gtest.h>

namespace opaline::contract {
namespace {

Grounding grounding() {
  Grounding g{.question = "What is {it}?", .sources = {}};
  g.sources.emplace_back().text = "one {x}";
  g.sources.emplace_back().text = "two";
  return g;
}

TEST(RagPrompt, PutsResultsBeforeTheQuestion) {
  EXPECT_TRUE(rag_prompt(grounding(), "")
                  .ends_with("### Search results: one {x}\ntwo \n\n### Question: What is {it}? "
                             "\n\n### Answer:\n"));
}

TEST(RagPrompt, FillsTheCallersTemplate) {
  EXPECT_EQ(rag_prompt(grounding(), "C:{context} Q:{question} {{j}}"),
            "C:one {x}\ntwo Q:What is {it}? {j}");
  EXPECT_EQ(rag_prompt(grounding(), "Only {question}"), "Only What is {it}?");
}

TEST(RagPrompt, FallsBackOnTemplatesItCannotFill) {
  const std::string standard = rag_prompt(grounding(), "");
  for (const char* bad :
       {"no names", "{context} only", "{question} {other}", "{question", "{question} }"}) {
    EXPECT_EQ(rag_prompt(grounding(), bad), standard) << bad;
  }
}

}  // namespace
}  // namespace opaline::contract
