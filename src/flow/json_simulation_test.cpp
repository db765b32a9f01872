#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "flow/orchestrator.hpp"
#include "flow/scripted_service.hpp"
#include "flow/step_policy.hpp"

/// Runs random JSON flows of scripted services on one loop without time: all services wait, one of
/// their calls, chosen by the seed, is let go, and so on; some calls fail once or always, some runs
/// are cancelled at some point. A failure prints the seed of its run; OPALINE_SIMULATION_SEED=n
/// repeats that one alone.
namespace opaline::flow {
namespace {

namespace json = boost::json;
using base::ErrorCode;
using contract::JsonReply;
using contract::JsonRequest;
using contract::Reply;
using contract::Request;

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

std::uint64_t digest(std::string_view text) {
  std::uint64_t value = 14695981039346656037U;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return value;
}

/// A random flow and what goes wrong in it; the same for every run of one seed.
struct Scenario {
  JsonFlow flow;
  std::set<std::size_t> failing;         // Each call fails.
  std::map<std::size_t, int> stumbling;  // So many calls fail first: retries help.
  std::set<std::size_t> hedged;
  std::set<std::size_t> blocking;  // Answers with a black list.

  explicit Scenario(std::uint64_t seed) {
    Random random(seed);
    const std::size_t steps = 1 + random.below(8);
    const auto density = static_cast<unsigned>(random.below(101));
    const auto odd = static_cast<unsigned>(random.chance(30) ? 0 : random.below(30));
    flow.steps.resize(steps);
    for (Graph::Node node = 0; node < steps; ++node) {
      OPALINE_ASSERT(flow.graph.add("s" + std::to_string(node)));
      for (Graph::Node before = 0; before < node; ++before) {
        if (random.chance(density)) OPALINE_ASSERT(flow.graph.connect(before, node));
      }
      if (random.chance(odd / 3)) failing.insert(node);
      if (random.chance(odd)) stumbling[node] = static_cast<int>(1 + random.below(2));
      if (random.chance(odd)) hedged.insert(node);
      if (random.chance(odd / 2)) blocking.insert(node);
    }
    for (Graph::Node node = 0; node < steps; ++node) shape(node, odd, random);
  }

  void shape(Graph::Node node, unsigned odd, Random& random) {
    JsonStep& step = flow.steps[node];
    const std::vector<Graph::Node>& after = flow.graph.successors(node);
    step.merge = random.chance(20) ? JsonStep::Merge::list : JsonStep::Merge::update;
    if (random.chance(odd)) {
      step.when = Expression::parse(random.chance(50) ? "request.yes" : "request.no").value();
    }
    if (random.chance(odd) && !after.empty()) {
      for (const Graph::Node next : after) {
        const bool yes = random.chance(40);
        step.arms.push_back(
            {.when = Expression::parse(yes ? "request.yes" : "request.no").value(), .then = next});
      }
      return;
    }
    if (random.chance(odd)) {
      step.map = JsonStep::Map{.over = ValueTemplate::parse("${request.items}").value(),
                               .concurrency = 1 + random.below(3)};
    }
    if (random.chance(odd)) step.on_error = JsonStep::OnError::skip;
    if (random.chance(odd) && !after.empty()) {
      step.on_error = JsonStep::OnError::handle;
      step.handler = after[random.below(after.size())];
    }
  }
};

/// One run of a scenario, its calls let go in an order of its own.
class Simulation {
 public:
  Simulation(base::EventLoop& loop, const Scenario& scenario, std::uint64_t order, bool may_cancel)
      : loop_(loop), scenario_(scenario), random_(order) {
    JsonFlow flow = scenario.flow;
    for (Graph::Node node = 0; node < flow.graph.size(); ++node) {
      if (!flow.steps[node].arms.empty()) continue;
      auto service = std::make_unique<ScriptedService>(flow.graph.name(node),
                                                       contract::ServiceKind::custom, &journal_);
      service->held = true;
      service->script = [this, node](const Request& request) { return answer(node, request); };
      contract::Service* step = service.get();
      if (scenario.stumbling.contains(node) || scenario.hedged.contains(node)) {
        StepPolicy policy{.timeout = {},
                          .attempts = 3,
                          .backoff = std::chrono::milliseconds(0),
                          .hedge_after = {}};
        if (scenario.hedged.contains(node)) policy.hedge_after = std::chrono::milliseconds(0);
        policies_.push_back(std::make_unique<PolicyService>(*step, std::move(policy)));
        step = policies_.back().get();
      }
      flow.steps[node].service = step;
      services_.push_back(std::move(service));
    }
    orchestrator_ = Orchestrator::create(std::move(flow)).value();
    cancel_after_ = may_cancel && random_.chance(30)
                        ? random_.below(2 * scenario.flow.graph.size() + 1)
                        : kNever;
  }

