#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flow/orchestrator.hpp"
#include "flow/scripted_service.hpp"

namespace opaline::flow {

/// For tests. JSON out of a text, and the other way.
inline boost::json::value of(std::string_view text) { return boost::json::parse(text); }
inline std::string text(const JsonStepOutput& output) {
  return boost::json::serialize(std::get<boost::json::value>(output));
}

/// For tests. A stream of given pieces of bytes, then the end.
class Pieces final : public contract::ByteStream {
 public:
  Pieces(std::vector<std::string> pieces, Journal* journal, std::string type = "text/event-stream")
      : pieces_(std::move(pieces)), journal_(journal), type_(std::move(type)) {}
  ~Pieces() override { journal_->push_back("stream gone"); }
  const std::string& content_type() const override { return type_; }
  base::Task<base::Result<std::optional<std::string>>> next() override {
    while (place_ < pieces_.size() && pieces_[place_].empty()) ++place_;
    if (place_ == pieces_.size()) co_return std::nullopt;
    co_return pieces_[place_++];
  }

 private:
  std::vector<std::string> pieces_;
  Journal* journal_;
  std::size_t place_ = 0;
  std::string type_;
};

/// For tests. A flow of scripted services, and what happened in it.
class OrchestratorTest : public testing::Test {
 protected:
  using Answer =
      std::function<base::Result<contract::Reply>(const boost::json::value&, bool stream)>;

  /// "a>b a>c": steps in order of their first mention.
  void flow(std::string_view edges, const std::map<std::string, Answer>& answers = {},
            const std::vector<std::string>& generating = {}) {
    Graph graph;
    const auto node = [&](std::string_view name) {
      if (const auto found = graph.find(name)) return *found;
      auto scripted = std::make_unique<ScriptedService>(std::string(name),
                                                        contract::ServiceKind::custom, &journal_);
      const auto answer = answers.find(std::string(name));
      scripted->script = [answer = answer == answers.end() ? Answer() : answer->second,
                          name = std::string(name)](
                             const contract::Request& request) -> base::Result<contract::Reply> {
        const auto& asked = std::get<contract::JsonRequest>(request);
        if (answer) return answer(asked.body, asked.stream);
        boost::json::object reply;
        reply.emplace(name, asked.body);
        return contract::JsonReply{.body = std::move(reply)};
      };
      services_[std::string(name)] = scripted.get();
      const bool generates = std::ranges::find(generating, std::string(name)) != generating.end();
      steps_.push_back({.service = scripted.get(), .generates = generates});
      made_.push_back(std::move(scripted));
      return graph.add(std::string(name)).value();
    };
    while (!edges.empty()) {
      const std::size_t end = std::min(edges.find(' '), edges.size());
      const std::string_view edge = edges.substr(0, end);
      edges.remove_prefix(std::min(end + 1, edges.size()));
      const std::size_t arrow = edge.find('>');
      const Graph::Node from = node(edge.substr(0, arrow));
      if (arrow != std::string_view::npos) {
        const Graph::Node to = node(edge.substr(arrow + 1));
        ASSERT_TRUE(graph.connect(from, to));
      }
    }
    auto created = Orchestrator::create({.graph = std::move(graph), .steps = steps_, .output = {}});
    ASSERT_TRUE(created) << created.error().message;
    orchestrator_ = *std::move(created);
  }

