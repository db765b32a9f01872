#include "operations/evaluate/evaluation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <mutex>
#include <optional>

#include "base/metric.hpp"
#include "http/server.hpp"

namespace opaline::operations {
namespace {

using testing::HasSubstr;

/// A server with an answer for each path, and what it was asked.
class ScriptedServer {
 public:
  ScriptedServer() {
    http::ServerSettings settings;
    settings.port = 0;
    settings.threads = 1;
    http::Handler handler = [this](http::Request request, base::Context) {
      return answer(std::move(request));
    };
    auto made = http::Server::create(std::move(settings), std::move(handler), metrics_);
    EXPECT_TRUE(made) << made.error().message;
    server_ = std::move(*made);
    server_->start();
  }
  ~ScriptedServer() { server_->stop(std::chrono::seconds(1)); }

  [[nodiscard]] http::Endpoint endpoint() const {
    return *http::Endpoint::parse("http://127.0.0.1:" + std::to_string(server_->port()));
  }

  std::map<std::string, std::string> replies;  // By "path" or "path question".
  std::vector<std::string> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  base::Task<http::Response> answer(http::Request request) {
    const std::lock_guard lock(mutex_);
    asked_.push_back(request.path + " " + request.body);
    for (const auto& [key, reply] : replies) {
      const std::size_t space = key.find(' ');
      const bool path = request.path == key.substr(0, space);
      const bool question =
          space == std::string::npos || request.body.contains(key.substr(space + 1));
      if (path && question) co_return http::Response::json(200, reply);
    }
    co_return http::Response::json(404, R"({"error":{"message":"nothing here"}})");
  }