  void run() {
    JsonFlowRequest request;
    request.inputs = json::parse(R"({"yes":true,"no":false,"items":[1,2,3]})");
    outcome_.of(loop_, orchestrator_->schedule(std::move(request), context_, nullptr,
                                               [this](const StepReport& report) {
                                                 ++reports_[std::string(report.step)];
                                               }));
    settle(loop_);
    for (std::size_t released = 0; !outcome_.ended(); ++released) {
      if (released == cancel_after_) {
        cancelled_ = true;
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
  }

  void check() {
    std::map<std::string, int> started;
    std::map<std::string, int> ended;
    for (const std::string& line : journal_) {
      const std::size_t space = line.find(' ');
      const std::string what = line.substr(0, space);
      const std::string step = line.substr(space + 1);
      if (what == "start") {
        ++started[step];
      } else {
        ++ended[step];
      }
    }
    EXPECT_EQ(started, ended) << "every call that was started ends before the run does";
    for (const auto& [step, count] : reports_) EXPECT_EQ(count, 1) << step;
    if (cancelled_ && !outcome_.value()) return;
    if (!outcome_.value()) {
      const base::Error& error = outcome_.value().error();
      EXPECT_TRUE(error.message.starts_with("step 's")) << error.message;
      return;
    }
    for (const JsonStepResult& result : outcome_.value()->results) check_needs(result.step);
  }

  /// What a later reader can tell apart; of a failure only that there was one, since which of two
  /// steps fails first is a matter of order.
  std::string result() {
    if (!outcome_.value()) return "failed";
    std::map<std::string, std::string> all;
    for (const JsonStepResult& one : outcome_.value()->results) {
      all[one.step] = json::serialize(std::get<json::value>(one.output));
    }
    std::string text;
    for (const auto& [step, output] : all) text += step + "=" + output + ";";
    return text;
  }
  bool cancelled() const { return cancelled_; }

 private:
  static constexpr std::size_t kNever = static_cast<std::size_t>(-1);

  base::Result<Reply> answer(std::size_t node, const Request& request) {
    if (scenario_.failing.contains(node)) return base::fail(ErrorCode::internal, "it broke");
    const auto stumbles = scenario_.stumbling.find(node);
    if (stumbles != scenario_.stumbling.end() && stumbled_[node]++ < stumbles->second) {
      return base::fail(ErrorCode::unavailable, "it stumbled");
    }
    const std::string asked = json::serialize(std::get<JsonRequest>(request).body);
    json::object reply;
    reply.emplace("s" + std::to_string(node), digest(asked) % 1'000'000);
    if (scenario_.blocking.contains(node)) {
      reply.emplace("downstream_black_list", json::array{"[02468]$"});
    }
    return JsonReply{.body = std::move(reply)};
  }

  /// In the journal each step that this one needs ended before it began, or was not run at all.
  void check_needs(const std::string& step) const {
    const Graph& graph = scenario_.flow.graph;
    const auto first = std::ranges::find(journal_, "start " + step);
    if (first == journal_.end()) return;
    for (const Graph::Node before : graph.predecessors(graph.find(step).value())) {
      const auto late = std::find_if(first, journal_.end(), [&](const std::string& line) {
        return line == "start " + graph.name(before);
      });
      EXPECT_EQ(late, journal_.end()) << step << " started before " << graph.name(before);
    }
  }

  base::EventLoop& loop_;
  const Scenario& scenario_;
  Random random_;
  Journal journal_;
  std::map<std::string, int> reports_;
  std::map<std::size_t, int> stumbled_;
  std::vector<std::unique_ptr<ScriptedService>> services_;
  std::vector<std::unique_ptr<PolicyService>> policies_;
  std::unique_ptr<Orchestrator> orchestrator_;
  base::Context context_;
  Outcome<base::Result<JsonFlowReply>> outcome_;
  std::size_t cancel_after_ = kNever;
  bool cancelled_ = false;
};

void simulate(std::uint64_t seed) {
  SCOPED_TRACE("OPALINE_SIMULATION_SEED=" + std::to_string(seed));
  base::EventLoop loop;
  const Scenario scenario(seed);
  Simulation one(loop, scenario, seed, true);
  one.run();
  one.check();
  if (testing::Test::HasFailure() || one.cancelled()) return;
  Simulation other(loop, scenario, seed + 0x9E3779B97F4A7C15U, false);
  other.run();
  other.check();
  EXPECT_EQ(one.result(), other.result()) << "equal, whatever the order";
}

TEST(JsonSimulation, HoldsForEverySeed) {
  if (const char* chosen = std::getenv("OPALINE_SIMULATION_SEED")) {
    simulate(std::strtoull(chosen, nullptr, 10));
    return;
  }
  for (std::uint64_t seed = 0; seed < kSeeds && !HasFailure(); ++seed) simulate(seed);
}

}  // namespace
}  // namespace opaline::flow
