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

TEST(RagPrompt, IsChineseForChineseTexts) {
  Grounding g{.question = "What is HNSW?", .sources = {}};
  g.sources.emplace_back().text = "HNSW是向量索引";  // 5 of 9 characters.
  EXPECT_TRUE(rag_prompt(g, "").ends_with(
      "### 搜索结果：HNSW是向量索引 \n\n### 问题：What is HNSW? \n\n### 回答：\n"));
  g.sources.front().text = "向量索引abcdefghij";  // 4 of 14.
  EXPECT_TRUE(rag_prompt(g, "").ends_with("### Answer:\n"));
  g.sources.front().text = "向量索abcdefg";  // 3 of 10: as much as it takes.
  EXPECT_TRUE(rag_prompt(g, "").ends_with("### 回答：\n"));
  EXPECT_EQ(rag_prompt(g, "Only {question}"), "Only What is HNSW?");
}

TEST(RagPrompt, IsEnglishWithoutTextsAndForOtherScripts) {
  Grounding g{.question = "什么是向量索引？", .sources = {}};
  EXPECT_TRUE(rag_prompt(g, "").ends_with("### Answer:\n"));
  g.sources.emplace_back().text = "ひらがな \xFF 한국어";
  EXPECT_TRUE(rag_prompt(g, "").ends_with("### Answer:\n"));
}

}  // namespace
}  // namespace opaline::contract
