#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "operations/evaluate/metrics.hpp"

namespace opaline::operations {

/// How long one stage took over all questions, in milliseconds.
struct StageLatency {
  std::string stage;
  std::vector<double> milliseconds;
};

/// What became of one question.
struct RetrievalOutcome {
  std::string id;
  std::string question;
  std::size_t place = 0;  ///< Of the first relevant document; 0: not found.
};

/// Averages over the questions that have a relevant document.
struct RetrievalReport {
  std::string mode;  ///< As asked; "" = the server's own.
  std::size_t questions = 0;
  double hit_1 = 0;
  double hit_5 = 0;
  double hit_10 = 0;
  double passages_hit_5 = 0;  ///< The same among the first 5 passages, as they came.
  double reciprocal_rank_10 = 0;
  double ndcg_10 = 0;
  double recall_10 = 0;
  std::vector<StageLatency> latency;
  std::vector<RetrievalOutcome> outcomes;
};

struct AnswerOutcome {
  std::string id;
  std::string question;
  std::string answer;
  bool answerable = true;
  bool declined = false;
  bool contained = false;
};

struct AnswersReport {
  std::size_t answerable = 0;
  std::size_t unanswerable = 0;
  double contained = 0;                 ///< Of the answerable: the answer has the right one in it.
  double exact = 0;                     ///< Of the answerable: the answer is the right one.
  double answer_words = 0;              ///< Of the answers given, on average.
  PrecisionRecall refusal;              ///< Declining is right exactly for the unanswerable.
  std::size_t citations = 0;            ///< With a quote.
  std::size_t citations_exact = 0;      ///< The quote is the document's text at its span.
  std::size_t citations_supported = 0;  ///< As the server says.
  std::size_t citations_judged = 0;     ///< Of questions whose documents are judged …
  std::size_t citations_relevant = 0;   ///< … those of a relevant document.
  std::vector<StageLatency> latency;
  std::vector<AnswerOutcome> outcomes;
};

/// For people: a few aligned lines.
[[nodiscard]] std::string to_text(const RetrievalReport& report);
[[nodiscard]] std::string to_text(const AnswersReport& report);
/// For scripts: one JSON object, outcomes included.
[[nodiscard]] std::string to_json(const RetrievalReport& report);
[[nodiscard]] std::string to_json(const AnswersReport& report);

}  // namespace opaline::operations
