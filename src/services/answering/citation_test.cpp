#include "services/answering/citation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace opaline::services {
namespace {

const std::string kDeclined = "The sources do not say.";

class CitedTextTest : public testing::Test {
 protected:
  CitedTextTest() {
    add("The default port is 1812. Passwords are sent in clear text.", 100);
    add("An index can have 32 columns at most. Index builds lock the table.", 0);
  }
  void add(std::string text, std::uint64_t begin) {
    contract::Hit hit;
    hit.span = {.begin = begin, .end = begin + text.size()};
    hit.text = std::move(text);
    sources_.push_back(std::move(hit));
  }
  /// What a reader sees, fed in pieces of `step` bytes; the text must not depend on the pieces.
  std::string told(std::string_view raw, std::size_t step = 1) {
    cited_.emplace(sources_, kDeclined);
    std::string shown;
    for (std::size_t at = 0; at < raw.size(); at += step)
      shown += cited_->feed(raw.substr(at, step));
    shown += cited_->finish();
    EXPECT_EQ(shown, cited_->text());
    return shown;
  }
  [[nodiscard]] const std::vector<contract::Citation>& citations() const {
    return cited_->citations();
  }

  std::vector<contract::Hit> sources_;
  std::optional<CitedText> cited_;
};

TEST_F(CitedTextTest, KeepsAMarkThatHolds) {
  EXPECT_EQ(told("The default port is 1812. [1]"), "The default port is 1812. [1]");
  ASSERT_EQ(citations().size(), 1U);
  const contract::Citation& citation = citations().front();
  EXPECT_EQ(citation.source, 1);
  EXPECT_TRUE(citation.supported);
  EXPECT_EQ(citation.quote, "The default port is 1812.");
  EXPECT_EQ(citation.source_span, (contract::Span{100, 125}));
  EXPECT_EQ(citation.answer_span, (contract::Span{0, 29}));
}

TEST_F(CitedTextTest, AddsTheMarkThatIsMissing) {
  EXPECT_EQ(told(" An index can have 32 columns."), "An index can have 32 columns. [2]");
}

TEST_F(CitedTextTest, PutsAWrongMarkRight) {
  EXPECT_EQ(told("The default port is 1812 [2]."), "The default port is 1812. [1]");
  EXPECT_EQ(citations().front().source, 1);
}

TEST_F(CitedTextTest, DropsMarksOfNoSource) {
  EXPECT_EQ(told("The default port is 1812. [7][0]"), "The default port is 1812. [1]");
}

TEST_F(CitedTextTest, MarksWhatNoSourceSays) {
  EXPECT_EQ(told("The moon is made of green cheese. [2] The default port is 1812."),
            "The moon is made of green cheese. The default port is 1812. [1]");
  ASSERT_EQ(citations().size(), 2U);
  EXPECT_FALSE(citations()[0].supported);
  EXPECT_EQ(citations()[0].source, 2);
  EXPECT_TRUE(citations()[1].supported);
}

TEST_F(CitedTextTest, QuotesWhatComesClosestToAnUnsupportedSentence) {
  told("Index builds never lock anything of the enemy. [2]");
  ASSERT_EQ(citations().size(), 1U);
  EXPECT_FALSE(citations().front().supported);
  EXPECT_EQ(citations().front().source, 2);
  EXPECT_EQ(citations().front().quote, "Index builds lock the table.");
  EXPECT_EQ(citations().front().source_span, (contract::Span{38, 66}));
}

TEST_F(CitedTextTest, QuotesEachSourceThatAnUnsupportedSentenceNames) {
  told("Passwords of 40 letters lock the moon. [1][2]");
  ASSERT_EQ(citations().size(), 2U);
  EXPECT_EQ(citations()[0].quote, "Passwords are sent in clear text.");
  EXPECT_EQ(citations()[1].quote, "Index builds lock the table.");
}

TEST_F(CitedTextTest, QuotesTheNearestSourceOfAnUnsupportedSentenceWithoutAMark) {
  told("Passwords are eaten by 9 crocodiles.");
  ASSERT_EQ(citations().size(), 1U);
  EXPECT_FALSE(citations().front().supported);
  EXPECT_EQ(citations().front().source, 1);
  EXPECT_EQ(citations().front().quote, "Passwords are sent in clear text.");
}

TEST_F(CitedTextTest, DoesNotAcceptAnotherNumber) {
  told("The default port is 1813. [1]");
  ASSERT_EQ(citations().size(), 1U);
  EXPECT_FALSE(citations().front().supported);
}

TEST_F(CitedTextTest, KnowsWhenTheModelDeclines) {
  EXPECT_EQ(told(" The sources do not say."), kDeclined);
  EXPECT_TRUE(cited_->declined());
  EXPECT_TRUE(citations().empty());
  told("The default port is 1812.");
  EXPECT_FALSE(cited_->declined());
}

TEST_F(CitedTextTest, TellsTheSameHoweverItArrives) {
  const std::string raw =
      "The default port is 1812. [1] An index can have 32 columns at most [2]. See [x] and [1";
  const std::string whole = told(raw, raw.size());
  for (std::size_t step = 1; step < 12; ++step) EXPECT_EQ(told(raw, step), whole);
}

TEST_F(CitedTextTest, SpansAreTrueForAnyText) {
  std::string document(100, '.');
  document += sources_[0].text;
  std::mt19937 random(11);
  const std::vector<std::string> words = {"The", "default", "port", "is", "1812",  ".", " ",
                                          "[1]", "[2]",     "[9]",  "\n", "index", "32"};
  for (int round = 0; round < 3000; ++round) {
    std::string raw;
    for (int i = 0; i < 25; ++i)
      raw += words[random() % words.size()] + (random() % 2 == 0 ? " " : "");
    const std::string text = told(raw, 1 + random() % 9);
    for (const contract::Citation& citation : citations()) {
      ASSERT_LE(citation.answer_span.begin, citation.answer_span.end) << raw;
      ASSERT_LE(citation.answer_span.end, text.size()) << raw;
      const std::string& source = citation.source == 1 ? document : sources_[1].text;
      ASSERT_EQ(source.substr(citation.source_span.begin,
                              citation.source_span.end - citation.source_span.begin),
                citation.quote)
          << raw;
    }
  }
}

}  // namespace
}  // namespace opaline::services