  void start(JsonFlowRequest request, StepHooks* hooks = nullptr) {
    outcome_.of(loop_, orchestrator_->schedule(
                           std::move(request), context_, hooks, [this](const StepReport& report) {
                             const std::string step(report.step);
                             reports_.push_back(step + (report.error ? " failed" : ""));
                             if (!report.usage) return;
                             tokens_.push_back(step + " " +
                                               std::to_string(report.usage->prompt_tokens) + "+" +
                                               std::to_string(report.usage->completion_tokens));
                           }));
    settle(loop_);
  }
  JsonFlowReply run(JsonFlowRequest request, StepHooks* hooks = nullptr) {
    start(std::move(request), hooks);
    EXPECT_TRUE(outcome_.value()) << outcome_.value().error().message;
    return outcome_.value() ? *std::move(outcome_.value()) : JsonFlowReply{};
  }
  base::Error error_of(JsonFlowRequest request, StepHooks* hooks = nullptr) {
    start(std::move(request), hooks);
    EXPECT_FALSE(outcome_.value());
    return outcome_.value() ? base::Error{} : outcome_.value().error();
  }
  std::string read(contract::ByteStream& stream) {
    std::string all;
    for (;;) {
      Outcome<base::Result<std::optional<std::string>>> next;
      next.of(loop_, stream.next());
      settle(loop_);
      if (!next.value()) return all + "ERROR " + next.value().error().message;
      if (!*next.value()) return all;
      all += **next.value();
    }
  }
  static contract::ByteStream& stream(JsonFlowReply& reply, std::string_view step) {
    return *std::get<std::unique_ptr<contract::ByteStream>>(reply.find(step)->output);
  }
  Answer says(std::string_view body) {
    return [body = std::string(body)](const boost::json::value&,
                                      bool) -> base::Result<contract::Reply> {
      return contract::JsonReply{.body = of(body)};
    };
  }
  Answer streams(std::vector<std::string> pieces) {
    return [this, pieces](const boost::json::value&, bool wanted) -> base::Result<contract::Reply> {
      if (!wanted) return contract::JsonReply{.body = of(R"({"text":"whole"})")};
      return std::unique_ptr<contract::ByteStream>(std::make_unique<Pieces>(pieces, &journal_));
    };
  }
  boost::json::value asked(const std::string& step) const {
    return std::get<contract::JsonRequest>(services_.at(step)->requests.at(0)).body;
  }

  base::EventLoop loop_;
  Journal journal_;
  std::vector<std::string> reports_;
  std::vector<std::string> tokens_;  // "llm 7+2" of each report that tells them.
  std::vector<std::unique_ptr<ScriptedService>> made_;
  std::map<std::string, ScriptedService*> services_;
  std::vector<JsonStep> steps_;
  std::unique_ptr<Orchestrator> orchestrator_;
  base::Context context_;
  Outcome<base::Result<JsonFlowReply>> outcome_;
};

/// For tests. Expressions of flow files.
inline Expression expression(std::string_view text) {
  auto parsed = Expression::parse(text);
  EXPECT_TRUE(parsed) << text;
  return *std::move(parsed);
}
inline ValueTemplate value(std::string_view json) {
  auto parsed = ValueTemplate::parse(of(json));
  EXPECT_TRUE(parsed) << json;
  return *std::move(parsed);
}

/// For tests. The same with what Opaline's own flow files have beyond OPEA.
class ShapedStepsTest : public OrchestratorTest {
 protected:
  /// Makes the flow and lets `shape` change its steps, by name.
  void shaped(std::string_view edges, const std::map<std::string, Answer>& answers,
              const std::function<void(JsonFlow&)>& shape) {
    flow(edges, answers);
    JsonFlow changed = orchestrator_->flow();
    shape(changed);
    auto created = Orchestrator::create(std::move(changed));
    ASSERT_TRUE(created) << created.error().message;
    orchestrator_ = *std::move(created);
  }
  static JsonStep& step(JsonFlow& flow, std::string_view name) {
    return flow.steps[flow.graph.find(name).value()];
  }
  JsonFlowReply ask(std::string_view inputs) {
    return run({.inputs = of(inputs), .parameters = {}, .stream = false});
  }
  std::vector<std::string> ran() const {
    std::vector<std::string> names;
    for (const std::string& line : journal_) {
      if (line.starts_with("start ")) names.push_back(line.substr(6));
    }
    return names;
  }
};

}  // namespace opaline::flow
