#include "flow/runner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "flow/scripted_service.hpp"
#include "flow/step_stream.hpp"

namespace opaline::flow {
namespace {

using base::ErrorCode;
using contract::ChatReply;
using contract::ChatRequest;
using contract::Reply;
using contract::Request;
using contract::ServiceKind;

contract::Hit hit(std::string id) {
  contract::Hit made;
  made.id = std::move(id);
  return made;
}

/// What a service of the kind says without a script of its own; an LLM says its name and on what it
/// was grounded.
Reply usual_reply(ServiceKind kind, const std::string& name, const Request& request,
                  Journal* journal) {
  switch (kind) {
    case ServiceKind::embedding:
      return contract::EmbeddingReply{
          .vectors = {{1.0F}}, .model = {}, .prompt_tokens = 1, .warnings = {}};
    case ServiceKind::retrieval:
      return contract::RetrievalReply{
          .query = {}, .hits = {hit("1"), hit("2")}, .top_n = 1, .warnings = {}};
    case ServiceKind::reranking: {
      auto hits = std::get<contract::RerankingRequest>(request).hits;
      std::ranges::reverse(hits);
      return contract::RerankingReply{.query = {}, .hits = std::move(hits)};
    }
    case ServiceKind::llm: {
      const auto& chat = std::get<ChatRequest>(request);
      ChatReply reply;
      reply.text = name + " on " + chat.question();
      if (chat.grounding) {
        reply.text += " with";
        for (const auto& source : chat.grounding->sources) reply.text += " " + source.id;
      }
      if (chat.stream) {
        return std::make_unique<ScriptedStream>(std::vector<std::string>{reply.text, "!"},
                                                std::nullopt, journal);
      }
      return reply;
    }
    case ServiceKind::dataprep:
    case ServiceKind::custom: break;
  }
  OPALINE_ASSERT(false);
}

/// A flow of scripted services on one loop without time.
class RunnerTest : public ::testing::Test {
 protected:
  /// Steps are named by their kinds' names, with a number where there are several: "llm2".
  void flow(std::initializer_list<std::string> names,
            std::initializer_list<std::pair<std::string, std::string>> edges) {
    FlowSpec spec;
    std::vector<contract::Service*> services;
    for (const std::string& name : names) {
      const auto kind =
          contract::service_kind(name.substr(0, name.find_first_of("0123456789"))).value();
      ServiceSpec service;
      service.name = name;
      service.kind = kind;
      spec.services.push_back(service);
      ASSERT_TRUE(spec.graph.add(name));
      auto scripted = std::make_unique<ScriptedService>(name, kind, &journal_);
      scripted->script = [this, kind, name](const Request& request) -> base::Result<Reply> {
        return usual_reply(kind, name, request, &journal_);
      };
      services.push_back(scripted.get());
      nodes_[name] = nodes_.size();
      services_.push_back(std::move(scripted));
    }
    for (const auto& [from, to] : edges)
      ASSERT_TRUE(spec.graph.connect(nodes_.at(from), nodes_.at(to)));
    auto runner = Runner::create(std::move(spec), std::move(services));
    ASSERT_TRUE(runner) << runner.error().message;
    runner_ = *std::move(runner);
  }
  void chatqna() {
    flow({"embedding", "retrieval", "reranking", "llm"},
         {{"embedding", "retrieval"}, {"retrieval", "reranking"}, {"reranking", "llm"}});
  }
  void diamond() {
    flow({"embedding", "retrieval1", "retrieval2", "llm"}, {{"embedding", "retrieval1"},
                                                            {"embedding", "retrieval2"},
                                                            {"retrieval1", "llm"},
                                                            {"retrieval2", "llm"}});
  }

  ScriptedService& service(const std::string& name) { return *services_[nodes_.at(name)]; }
  void fail_at(const std::string& name, ErrorCode code) {
    service(name).script = [code](const Request&) -> base::Result<Reply> {
      return base::fail(code, "it broke", "the detail");
    };
  }

  static ChatRequest question() {
    ChatRequest chat;
    chat.messages = {{.role = "user", .content = "why?"}};
    return chat;
  }

  void start(ChatRequest request = question()) {
    outcome_.of(loop_, runner_->run(std::move(request), context_, [this](const StepReport& report) {
      std::string line = "report " + std::string(report.step);
      if (report.error) line += " " + std::string(base::name(report.error->code));
      journal_.push_back(std::move(line));
    }));
    settle(loop_);
  }

