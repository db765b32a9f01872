#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <set>

#include "flow/runner.hpp"
#include "flow/scripted_service.hpp"

/// Runs random graphs of scripted services on one loop without time: all services wait, one of
/// them, chosen by the seed, is let go, and so on. A failure prints the seed of its run;
/// OPALINE_SIMULATION_SEED=n repeats that one alone.
namespace opaline::flow {
namespace {

using base::ErrorCode;
using contract::ChatReply;
using contract::ChatRequest;
using contract::Reply;
using contract::Request;
using contract::ServiceKind;

#if __has_feature(address_sanitizer)
constexpr std::uint64_t kSeeds = 2'000;  // Each takes some thirty times as long.
#else
constexpr std::uint64_t kSeeds = 10'000;
#endif

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t limit) { return engine_() % limit; }
  bool chance(unsigned percent) { return below(100) < percent; }

 private:
  std::mt19937_64 engine_;
};

/// Everything of a message that a later step can depend on, as one number.
class Digest {
 public:
  void add(std::string_view text) {
    for (const char c : text) value_ = (value_ ^ static_cast<unsigned char>(c)) * 1099511628211U;
    value_ = (value_ ^ 255U) * 1099511628211U;
  }
  void add(const std::vector<contract::Hit>& hits) {
    add("hits");
    for (const contract::Hit& hit : hits) add(hit.id);
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 14695981039346656037U;
};

std::uint64_t digest(const Request& request) {
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
  seed.add(std::to_string(digest(request)));
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
      const std::string text = name + "(" + std::to_string(digest(request) % 1'000'000) + ")";
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
  bool stream = false;

  explicit Scenario(std::uint64_t seed) {
    Random random(seed);
    const std::size_t steps = 1 + random.below(8);
    const auto density = static_cast<unsigned>(random.below(101));
    for (Graph::Node node = 0; node < steps; ++node) {
      ServiceSpec service;
      service.kind = static_cast<ServiceKind>(random.below(4));
      service.name = std::string(contract::name(service.kind)) + std::to_string(node);
      OPALINE_ASSERT(spec.graph.add(service.name));
      for (Graph::Node before = 0; before < node; ++before) {
        if (random.chance(density)) OPALINE_ASSERT(spec.graph.connect(before, node));
      }
      if (random.chance(10)) failing.insert(service.name);
      spec.services.push_back(std::move(service));
    }
    if (random.chance(40)) failing.clear();
    stream = random.chance(50);
  }
};

/// One run of a scenario, its steps let go in an order of its own.
class Simulation {
 public:
  Simulation(base::EventLoop& loop, const Scenario& scenario, std::uint64_t order, bool may_cancel)
      : loop_(loop), scenario_(scenario), random_(order) {
    std::vector<contract::Service*> services;
    for (const ServiceSpec& spec : scenario.spec.services) {
      auto service = std::make_unique<ScriptedService>(spec.name, spec.kind, &journal_);
      service->held = true;
      service->script = [this, name = spec.name,
                         kind = spec.kind](const Request& request) -> base::Result<Reply> {
        if (scenario_.failing.contains(name)) return base::fail(ErrorCode::unavailable, "it broke");
        return reply_to(name, kind, request, &journal_);
      };
      services.push_back(service.get());
      services_.push_back(std::move(service));
    }
    runner_ = Runner::create(scenario.spec, std::move(services)).value();
    cancel_after_ =
        may_cancel && random_.chance(30) ? random_.below(scenario.spec.graph.size() + 1) : kNever;
  }

  void run() {
    ChatRequest request;
    request.messages = {{.role = "user", .content = "why?"}};
    request.stream = scenario_.stream;
    outcome_.of(loop_, runner_->run(std::move(request), context_, [this](const StepReport& report) {
      journal_.push_back((report.error ? "bad " : "good ") + std::string(report.step));
    }));
    settle(loop_);
    for (std::size_t released = 0; !outcome_.ended(); ++released) {
      if (released == cancel_after_) {
        journal_.emplace_back("cancel");
        context_.cancellation->request();
        settle(loop_);
        continue;
      }
      std::vector<ScriptedService*> waiting;
      for (const auto& service : services_) {
        if (service->waiting() > 0) waiting.push_back(service.get());
      }
      ASSERT_FALSE(waiting.empty()) << "the run hangs";
      waiting[random_.below(waiting.size())]->release();
      settle(loop_);
    }
    ended_at_ = journal_.size();
    read_stream();
  }

  void check() const {
    check_steps();
    check_order();
    check_stops();
  }

  /// What the caller got; of an error only the code, since which of two steps fails first is a
  /// matter of order.
  const std::string& result() const { return result_; }
  const Journal& journal() const { return journal_; }
  bool failed() const { return !outcome_ok_; }

 private:
  static constexpr std::size_t kNever = static_cast<std::size_t>(-1);

