#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "base/context.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "http/client.hpp"
#include "operations/evaluate/questions.hpp"
#include "operations/evaluate/report.hpp"

namespace opaline::operations {

struct EvaluationSettings {
  http::Endpoint server;
  std::string key;  ///< API key; may be empty.
  std::string collection = "default";
  std::string mode;  ///< hybrid, dense or keyword; "": the server's own.
  enum class Reranking { as_served, off } reranking = Reranking::as_served;
  int passages = 30;  ///< Asked for a question; documents stand where their best passage stands.
  int top_k = 5;      ///< Passages that an answer may rest on.
  std::chrono::seconds question_time{120};
  std::function<void(std::size_t done, std::size_t all)> progress = {};
};

/// Measures a running server with questions whose answers are known, one after another. Used by one
/// coroutine at a time.
class Evaluation {
 public:
  explicit Evaluation(EvaluationSettings settings) : settings_(std::move(settings)) {}

  /// Asks /v1/search. Questions without a relevant document are left out.
  /// @error invalid_argument: no question left; otherwise the server's own, with the question's id.
  base::Task<base::Result<RetrievalReport>> retrieval(std::vector<Question> questions);
  /// Asks /query, and compares each citation's quote with the document's text. Questions without a
  /// known answer that are not unanswerable are left out. @error as above.
  base::Task<base::Result<AnswersReport>> answers(std::vector<Question> questions);

 private:
  base::Task<base::Result<boost::json::object>> ask(std::string method, std::string path,
                                                    std::string body);
  base::Task<base::Result<boost::json::object>> timed_ask(std::string path, std::string body);
  base::Task<base::Result<std::string>> document_text(std::string id);
  base::Task<base::Result<void>> judge_citations(Question question, boost::json::object reply);
  void note_latency(const std::string& stage, double milliseconds);

  EvaluationSettings settings_;
  http::Client client_;
  std::vector<StageLatency> latency_;
  AnswersReport answers_;
  std::map<std::string, std::string> texts_;  // Of documents that were cited.
};

}  // namespace opaline::operations