  std::string answer() {
    auto& result = outcome_.value();
    return result ? std::get<ChatReply>(*result).text : result.error().message;
  }

  std::unique_ptr<contract::ChatStream> stream() {
    auto& result = outcome_.value();
    EXPECT_TRUE(result);
    return result ? std::move(std::get<std::unique_ptr<contract::ChatStream>>(*result)) : nullptr;
  }
  base::Result<contract::ChatDelta> next(contract::ChatStream& stream) {
    Outcome<base::Result<contract::ChatDelta>> delta;
    delta.of(loop_, stream.next());
    settle(loop_);
    return delta.value();
  }

  base::EventLoop loop_;
  Journal journal_;
  base::Context context_;
  std::map<std::string, Graph::Node> nodes_;
  std::vector<std::unique_ptr<ScriptedService>> services_;
  std::unique_ptr<Runner> runner_;
  Outcome<base::Result<Reply>> outcome_;
};

TEST_F(RunnerTest, RunsAChainAndHandsOnWhatWasFound) {
  chatqna();
  start();
  EXPECT_EQ(answer(), "llm on why? with 2 1");
  EXPECT_EQ(journal_,
            (Journal{"start embedding", "end embedding", "report embedding", "start retrieval",
                     "end retrieval", "report retrieval", "start reranking", "end reranking",
                     "report reranking", "start llm", "end llm", "report llm"}));
  EXPECT_EQ(std::get<contract::RetrievalRequest>(service("retrieval").requests[0]).embedding,
            std::vector<float>{1.0F});
}

TEST_F(RunnerTest, RunsASingleStep) {
  flow({"llm"}, {});
  start();
  EXPECT_EQ(answer(), "llm on why?");
}

TEST_F(RunnerTest, RunsBothBranchesBeforeTheirJoin) {
  diamond();
  service("retrieval1").held = true;
  service("retrieval2").held = true;
  start();
  EXPECT_EQ(service("retrieval1").waiting(), 1U);
  EXPECT_EQ(service("retrieval2").waiting(), 1U);
  service("retrieval2").release();
  settle(loop_);
  EXPECT_TRUE(service("llm").requests.empty());
  service("retrieval1").release();
  settle(loop_);
  EXPECT_EQ(answer(), "llm on why? with 1 2");
}

TEST_F(RunnerTest, StartsABranchesNextStepWithoutWaitingForTheOther) {
  flow({"retrieval1", "retrieval2", "reranking1", "reranking2", "llm"},
       {{"retrieval1", "reranking1"},
        {"retrieval2", "reranking2"},
        {"reranking1", "llm"},
        {"reranking2", "llm"}});
  service("retrieval1").held = true;
  start();
  EXPECT_EQ(service("reranking2").requests.size(), 1U);
  EXPECT_TRUE(service("reranking1").requests.empty());
  service("retrieval1").release();
  settle(loop_);
  EXPECT_EQ(answer(), "llm on why? with 2 1");
}

TEST_F(RunnerTest, PassesOverRerankingWhenNothingWasFound) {
  chatqna();
  service("retrieval").script = [](const Request&) -> base::Result<Reply> {
    return contract::RetrievalReply();
  };
  start();
  EXPECT_EQ(answer(), "llm on why? with");
  EXPECT_TRUE(service("reranking").requests.empty());
  const auto& grounding = std::get<ChatRequest>(service("llm").requests[0]).grounding;
  ASSERT_TRUE(grounding);
  EXPECT_TRUE(grounding->sources.empty());
}

TEST_F(RunnerTest, PassesOverSeveralRerankingsInARow) {
  flow({"retrieval", "reranking1", "reranking2", "llm"},
       {{"retrieval", "reranking1"}, {"reranking1", "reranking2"}, {"reranking2", "llm"}});
  service("retrieval").script = [](const Request&) -> base::Result<Reply> {
    return contract::RetrievalReply();
  };
  start();
  EXPECT_EQ(answer(), "llm on why? with");
}

TEST_F(RunnerTest, ARerankingAtTheEndThatWasPassedOverFoundNothing) {
  flow({"retrieval", "reranking"}, {{"retrieval", "reranking"}});
  service("retrieval").script = [](const Request&) -> base::Result<Reply> {
    return contract::RetrievalReply();
  };
  start();
  ASSERT_TRUE(outcome_.value());
  const auto& reply = std::get<contract::RerankingReply>(*outcome_.value());
  EXPECT_EQ(reply.query, "why?");
  EXPECT_TRUE(reply.hits.empty());
}

TEST_F(RunnerTest, WithoutAnLlmTheLastStepsReplyIsTheFlows) {
  flow({"embedding", "retrieval"}, {{"embedding", "retrieval"}});
  service("embedding").script = [](const Request&) -> base::Result<Reply> {
    return contract::EmbeddingReply{
        .vectors = {{1.0F}}, .model = {}, .prompt_tokens = 1, .warnings = {"cut"}};
  };
  ChatRequest request = question();
  request.stream = true;
  start(request);
  ASSERT_TRUE(outcome_.value());
  const auto& reply = std::get<contract::RetrievalReply>(*outcome_.value());
  EXPECT_EQ(reply.hits.size(), 2U);
  EXPECT_EQ(reply.warnings, std::vector<std::string>{"cut"});
}

TEST_F(RunnerTest, TheLastLlmLeafAnswersWhereverItStands) {
  flow({"llm1", "llm2", "retrieval1", "retrieval2"}, {});
  start();
  EXPECT_EQ(answer(), "llm2 on why?");
  EXPECT_EQ(journal_.size(), 12U) << "all steps ran";
}

TEST_F(RunnerTest, AfterAnLlmTheNextOneWorksOnItsAnswer) {
  flow({"retrieval", "llm1", "llm2"}, {{"retrieval", "llm1"}, {"llm1", "llm2"}});
  ChatRequest request = question();
  request.stream = true;
  start(request);
  EXPECT_FALSE(std::get<ChatRequest>(service("llm1").requests[0]).stream)
      << "only the last one streams";
  const auto& second = std::get<ChatRequest>(service("llm2").requests[0]);
  EXPECT_EQ(second.question(), "llm1 on why? with 1 2");
  EXPECT_TRUE(second.stream);
  EXPECT_FALSE(second.grounding);
}

TEST_F(RunnerTest, TheFirstErrorIsLedByTheNameOfItsStep) {
  chatqna();
  fail_at("retrieval", ErrorCode::unavailable);
  start();
  ASSERT_FALSE(outcome_.value());
  EXPECT_EQ(outcome_.value().error(),
            step_error("retrieval", {ErrorCode::unavailable, "it broke", "the detail"}));
  EXPECT_EQ(journal_.back(), "report retrieval unavailable");
  EXPECT_TRUE(service("reranking").requests.empty());
}

TEST_F(RunnerTest, AFailureCancelsTheOtherBranchAndWaitsForIt) {
  diamond();
  service("retrieval1").held = true;
  service("retrieval2").held = true;
  fail_at("retrieval2", ErrorCode::resource_exhausted);
  start();
  service("retrieval2").release();
  settle(loop_);
  EXPECT_EQ(answer(), "step 'retrieval2': it broke");
  EXPECT_EQ(outcome_.value().error().code, ErrorCode::resource_exhausted);
  EXPECT_EQ(journal_,
            (Journal{"start embedding", "end embedding", "report embedding", "start retrieval1",
                     "start retrieval2", "end retrieval2", "report retrieval2 resource_exhausted",
                     "cancelled retrieval1", "report retrieval1 cancelled"}));
  EXPECT_FALSE(context_.cancelled())
      << "the request's own cancellation is not the run's to ask for";
}

TEST_F(RunnerTest, TheClientsCancellationReachesEveryRunningStep) {
  diamond();
  service("retrieval1").held = true;
  service("retrieval2").held = true;
  start();
  context_.cancellation->request();
  settle(loop_);
  EXPECT_EQ(outcome_.value().error().code, ErrorCode::cancelled);
  EXPECT_TRUE(std::ranges::count(journal_, "cancelled retrieval1") == 1);
  EXPECT_TRUE(std::ranges::count(journal_, "cancelled retrieval2") == 1);
  EXPECT_TRUE(service("llm").requests.empty());
}

TEST_F(RunnerTest, NothingStartsForARequestThatIsCancelled) {
  chatqna();
  context_.cancellation->request();
  start();
  EXPECT_EQ(outcome_.value().error(),
            step_error("embedding",
                       {ErrorCode::cancelled, "not started, the request was cancelled", ""}));
  EXPECT_TRUE(journal_.empty());
}

TEST_F(RunnerTest, NothingStartsAfterACancellationThatAStepDidNotNotice) {
  chatqna();
  service("embedding").script = [this](const Request& request) -> base::Result<Reply> {
    context_.cancellation->request();
    return usual_reply(ServiceKind::embedding, "embedding", request, &journal_);
  };
  start();
  EXPECT_EQ(answer(), "step 'retrieval': not started, the request was cancelled");
}

TEST_F(RunnerTest, NothingStartsAfterTheDeadline) {
  chatqna();
  context_.deadline = base::Context::Clock::now();
  start();
  EXPECT_EQ(outcome_.value().error(),
            step_error("embedding", {ErrorCode::deadline_exceeded,
                                     "not started, the time for the request is over", ""}));
  EXPECT_TRUE(journal_.empty());
}

TEST_F(RunnerTest, EveryStepGetsTheDeadlineAndASpanOfItsOwn) {
  chatqna();
  context_.deadline = base::Context::Clock::now() + std::chrono::hours(1);
  context_.trace = base::TraceContext::start();
  context_.tenant = "acme";
  start();
  std::vector<base::TraceContext> traces{context_.trace};
  for (const auto& one : services_) {
    ASSERT_EQ(one->contexts.size(), 1U);
    const base::Context& context = one->contexts[0];
    EXPECT_EQ(context.deadline, context_.deadline);
    EXPECT_EQ(context.tenant, "acme");
    EXPECT_EQ(context.trace.trace_id, context_.trace.trace_id);
    EXPECT_EQ(std::ranges::find(traces, context.trace), traces.end());
    traces.push_back(context.trace);
  }
}

TEST_F(RunnerTest, AReplyOfAnotherKindIsAFault) {
  chatqna();
  service("retrieval").script = [](const Request&) -> base::Result<Reply> { return ChatReply(); };
  start();
  EXPECT_EQ(outcome_.value().error(),
            step_error("retrieval", {ErrorCode::internal,
                                     "the service answered with another kind of reply", ""}));
}

TEST_F(RunnerTest, AStreamThatNobodyAskedForIsAFault) {
  flow({"llm"}, {});
  service("llm").script = [this](const Request&) -> base::Result<Reply> {
    return std::make_unique<ScriptedStream>(std::vector<std::string>{}, std::nullopt, &journal_);
  };
  start();
  EXPECT_EQ(outcome_.value().error().code, ErrorCode::internal);
}

TEST_F(RunnerTest, AStepThatThrowsIsAFaultAndEndsTheRun) {
  diamond();
  service("retrieval1").script = [](const Request&) -> base::Result<Reply> {
    throw std::runtime_error("surprise");
  };
  service("retrieval2").held = true;
  start();
  EXPECT_EQ(outcome_.value().error(),
            step_error("retrieval1", {ErrorCode::internal, "the step failed unexpectedly", ""}));
}

TEST_F(RunnerTest, AStreamPassesThroughAndIsReportedAtItsEnd) {
  chatqna();
  service("retrieval").script = [](const Request&) -> base::Result<Reply> {
    return contract::RetrievalReply{
        .query = {}, .hits = {hit("1")}, .top_n = 1, .warnings = {"slow"}};
  };
  ChatRequest request = question();
  request.stream = true;
  start(request);
  const auto answer = stream();
  ASSERT_TRUE(answer);
  EXPECT_EQ(next(*answer)->text, "llm on why? with 1");
  EXPECT_EQ(next(*answer)->text, "!");
  EXPECT_EQ(journal_.back(), "end llm") << "not reported before its end";
  const auto last = next(*answer);
  ASSERT_TRUE(last && last->end);
  EXPECT_EQ(last->end->usage.completion_tokens, 2U);
  EXPECT_EQ(last->end->warnings, std::vector<std::string>{"slow"});
  EXPECT_EQ(journal_.back(), "report llm");
}

TEST_F(RunnerTest, AnErrorInAStreamIsLedByTheNameOfItsStep) {
  flow({"llm"}, {});
  service("llm").script = [this](const Request&) -> base::Result<Reply> {
    return std::make_unique<ScriptedStream>(std::vector<std::string>{"a"},
                                            base::Error{ErrorCode::unavailable, "it broke", ""},
                                            &journal_);
  };
  ChatRequest request = question();
  request.stream = true;
  start(request);
  {
    const auto answer = stream();
    ASSERT_TRUE(next(*answer));
    EXPECT_EQ(next(*answer).error(), step_error("llm", {ErrorCode::unavailable, "it broke", ""}));
    EXPECT_EQ(journal_.back(), "report llm unavailable");
  }
  EXPECT_EQ(journal_.back(), "stream gone") << "reported once";
}

TEST_F(RunnerTest, DroppingAStreamCancelsAndReportsItsStep) {
  chatqna();
  ChatRequest request = question();
  request.stream = true;
  start(request);
  bool asked = false;
  auto answer = stream();
  const auto tie = service("llm").contexts[0].cancellation->on_request([&asked] { asked = true; });
  ASSERT_TRUE(next(*answer));
  answer.reset();
  EXPECT_TRUE(asked);
  EXPECT_EQ(journal_[journal_.size() - 2], "report llm cancelled");
  EXPECT_EQ(journal_.back(), "stream gone");
  EXPECT_FALSE(context_.cancelled());
}

TEST_F(RunnerTest, TheClientsCancellationReachesAStreamAfterTheRun) {
  chatqna();
  ChatRequest request = question();
  request.stream = true;
  start(request);
  const auto answer = stream();
  EXPECT_FALSE(service("llm").contexts[0].cancelled());
  context_.cancellation->request();
  EXPECT_TRUE(service("llm").contexts[0].cancelled());
}

TEST_F(RunnerTest, AStreamIsDroppedWhenAnotherStepFails) {
  flow({"llm", "retrieval"}, {});
  service("retrieval").held = true;
  fail_at("retrieval", ErrorCode::unavailable);
  ChatRequest request = question();
  request.stream = true;
  start(request);
  EXPECT_FALSE(outcome_.ended()) << "the answer waits for all steps";
  service("retrieval").release();
  settle(loop_);
  EXPECT_EQ(answer(), "step 'retrieval': it broke");
  EXPECT_EQ(journal_,
            (Journal{"start llm", "end llm", "start retrieval", "end retrieval",
                     "report retrieval unavailable", "report llm cancelled", "stream gone"}));
}

TEST_F(RunnerTest, RunsShareNothing) {
  chatqna();
  service("llm").held = true;
  Outcome<base::Result<Reply>> outcomes[2];
  base::Context contexts[2];
  for (int i = 0; i < 2; ++i) {
    ChatRequest request = question();
    request.messages[0].content = "question " + std::to_string(i);
    outcomes[i].of(loop_, runner_->run(std::move(request), contexts[i], nullptr));
  }
  settle(loop_);
  EXPECT_EQ(service("llm").waiting(), 2U);
  contexts[0].cancellation->request();
  settle(loop_);
  EXPECT_EQ(outcomes[0].value().error().code, ErrorCode::cancelled);
  EXPECT_FALSE(outcomes[1].ended());
  service("llm").release();
  settle(loop_);
  EXPECT_EQ(std::get<ChatReply>(*outcomes[1].value()).text, "llm on question 1 with 2 1");
}

class RunnerCreateTest : public ::testing::Test {
 protected:
  std::string create(FlowSpec spec, std::vector<contract::Service*> services) {
    const auto runner = Runner::create(std::move(spec), std::move(services));
    if (runner) return "";
    return std::string(base::name(runner.error().code)) + ": " + runner.error().message;
  }
  static FlowSpec one_llm() {
    FlowSpec spec = built_in_flow();
    spec.services.erase(spec.services.begin(), spec.services.begin() + 3);
    spec.graph = Graph();
    EXPECT_TRUE(spec.graph.add("llm"));
    return spec;
  }

