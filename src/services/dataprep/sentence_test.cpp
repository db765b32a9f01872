#include "services/dataprep/sentence.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace opaline::services::dataprep {
namespace {

std::vector<std::string> sentences(std::string_view text, LineEnds lines = LineEnds::wrapped) {
  std::vector<std::string> found;
  while (!text.empty()) {
    const auto length = first_sentence(text, lines);
    found.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return found;
}

using Texts = std::vector<std::string>;

TEST(Sentence, EndsAtFullStops) {
  EXPECT_EQ(sentences("One. Two! Three? Four"), (Texts{"One. ", "Two! ", "Three? ", "Four"}));
  EXPECT_EQ(sentences("He said \"Stop.\" Then (he left.) Silence."),
            (Texts{"He said \"Stop.\" ", "Then (he left.) ", "Silence."}));
}

TEST(Sentence, DoesNotEndInside) {
  EXPECT_EQ(sentences("Version 15.3 of e.g. Foo vs. Bar by J. Smith is out. Dr. No came.").size(),
            2U);
  EXPECT_EQ(sentences("See file.txt and a.b.c for more").size(), 1U);
  EXPECT_EQ(sentences("It costs approx. 5 and is lower. case follows").size(), 1U);
}

TEST(Sentence, EndsAtLinesOnlyWhereTheyMatter) {
  EXPECT_EQ(sentences("wrapped\nline").size(), 1U);
  EXPECT_EQ(sentences("a: 1\nb: 2", LineEnds::final), (Texts{"a: 1\n", "b: 2"}));
}

TEST(Sentence, KnowsOtherScripts) {
  EXPECT_EQ(sentences("これは文です。次の文！").size(), 2U);
  EXPECT_EQ(sentences("Привет. Как дела?").size(), 2U);
}

}  // namespace
}  // namespace opaline::services::dataprep