  void read_stream() {
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
        delta.of(loop_, (*stream)->next());
        settle(loop_);
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

  std::size_t count(const std::string& line) const {
    return static_cast<std::size_t>(std::ranges::count(journal_, line));
  }
  std::size_t place(const std::string& line) const {
    return static_cast<std::size_t>(std::ranges::find(journal_, line) - journal_.begin());
  }

  /// Every step that started ended once and was told of once; every other one has a reason.
  void check_steps() const {
    for (const ServiceSpec& spec : scenario_.spec.services) {
      const std::size_t started = count("start " + spec.name);
      ASSERT_LE(started, 1U) << spec.name;
      ASSERT_EQ(count("end " + spec.name) + count("cancelled " + spec.name), started) << spec.name;
      ASSERT_EQ(count("good " + spec.name) + count("bad " + spec.name), started) << spec.name;
      if (started == 0) {
        if (outcome_ok_) ASSERT_EQ(spec.kind, ServiceKind::reranking) << spec.name;
        continue;
      }
      ASSERT_LT(std::min(place("end " + spec.name), place("cancelled " + spec.name)), ended_at_)
          << "the run ended before its step " << spec.name;
    }
  }

  /// No step started before everything above it had ended well.
  void check_order() const {
    const Graph& graph = scenario_.spec.graph;
    for (Graph::Node node = 0; node < graph.size(); ++node) {
      const std::size_t started = place("start " + graph.name(node));
      if (started == journal_.size()) continue;
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

  /// After a failure or a cancellation nothing starts, and the caller gets the first cause.
  void check_stops() const {
    std::string first_failed;
    std::size_t stopped = place("cancel");
    for (const std::string& name : scenario_.failing) {
      if (place("end " + name) >= stopped) continue;
      stopped = place("end " + name);
      first_failed = name;
    }
    for (std::size_t line = stopped; line < journal_.size(); ++line) {
      ASSERT_FALSE(journal_[line].starts_with("start ")) << journal_[line];
    }
    if (stopped == journal_.size()) {
      ASSERT_TRUE(outcome_ok_) << error_.message;
    } else if (!first_failed.empty()) {
      ASSERT_EQ(error_.code, ErrorCode::unavailable);
      ASSERT_EQ(error_.message, "step '" + first_failed + "': it broke");
    } else {
      ASSERT_FALSE(outcome_ok_);
      ASSERT_EQ(error_.code, ErrorCode::cancelled);
    }
  }

  base::EventLoop& loop_;
  const Scenario& scenario_;
  Random random_;
  Journal journal_;
  base::Context context_;
  std::vector<std::unique_ptr<ScriptedService>> services_;
  std::unique_ptr<Runner> runner_;
  std::size_t cancel_after_ = kNever;
  Outcome<base::Result<Reply>> outcome_;
  std::size_t ended_at_ = 0;
  bool outcome_ok_ = false;
  base::Error error_;
  std::string result_;
};

std::string joined(const Journal& journal) {
  std::string text;
  for (const std::string& line : journal) text += line + "\n";
  return text;
}

void simulate(base::EventLoop& loop, std::uint64_t seed, std::map<std::string, std::size_t>& seen) {
  const Scenario scenario(seed);
  Simulation first(loop, scenario, seed + 1, true);
  first.run();
  if (!::testing::Test::HasFatalFailure()) first.check();
  if (::testing::Test::HasFatalFailure())
    FAIL() << "seed " << seed << "\n" << joined(first.journal());
  ++seen[first.failed() ? first.result() : "answered"];

  // Two more orders, nothing cancelled: the same result.
  Simulation second(loop, scenario, seed + 2, false);
  Simulation third(loop, scenario, seed + 3, false);
  second.run();
  third.run();
  if (!::testing::Test::HasFatalFailure()) second.check();
  ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "seed " << seed << "\n"
                                                   << joined(second.journal());
  ASSERT_EQ(second.result(), third.result()) << "seed " << seed << "\n"
                                             << joined(second.journal()) << "against\n"
                                             << joined(third.journal());
  if (second.journal() != third.journal()) ++seen["another order"];
}

TEST(Simulation, EveryGraphInEveryOrderKeepsItsPromises) {
  base::EventLoop loop;
  std::map<std::string, std::size_t> seen;
  if (const char* one = std::getenv("OPALINE_SIMULATION_SEED")) {
    simulate(loop, std::stoull(one), seen);
    return;
  }
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    simulate(loop, seed, seen);
    if (HasFatalFailure()) return;
  }
  // The seeds reach all that is to be seen.
  EXPECT_GT(seen["answered"], kSeeds / 4);
  EXPECT_GT(seen["unavailable"], kSeeds / 20);
  EXPECT_GT(seen["cancelled"], kSeeds / 20);
  EXPECT_GT(seen["another order"], kSeeds / 4);
}

}  // namespace
}  // namespace opaline::flow
