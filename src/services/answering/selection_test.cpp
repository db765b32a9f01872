#include "services/answering/selection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace opaline::services {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// What is selected of passages whose sentences, one after another, have these scores.
std::vector<std::size_t> selected(std::size_t count, const std::vector<std::string>& passages,
                                  const std::vector<double>& scores) {
  std::vector<contract::Hit> sources(passages.size());
  for (std::size_t i = 0; i < passages.size(); ++i) sources[i].text = passages[i];
  EvidenceBoard board("what?", sources);
  EXPECT_EQ(board.evidence().size(), scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) board.evidence()[i].score = scores[i];
  return select_evidence(board.evidence(), count, sources);
}

TEST(Selection, HasEachTextOnce) {
  EXPECT_THAT(selected(3, {"Alpha is here. Beta is here.", "Alpha is here."}, {0.5, 0.4, 0.6}),
              ElementsAre(2, 1));
}

TEST(Selection, LeavesOutWhatIsFarFromTheBest) {
  EXPECT_THAT(selected(3, {"One is here. Two is here. Three is here."}, {0.2, 0.9, 0.7}),
              ElementsAre(1, 2));
  EXPECT_THAT(selected(1, {"One is here. Two is here."}, {0.9, 0.8}), ElementsAre(0));
}

TEST(Selection, LeavesRowsOutSooner) {
  const std::string table = "a | b\nlarge | 1\nsmall | 2";
  EXPECT_THAT(selected(3, {table}, {0.9, 0.7}), ElementsAre(0));
  EXPECT_THAT(selected(3, {table}, {0.9, 0.8}), ElementsAre(0, 1));
}

TEST(Selection, TellsTheBestParagraphFirst) {
  EXPECT_THAT(selected(3, {"One is here.", "Two is here. Three is here."}, {0.8, 0.7, 0.9}),
              ElementsAre(1, 2, 0));
  EXPECT_THAT(selected(3, {"One is here.\n\nTwo is here. Three is here."}, {0.8, 0.8, 0.9}),
              ElementsAre(1, 2, 0));
}

TEST(Selection, BringsWhatASentenceRefersTo) {
  const std::vector<std::string> passages = {
      "Copies\n\nA copy is made. It is kept.\n\nThis is normal. Others are not.\n\n"
      "Elsewhere\n\nThis is another matter. One is enough."};
  const auto best = [&](std::size_t count, std::size_t first, std::size_t second) {
    std::vector<double> scores(6, 0);
    scores[second] = 1;
    scores[first] = 1.1;
    return selected(count, passages, scores);
  };
  EXPECT_THAT(best(3, 2, 2), ElementsAre(0, 1, 2));
  EXPECT_THAT(best(3, 1, 3), ElementsAre(0, 1, 3));
  EXPECT_THAT(best(3, 1, 2), ElementsAre(0, 1, 2));
  // What does not fit with what it refers to is left out, unless it is the best.
  EXPECT_THAT(best(3, 5, 2), ElementsAre(5));
  EXPECT_THAT(best(2, 2, 5), ElementsAre(1, 2));
  // Nothing is above it under its heading.
  EXPECT_THAT(best(3, 4, 4), ElementsAre(4));
}

TEST(Selection, OfNothingIsEmpty) { EXPECT_THAT(selected(3, {}, {}), IsEmpty()); }

}  // namespace
}  // namespace opaline::services