  Journal journal_;
  ScriptedService llm_{"llm", ServiceKind::llm, &journal_};
  ScriptedService retrieval_{"retrieval", ServiceKind::retrieval, &journal_};
};

TEST_F(RunnerCreateTest, WantsAServiceOfTheRightKindForEveryStep) {
  EXPECT_EQ(create(one_llm(), {&llm_}), "");
  EXPECT_EQ(create(FlowSpec(), {}), "failed_precondition: the flow has no step");
  EXPECT_EQ(create(one_llm(), {}), "invalid_argument: step 'llm': it has no service");
  EXPECT_EQ(create(one_llm(), {nullptr}), "invalid_argument: step 'llm': it has no service");
  EXPECT_EQ(
      create(one_llm(), {&retrieval_}),
      "invalid_argument: step 'llm': the flow says llm, its service is of the kind retrieval");
  EXPECT_EQ(create(one_llm(), {&llm_, &llm_}),
            "invalid_argument: the flow has fewer steps than services");
  FlowSpec dataprep = one_llm();
  dataprep.services[0].kind = ServiceKind::dataprep;
  EXPECT_EQ(create(dataprep, {&llm_}),
            "invalid_argument: step 'llm': dataprep is no step of a flow");
}

}  // namespace
}  // namespace opaline::flow
