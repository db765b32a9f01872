#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "flow/runner.hpp"
#include "flow/simulation.hpp"

/// Runs random graphs of services of all kinds that are slow, lose requests and break off, with
/// callers who leave. No real time passes.
namespace opaline::flow {
namespace {

using base::ErrorCode;
using contract::ChatReply;
using contract::ChatRequest;
using contract::Reply;
using contract::Request;
using contract::ServiceKind;

/// Everything of a message that a later step can depend on, as one number.
class Digest {
 public:
  void add(std::string_view text) { value_ = digest("|", digest(text, value_)); }
  void add(const std::vector<contract::Hit>& hits) {
    add("hits");
    for (const contract::Hit& hit : hits) add(hit.id);
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = digest({});
};

std::uint64_t digest_of(const Request& request) {
  Digest digest;
  if (const auto* embedding = std::get_if<contract::EmbeddingRequest>(&request))
    digest.add(embedding->texts.at(0));
  if (const auto* retrieval = std::get_if<contract::RetrievalRequest>(&request)) {
    digest.add(retrieval->text);
    for (const float one : retrieval->embedding) digest.add(std::to_string(one));
  }
  if (const auto* reranking = std::get_if<contract::RerankingRequest>(&request))
    digest.add(reranking->hits);
  if (const auto* chat = std::get_if<ChatRequest>(&request)) {
    digest.add(chat->question());
    if (chat->grounding) digest.add(chat->grounding->sources);
  }
  return digest.value();
}

/// What a service answers: a function of its name and the request alone.
Reply reply_to(const std::string& name, ServiceKind kind, const Request& request,
               Journal* journal) {
  Digest seed;
  seed.add(name);
  seed.add(std::to_string(digest_of(request)));
  Random random(seed.value());
  switch (kind) {
    case ServiceKind::embedding:
      return contract::EmbeddingReply{.vectors = {{static_cast<float>(random.below(1000))}},
                                      .model = {},
                                      .prompt_tokens = 0,
                                      .warnings = {}};
    case ServiceKind::retrieval: {
      contract::RetrievalReply reply;
      for (std::size_t i = random.below(4); i > 0; --i) {
        reply.hits.emplace_back().id = std::to_string(random.below(6));
      }
      if (random.chance(30)) reply.warnings.push_back(name + " was slow");
      return reply;
    }
    case ServiceKind::reranking: {
      contract::RerankingReply reply;
      reply.hits = std::get<contract::RerankingRequest>(request).hits;
      std::ranges::reverse(reply.hits);
      reply.hits.resize(reply.hits.size() - random.below(reply.hits.size()));
      return reply;
    }
    case ServiceKind::llm: {
      const auto& chat = std::get<ChatRequest>(request);
      const std::string text = name + "(" + std::to_string(digest_of(request) % 1'000'000) + ")";
      if (chat.stream)
        return std::make_unique<ScriptedStream>(std::vector{text}, std::nullopt, journal);
      ChatReply reply;
      reply.text = text;
      return reply;
    }
    case ServiceKind::dataprep:
    case ServiceKind::custom: break;
  }
  OPALINE_ASSERT(false);
}

/// A random flow and what goes wrong in it; the same for every run of one seed.
struct Scenario {
  FlowSpec spec;
  std::set<std::string> failing;
  std::map<std::string, Conduct> conducts;
  bool faulty = false;  // Calls are lost, break off, come too late; the caller may leave.
  bool stream = false;
  std::chrono::milliseconds time{60'000};

  explicit Scenario(std::uint64_t seed) {
    Random random(seed);
    const std::size_t steps = 1 + random.below(8);
    const auto density = static_cast<unsigned>(random.below(101));
    faulty = random.chance(60);
    for (Graph::Node node = 0; node < steps; ++node) {
      ServiceSpec service;
      service.kind = static_cast<ServiceKind>(random.below(4));
      service.name = std::string(contract::name(service.kind)) + std::to_string(node);
      OPALINE_ASSERT(spec.graph.add(service.name));
      for (Graph::Node before = 0; before < node; ++before) {
        if (random.chance(density)) OPALINE_ASSERT(spec.graph.connect(before, node));
      }
      if (random.chance(10)) failing.insert(service.name);
      Conduct& conduct = conducts[service.name];
      if (faulty && random.chance(10)) conduct.lost = 50;
      if (faulty && random.chance(10)) conduct.broken = 50;
      spec.services.push_back(std::move(service));
    }
    if (random.chance(60)) failing.clear();
    if (faulty) time = std::chrono::milliseconds(10 + random.below(200));
    stream = random.chance(50);
  }
};

/// One run of a scenario, its calls as slow as `order` says.
class Simulation {
 public:
  Simulation(base::EventLoop& loop, const Scenario& scenario, std::uint64_t order)
      : scenario_(scenario), time_(loop) {
    std::vector<contract::Service*> services;
    for (const ServiceSpec& spec : scenario.spec.services) {
      auto service = std::make_unique<SimulatedService>(
          spec.name, spec.kind, scenario.conducts.at(spec.name), order, &time_.diary());
      service->script = [this, name = spec.name,
                         kind = spec.kind](const Request& request) -> base::Result<Reply> {
        if (scenario_.failing.contains(name)) return base::fail(ErrorCode::unavailable, "it broke");
        return reply_to(name, kind, request, &streams_);
      };
      services.push_back(service.get());
      services_.push_back(std::move(service));
    }
    runner_ = Runner::create(scenario.spec, std::move(services)).value();
    until_ = time_.begun() + scenario.time;
    time_.context().deadline = until_;
    Random random(order);
    if (scenario.faulty && random.chance(40)) {
      time_.leave_after(std::chrono::microseconds(random.below(60'000)));
    }
  }

  void run() {
    ChatRequest request;
    request.messages = {{.role = "user", .content = "why?"}};
    request.stream = scenario_.stream;
    time_.run(outcome_,
              runner_->run(std::move(request), time_.context(), [this](const StepReport& report) {
                time_.diary().note((report.error ? "bad " : "good ") + std::string(report.step));
              }));
    if (testing::Test::HasFatalFailure()) return;
    ended_ = diary().size();
    ended_at_ = time_.now();
    read_answer();
  }

  void check() const {
    check_steps();
    check_order();
    check_stops();
  }

  /// What the caller got; of an error only the code, since which of two steps fails first is a
  /// matter of order.
  const std::string& result() const { return result_; }
  const Diary& diary() const { return time_.diary(); }
  bool failed() const { return !outcome_ok_; }
  bool left() const { return time_.left(); }

 private:
  void read_answer() {
    auto& result = outcome_.value();
    outcome_ok_ = result.has_value();
    if (!result) {
      error_ = result.error();
      result_ = base::name(error_.code);
      return;
    }
    if (auto* stream = std::get_if<std::unique_ptr<contract::ChatStream>>(&*result)) {
      for (;;) {
        Outcome<base::Result<contract::ChatDelta>> delta;
        time_.run(delta, (*stream)->next());
        ASSERT_TRUE(delta.value());
        result_ += delta.value()->text;
        if (!delta.value()->end) continue;
        for (const std::string& warning : delta.value()->end->warnings) result_ += "|" + warning;
        break;
      }
      stream->reset();
    } else if (const auto* chat = std::get_if<ChatReply>(&*result)) {
      result_ = chat->text;
      for (const std::string& warning : chat->warnings) result_ += "|" + warning;
    } else {
      Digest digest;
      if (const auto* embedding = std::get_if<contract::EmbeddingReply>(&*result)) {
        digest.add(std::to_string(embedding->vectors.at(0).at(0)));
      }
      if (const auto* retrieval = std::get_if<contract::RetrievalReply>(&*result))
        digest.add(retrieval->hits);
      if (const auto* reranking = std::get_if<contract::RerankingReply>(&*result))
        digest.add(reranking->hits);
      result_ = std::to_string(result->index()) + ":" + std::to_string(digest.value());
    }
  }

  std::size_t count(const std::string& line) const { return diary().count(line); }
  std::size_t place(const std::string& line) const { return diary().place(line); }
  std::size_t end_of(const std::string& name) const {
    return std::min({place("end " + name), place("late " + name), place("broken " + name),
                     place("cancelled " + name)});
  }

  /// Every step that started ended once and was told of once; every other one has a reason.
  void check_steps() const {
    for (const ServiceSpec& spec : scenario_.spec.services) {
      const std::size_t started = count("start " + spec.name);
      ASSERT_LE(started, 1U) << spec.name;
      ASSERT_EQ(count("good " + spec.name) + count("bad " + spec.name), started) << spec.name;
      if (started == 0) {
        if (outcome_ok_) ASSERT_EQ(spec.kind, ServiceKind::reranking) << spec.name;
        continue;
      }
      ASSERT_LT(end_of(spec.name), ended_) << "the run ended before its step " << spec.name;
    }
  }

  /// No step started before everything above it had ended well.
  void check_order() const {
    const Graph& graph = scenario_.spec.graph;
    for (Graph::Node node = 0; node < graph.size(); ++node) {
      const std::size_t started = place("start " + graph.name(node));
      if (started == diary().size()) continue;
      std::vector<Graph::Node> above = graph.predecessors(node);
      while (!above.empty()) {
        const Graph::Node before = above.back();
        above.pop_back();
        above.insert(above.end(), graph.predecessors(before).begin(),
                     graph.predecessors(before).end());
        const bool passed_over = count("start " + graph.name(before)) == 0 &&
                                 scenario_.spec.services[before].kind == ServiceKind::reranking;
        if (passed_over) continue;
        ASSERT_LT(place("end " + graph.name(before)), started)
            << graph.name(before) << " and " << graph.name(node);
        ASSERT_FALSE(scenario_.failing.contains(graph.name(before)));
      }
    }
  }

  /// After a failure or a cancellation nothing starts, and the caller gets the first cause at once.
  void check_stops() const {
    std::string first_failed;
    std::size_t stopped = place("cancel");
    for (const ServiceSpec& spec : scenario_.spec.services) {
      const std::size_t bad = std::min(
          {place("late " + spec.name), place("broken " + spec.name),
           scenario_.failing.contains(spec.name) ? place("end " + spec.name) : diary().size()});
      if (bad >= stopped) continue;
      stopped = bad;
      first_failed = spec.name;
    }
    ASSERT_LE(ended_at_, until_);
    if (stopped == diary().size()) {
      ASSERT_TRUE(outcome_ok_) << error_.message;
      return;
    }
    for (std::size_t line = stopped; line < diary().size(); ++line) {
      ASSERT_FALSE(diary().lines()[line].starts_with("start ")) << diary().lines()[line];
    }
    ASSERT_FALSE(outcome_ok_);
    ASSERT_EQ(ended_at_, diary().time(stopped)) << "it took a while to stop";
    if (first_failed.empty()) {
      ASSERT_EQ(error_.code, ErrorCode::cancelled);
      return;
    }
    const bool late = diary().lines()[stopped].starts_with("late ");
    ASSERT_EQ(error_.code, late ? ErrorCode::deadline_exceeded : ErrorCode::unavailable);
    ASSERT_TRUE(error_.message.starts_with("step '" + first_failed + "': ")) << error_.message;
  }

  const Scenario& scenario_;
  SimulatedTime time_;
  Journal streams_;
  std::vector<std::unique_ptr<SimulatedService>> services_;
  std::unique_ptr<Runner> runner_;
  base::Clock::time_point until_;
  Outcome<base::Result<Reply>> outcome_;
  std::size_t ended_ = 0;  // Lines of the diary when the run ended.
  base::Clock::time_point ended_at_;
  bool outcome_ok_ = false;
  base::Error error_;
  std::string result_;
};

void simulate(std::uint64_t seed, base::EventLoop& loop, Seen& seen) {
  const Scenario scenario(seed);
  std::vector<std::string> results;
  std::vector<Journal> orders;
  for (const std::uint64_t order : {seed, ~seed}) {
    Simulation one(loop, scenario, order);
    one.run();
    if (!testing::Test::HasFatalFailure()) one.check();
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << one.diary().text() << one.result();
      return;
    }
    ++seen[one.failed() ? one.result() : "answered"];
    if (one.left()) ++seen["left"];
    if (scenario.faulty) return;  // What fails is a matter of time.
    results.push_back(one.result());
    orders.push_back(one.diary().lines());
  }
  EXPECT_EQ(results[0], results[1]) << "equal, whatever the order";
  if (orders[0] != orders[1]) ++seen["another order"];
}

TEST(Simulation, EveryGraphInEveryOrderKeepsItsPromises) {
  for_every_seed(simulate, {{"answered", 2'500},
                            {"unavailable", 500},
                            {"deadline_exceeded", 500},
                            {"left", 500},
                            {"another order", 1'500}});
}

}  // namespace
}  // namespace opaline::flow