  base::MetricRegistry metrics_;
  std::mutex mutex_;
  std::vector<std::string> asked_;
  std::unique_ptr<http::Server> server_;
};

template <class Report>
base::Result<Report> run(base::Task<base::Result<Report>> task) {
  std::optional<base::Result<Report>> report;
  base::EventLoop loop(1);
  boost::asio::co_spawn(loop, std::move(task),
                        [&](const std::exception_ptr& thrown, base::Result<Report> done) {
                          if (thrown) std::rethrow_exception(thrown);
                          report.emplace(std::move(done));
                        });
  loop.run_for(std::chrono::seconds(5));
  EXPECT_TRUE(report.has_value());
  return std::move(*report);
}

Question asks(std::string id, std::string text, Judgements relevant,
              std::vector<std::string> answers = {}) {
  Question question{.id = std::move(id),
                    .text = std::move(text),
                    .answers = std::move(answers),
                    .relevant = std::move(relevant)};
  question.answerable = !question.answers.empty() || !question.relevant.empty();
  return question;
}

TEST(EvaluateRetrieval, RanksDocumentsByTheirBestPassage) {
  ScriptedServer server;
  server.replies["/v1/search one"] =
      R"({"hits":[{"source":"docs/b.html"},{"source":"docs/b.html"},{"source":"docs/a.html"}],"timings_ms":{"retrieval":4.5}})";
  server.replies["/v1/search two"] = R"({"hits":[],"timings_ms":{"retrieval":1.5}})";
  Evaluation evaluation({.server = server.endpoint(), .mode = "dense"});
  const auto report =
      run(evaluation.retrieval({asks("q1", "one", {{"a", 1}}), asks("q2", "two", {{"a", 1}}),
                                asks("q3", "unanswerable", {})}));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->questions, 2U);
  EXPECT_DOUBLE_EQ(report->hit_1, 0);
  EXPECT_DOUBLE_EQ(report->hit_5, 0.5);
  EXPECT_DOUBLE_EQ(report->passages_hit_5, 0.5);
  EXPECT_DOUBLE_EQ(report->reciprocal_rank_10, 0.25);
  ASSERT_EQ(report->outcomes.size(), 2U);
  EXPECT_EQ(report->outcomes[0].place, 2U);
  EXPECT_EQ(report->outcomes[1].place, 0U);
  ASSERT_FALSE(report->latency.empty());
  EXPECT_EQ(report->latency[0].stage, "retrieval");
  EXPECT_EQ(report->latency[0].milliseconds, (std::vector<double>{4.5, 1.5}));
  EXPECT_THAT(server.asked().front(),
              HasSubstr(R"("query":"one","k":30,"collection":"default","mode":"dense")"));
  EXPECT_THAT(to_text(*report), HasSubstr("hit@5 0.500"));
  EXPECT_THAT(to_json(*report), HasSubstr(R"("hit_5":0.5)"));
}

TEST(EvaluateRetrieval, CanDoWithoutReranking) {
  ScriptedServer server;
  server.replies["/v1/search"] = R"({"hits":[]})";
  Evaluation evaluation(
      {.server = server.endpoint(), .key = "k", .reranking = EvaluationSettings::Reranking::off});
  ASSERT_TRUE(run(evaluation.retrieval({asks("q1", "one", {{"a", 1}})})));
  EXPECT_THAT(server.asked().front(), HasSubstr(R"("rerank":false)"));
}

TEST(EvaluateRetrieval, NamesTheQuestionThatFailed) {
  ScriptedServer server;
  Evaluation evaluation({.server = server.endpoint()});
  const auto report = run(evaluation.retrieval({asks("q7", "one", {{"a", 1}})}));
  EXPECT_EQ(report.error().message, "question q7: the server answered: nothing here");
  EXPECT_EQ(run(evaluation.retrieval({asks("q8", "none", {})})).error().message,
            "no question names a relevant document");
}

TEST(EvaluateAnswers, JudgesAnswersRefusalsAndCitations) {
  ScriptedServer server;
  server.replies["/query one"] =
      R"({"answer":"The port is 1812. [1]","declined":false,
          "sources":[{"index":1,"document_id":"d+1","source":"docs/a.html"},{"index":2,"document_id":"d2","source":"b.html"}],
          "citations":[{"source":1,"source_span":{"begin":4,"end":8},"quote":"1812","supported":true},
                       {"source":2,"source_span":{"begin":0,"end":4},"quote":"nope","supported":true},
                       {"source":1,"source_span":{"begin":0,"end":0},"quote":"","supported":false}]})";
  server.replies["/query two"] =
      R"({"answer":"The sources do not say.","declined":true,"sources":[],"citations":[]})";
  server.replies["/query three"] =
      R"({"answer":"1812","declined":false,"sources":[],"citations":[]})";
  server.replies["/query four"] = server.replies["/query two"];
  server.replies["/v1/documents/d+1/text"] = R"({"text":"Port1812 is it"})";
  server.replies["/v1/documents/d2/text"] = R"({"text":"Else"})";
  Evaluation evaluation({.server = server.endpoint()});
  const auto report = run(evaluation.answers({asks("q1", "one", {{"a", 1}}, {"1812"}),
                                              asks("q2", "two", {{"a", 1}}, {"1812"}),
                                              asks("q3", "three", {}), asks("q4", "four", {})}));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->answerable, 2U);
  EXPECT_EQ(report->unanswerable, 2U);
  EXPECT_DOUBLE_EQ(report->contained, 0.5);
  EXPECT_DOUBLE_EQ(report->exact, 0);
  EXPECT_DOUBLE_EQ(report->refusal.precision(), 0.5);
  EXPECT_DOUBLE_EQ(report->refusal.recall(), 0.5);
  EXPECT_EQ(report->citations, 2U);
  EXPECT_EQ(report->citations_exact, 1U);
  EXPECT_EQ(report->citations_judged, 2U);
  EXPECT_EQ(report->citations_relevant, 1U);
  EXPECT_THAT(to_text(*report), HasSubstr("contained answers 0.500"));
  EXPECT_THAT(to_json(*report), HasSubstr(R"("refusal_recall":0.5)"));
}

TEST(EvaluateAnswers, AFalseQuoteIsNotExact) {
  ScriptedServer server;
  server.replies["/query"] =
      R"({"answer":"x","declined":false,"sources":[{"document_id":"d","source":"a"}],
          "citations":[{"source":1,"source_span":{"begin":0,"end":99},"quote":"x"},{"source":9,"quote":"x"}]})";
  server.replies["/v1/documents/d/text"] = R"({"text":"x"})";
  Evaluation evaluation({.server = server.endpoint()});
  const auto report = run(evaluation.answers({asks("q1", "one", {{"a", 1}}, {"x"})}));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->citations, 2U);
  EXPECT_EQ(report->citations_exact, 0U);
  EXPECT_DOUBLE_EQ(report->exact, 1);
}

TEST(EvaluateAnswers, WantsAKnownAnswer) {
  ScriptedServer server;
  Evaluation evaluation({.server = server.endpoint()});
  EXPECT_EQ(run(evaluation.answers({asks("q1", "one", {{"a", 1}})})).error().message,
            "no question has a known answer");
}

}  // namespace
}  // namespace opaline::operations
