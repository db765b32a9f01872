#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What a ranking or an answer is worth, as numbers. Pure functions; definitions as trec_eval has
/// them.
namespace opaline::operations {

/// How relevant each document is; documents that are not named are worth 0. Grades are linear
/// gains.
using Judgements = std::map<std::string, double, std::less<>>;

/// The documents of `ranking` in order of their first place: a page counts once, where its best
/// passage stands.
[[nodiscard]] std::vector<std::string> distinct(std::span<const std::string> ranking);

/// Whether one of the first `k` is relevant.
[[nodiscard]] bool hit(std::span<const std::string> ranking, const Judgements& relevant,
                       std::size_t k);
/// 1 / place of the first relevant one among the first `k`; 0 without one.
[[nodiscard]] double reciprocal_rank(std::span<const std::string> ranking,
                                     const Judgements& relevant, std::size_t k);
/// Σ gain / log₂(place + 1) over the first `k`, divided by the same sum of the best possible order;
/// 0 without anything relevant. `ranking` must be distinct.
[[nodiscard]] double ndcg(std::span<const std::string> ranking, const Judgements& relevant,
                          std::size_t k);
/// Relevant ones among the first `k`, of all relevant ones; 0 without anything relevant. `ranking`
/// must be distinct.
[[nodiscard]] double recall(std::span<const std::string> ranking, const Judgements& relevant,
                            std::size_t k);

/// Text as answers are compared: lower case, quotes and markup gone, commas inside numbers gone,
/// everything that is neither letter, digit nor one of "_-+.:%" becomes one space.
[[nodiscard]] std::string comparable(std::string_view text);
/// Whether `text` contains `answer` as whole words after comparable(); an answer of several parts
/// ("a; b") needs each.
[[nodiscard]] bool contains_answer(std::string_view text, std::string_view answer);
/// Whether they are equal after comparable().
[[nodiscard]] bool equals_answer(std::string_view text, std::string_view answer);

/// Right ones among all that were claimed, and among all that should have been; 0 / 0 counts as 1.
struct PrecisionRecall {
  std::size_t true_positives = 0;
  std::size_t false_positives = 0;
  std::size_t false_negatives = 0;

  [[nodiscard]] double precision() const;
  [[nodiscard]] double recall() const;
};

/// The smallest value that at least `share` (0 … 1) of `values` do not exceed (nearest rank); 0 of
/// nothing.
[[nodiscard]] double percentile(std::vector<double> values, double share);

}  // namespace opaline::operations
