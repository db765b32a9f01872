#include "operations/evaluate/questions.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace opaline::operations {
namespace {

TEST(DocumentName, IsTheStemOfPathsAndUrls) {
  EXPECT_EQ(document_name("docs/sql-copy.html"), "sql-copy");
  EXPECT_EQ(document_name("https://example.org/docs/a.b.html?x=1#part"), "a.b");
  EXPECT_EQ(document_name("184.txt"), "184");
  EXPECT_EQ(document_name("184"), "184");
  EXPECT_EQ(document_name(".hidden"), ".hidden");
}

TEST(ParseQuestions, ReadsAnswersPagesAndKind) {
  const auto questions = parse_questions(
      R"({"id":"q1","question":"How many?","answer":"5","aliases":["five"],"pages":["a.html"],"alt_pages":["b.html"],"kind":"fact"})"
      "\n\n"
      R"({"question":"Who knows?","answer":"","aliases":[],"pages":[],"kind":"unanswerable"})");
  ASSERT_TRUE(questions) << questions.error().message;
  ASSERT_EQ(questions->size(), 2U);
  const Question& first = questions->front();
  EXPECT_EQ(first.id, "q1");
  EXPECT_EQ(first.answers, (std::vector<std::string>{"5", "five"}));
  EXPECT_EQ(first.relevant, (Judgements{{"a", 1}, {"b", 1}}));
  EXPECT_TRUE(first.answerable);
  EXPECT_EQ(questions->back().id, "3");
  EXPECT_FALSE(questions->back().answerable);
}

TEST(ParseQuestions, NamesTheWrongLine) {
  EXPECT_EQ(parse_questions("{\"question\":\"a\",\"pages\":[\"x\"]}\n[1]").error().message,
            "line 2: expected a JSON object");
  EXPECT_EQ(parse_questions("{\"question\":").error().message, "line 1: expected a JSON object");
  EXPECT_EQ(parse_questions("{\"text\":\"a\"}").error().message, "line 1: \"question\" is missing");
  EXPECT_EQ(parse_questions("\n").error().message, "there is no question");
}

constexpr std::string_view kTopics =
    "<xml><top><num> 1</num><title>\nwhat lifts\n a wing .\n</title></top>"
    "<top><num> 4</num><title>heat &amp; drag</title></top></xml>";

TEST(ParseTrec, MatchesJudgementsByNumber) {
  const auto questions = parse_trec(kTopics, "4 0 d7 2\n1 0 d1 1\n1 0 d2 0\n");
  ASSERT_TRUE(questions) << questions.error().message;
  ASSERT_EQ(questions->size(), 2U);
  EXPECT_EQ(questions->front().text, "what lifts a wing .");
  EXPECT_EQ(questions->back().text, "heat & drag");
  EXPECT_EQ(questions->back().relevant, (Judgements{{"d7", 2}}));
}

TEST(ParseTrec, MatchesByPlaceWhenNumbersDoNotFit) {
  const auto questions = parse_trec(kTopics, "1 0 d1 1\n2 0 d9 1\n");
  ASSERT_TRUE(questions) << questions.error().message;
  EXPECT_EQ(questions->back().id, "4");
  EXPECT_EQ(questions->back().relevant, (Judgements{{"d9", 1}}));
}

TEST(ParseTrec, LeavesOutTopicsWithoutRelevantDocuments) {
  const auto questions = parse_trec(kTopics, "1 0 d1 1\n4 0 d2 0\n");
  ASSERT_TRUE(questions) << questions.error().message;
  EXPECT_EQ(questions->size(), 1U);
}

TEST(ParseTrec, RefusesBrokenFiles) {
  EXPECT_EQ(parse_trec("<xml/>", "1 0 d 1").error().message, "there is no <top>");
  EXPECT_EQ(parse_trec("<top><num>1</num></top>", "1 0 d 1").error().message,
            "topic 1: <num> or <title> is missing");
  EXPECT_EQ(parse_trec(kTopics, "1 0 d1 1\n1 0 d2").error().message,
            "judgements, line 2: expected \"topic 0 document grade\"");
  EXPECT_EQ(parse_trec(kTopics, "").error().message, "no topic has a relevant document");
}

class ReadQuestions : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ / name) << text;
  }

  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) /
      (std::string("questions_") + testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(ReadQuestions, FindsTheJudgementsBesideTopics) {
  write("topics.xml", kTopics);
  EXPECT_EQ(read_questions(folder_ / "topics.xml").error().code, base::ErrorCode::not_found);
  write("my_qrels.txt", "1 0 d1 1\n");
  const auto questions = read_questions(folder_ / "topics.xml");
  ASSERT_TRUE(questions) << questions.error().message;
  EXPECT_EQ(questions->size(), 1U);
}

TEST_F(ReadQuestions, NamesTheFile) {
  EXPECT_EQ(read_questions(folder_ / "none.jsonl").error().message,
            "cannot read " + (folder_ / "none.jsonl").string());
  write("bad.jsonl", "x");
  EXPECT_EQ(read_questions(folder_ / "bad.jsonl").error().message,
            (folder_ / "bad.jsonl").string() + ": line 1: expected a JSON object");
}

}  // namespace
}  // namespace opaline::operations
