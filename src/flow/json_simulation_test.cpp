#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <set>

#include "base/limits.hpp"
#include "flow/built_flow.hpp"
#include "flow/simulation.hpp"

/// Runs random flows of steps, as the reader of a flow file would give them, over services that are
/// slow, lose requests, break off and restart, with callers who leave; with every kind of step and
/// policy that a file can say. No real time passes.
namespace opaline::flow {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using base::ErrorCode;
using contract::JsonReply;
using contract::JsonRequest;
using contract::Reply;
using contract::Request;
using Clock = base::Clock;

constexpr std::size_t kItems = 4;  // Of `items`, of which two are equal.

Expression expression(bool holds) {
  static const Expression yes = Expression::parse("request.yes").value();
  static const Expression no = Expression::parse("request.no").value();
  return holds ? yes : no;
}
/// It is no number.
Expression undecidable() {
  static const Expression made = Expression::parse("request.items > 1").value();
  return made;
}

/// A random flow, and what goes wrong in it; the same for every run of one seed.
struct Scenario {
  StepFlow flow;
  bool faulty = false;  // Calls are lost, break off, come too late; the caller may leave.
  bool stream = false;
  std::map<std::string, Conduct> conducts;  // By service.
  std::set<std::string> failing;            // Services that always fail.
  std::set<std::string> blocking;           // Services that answer with a black list.
  SimulatedStream::Fate fate = SimulatedStream::Fate::whole;
  bool answers_whole = false;  // With JSON where a stream was wanted.
  Clock::duration time = 60s;

  explicit Scenario(std::uint64_t seed) : random_(seed) {
    const std::size_t steps = 1 + random_.below(7);
    const auto density = static_cast<unsigned>(random_.below(101));
    odd_ = static_cast<unsigned>(random_.chance(15) ? 0 : 10 + random_.below(50));
    faulty = random_.chance(70);
    stream = random_.chance(50);
    for (Graph::Node node = 0; node < steps; ++node) {
      OPALINE_ASSERT(flow.graph.add("s" + std::to_string(node)));
      for (Graph::Node before = 0; before < node; ++before) {
        if (random_.chance(density)) OPALINE_ASSERT(flow.graph.connect(before, node));
      }
    }
    flow.steps.resize(steps);
    for (Graph::Node node = 0; node < steps; ++node) {
      flow.steps[node].name = flow.graph.name(node);
      shape(node);
    }
    if (faulty) spoil();
  }

 private:
  using Fate = SimulatedStream::Fate;

  bool odd() { return random_.chance(odd_); }
  bool even() { return random_.chance(50); }
  std::chrono::milliseconds some_time() {
    return std::chrono::milliseconds(even() ? 5 + random_.below(30) : 50 + random_.below(300));
  }

  std::size_t add_service(StepFlow& to, const std::string& name, bool generates = false) {
    ServiceSpec service;
    service.name = name;
    service.kind = generates ? contract::ServiceKind::llm : contract::ServiceKind::custom;
    to.services.push_back(std::move(service));
    conducts[name];
    return to.services.size() - 1;
  }

  void shape(Graph::Node node) {
    StepSpec& step = flow.steps[node];
    const std::vector<Graph::Node>& after = flow.graph.successors(node);
    if (random_.chance(20)) step.merge = even() ? Merge::list : Merge::first;
    if (odd()) step.when = odd() ? undecidable() : expression(even());
    if (odd()) step.on_error = OnError::skip;
    if (odd() && !after.empty()) {
      step.on_error = OnError::step;
      step.error_step = after[random_.below(after.size())];
    }
    if (odd() && !after.empty()) {
      for (const Graph::Node next : after) {
        step.arms.push_back({.when = expression(random_.chance(40)), .then = next});
      }
      return;
    }
    if (odd() && even()) {  // It computes.
      step.input = ValueTemplate::parse(json::value{{"text", "${request.yes}"}}).value();
      return;
    }
    if (odd()) {
      step.sub_flow = flow.flows.size();
      flow.flows.push_back({.file = "inner.yaml", .flow = inside(step.name)});
    } else {
      const bool last =
          after.empty() || (after.size() == 1 && flow.graph.successors(after[0]).empty());
      step.service = add_service(flow, step.name, last && random_.chance(60));
      if (random_.chance(odd_ / 4)) failing.insert(step.name);
      if (random_.chance(odd_ / 2)) blocking.insert(step.name);
    }
    if (odd()) {
      static const Expression items = Expression::parse("request.items").value();
      step.map = MapPolicy{.over = items, .as = "item", .concurrency = 1 + random_.below(3)};
    }
    if (odd()) step.fallback = add_service(flow, step.name + "/fallback");
    if (odd()) step.cache = 1h;
    ask_again(step);
  }

  /// A flow of two steps, one after the other.
  StepFlow inside(const std::string& name) {
    StepFlow inner;
    for (int i = 0; i < 2; ++i) {
      StepSpec& step = inner.steps.emplace_back();
      step.name = "i" + std::to_string(i);
      OPALINE_ASSERT(inner.graph.add(step.name));
      step.service = add_service(inner, name + "/" + std::to_string(i));
      ask_again(step);
    }
    OPALINE_ASSERT(inner.graph.connect(0, 1));
    if (faulty && odd()) inner.timeout = some_time();
    return inner;
  }

  void ask_again(StepSpec& step) {
    StepPolicy& policy = step.policy;
    policy.backoff = 10ms;
    if (odd()) policy.attempts = static_cast<int>(2 + random_.below(3));
    if (even()) policy.retry_on.push_back(ErrorCode::deadline_exceeded);
    if (odd()) policy.hedge_after = std::chrono::milliseconds(random_.below(20));
    if (faulty && odd()) policy.timeout = some_time();
  }

  void spoil() {
    time = std::chrono::milliseconds(random_.chance(20) ? 10 + random_.below(100)
                                                        : 1000 + random_.below(2000));
    for (auto& [name, conduct] : conducts) {
      if (random_.chance(odd_ / 2)) conduct.lost = 30;
      if (random_.chance(20 + odd_)) conduct.broken = 40;
      if (random_.chance(odd_)) {
        conduct.down_until =
            base::ManualClock::kBegin + std::chrono::milliseconds(random_.below(60));
      }
    }
    if (random_.chance(30)) fate = static_cast<Fate>(1 + random_.below(3));
    answers_whole = odd();
  }

  Random random_;
  unsigned odd_ = 0;
};

/// One run of a scenario, its calls as slow as `order` says.
class Simulation {
 public:
  Simulation(base::EventLoop& loop, const Scenario& scenario, std::uint64_t order)
      : scenario_(scenario), order_(order), time_(loop) {
    auto built = BuiltFlow::create(scenario.flow,
                                   [this](const ServiceSpec& spec) { return service(spec.name); });
    OPALINE_ASSERT(built.has_value());
    flow_ = *std::move(built);
    Random random(order);
    until_ = time_.begun() + scenario.time;
    time_.context().deadline = until_;
    if (scenario.faulty && random.chance(30)) {
      time_.leave_after(std::chrono::microseconds(random.below(60'000)));
    }
  }

  void run() {
    JsonFlowRequest request;
    static const json::value inputs = json::parse(R"({"yes":true,"no":false,"items":[1,2,1,3]})");
    request.inputs = inputs;
    request.stream = scenario_.stream;
    StepObserver observer = [this](const StepReport& report) {
      if (report.step.contains('.')) return;  // Of a flow inside, which may be asked again.
      ++reports_[std::string(report.step)];
      errors_ += report.error != nullptr ? 1 : 0;
    };
    time_.run(outcome_, flow_->orchestrator().schedule(std::move(request), time_.context(), nullptr,
                                                       std::move(observer)));
    if (testing::Test::HasFatalFailure()) return;
    ended_ = diary().size();
    ended_at_ = time_.now();
    if (outcome_.value()) {
      take_answer();
    } else {
      code_ = outcome_.value().error().code;
    }
    finished_at_ = time_.now();
  }

  void check() const {
    check_ends();
    check_stops();
    for (Graph::Node node = 0; node < scenario_.flow.graph.size(); ++node) {
      check_needs(node);
      check_policy(node);
    }
    for (const auto& [step, count] : reports_) EXPECT_EQ(count, 1) << step;
  }

  void count(Seen& seen) const {
    ++seen[code_ ? std::string(base::name(*code_)) : "answered"];
    if (time_.left()) ++seen["left"];
    if (streamed_) ++seen[code_ ? "stream broke" : relayed_ ? "relayed" : "streamed"];
    if (undecided_) ++seen["undecided switch"];
    if (!code_ && errors_ > 0) ++seen["failure survived"];
    for (const StepSpec& step : scenario_.flow.steps) count_step(step, seen);
  }

  /// What the caller can tell apart; of a failure only that there was one, since which of two steps
  /// fails first is a matter of order.
  std::string result() const { return code_ ? "failed" : result_; }
  const Diary& diary() const { return time_.diary(); }

 private:
  struct Calls {
    std::size_t started = 0;
    std::size_t ended = 0;
    std::size_t first = 0;  // Lines of the diary.
    std::size_t last = 0;
  };

  contract::Service* service(const std::string& name) {
    auto& made = services_[name];
    made = std::make_unique<SimulatedService>(name, contract::ServiceKind::custom,
                                              scenario_.conducts.at(name), order_, &time_.diary());
    made->script = [this, name, one = made.get()](const Request& request) {
      return answer(name, std::get<JsonRequest>(request), one->context());
    };
    return made.get();
  }

  base::Result<Reply> answer(const std::string& name, const JsonRequest& request,
                             const base::Context& context) {
    if (scenario_.failing.contains(name)) return base::fail(ErrorCode::internal, "it broke");
    const std::uint64_t said = digest(json::serialize(request.body)) % 1'000'000;
    if (request.stream && !scenario_.answers_whole) {
      std::vector<std::string> pieces;
      for (std::uint64_t i = 0; i < 1 + said % 5; ++i) {
        pieces.push_back("data: b'" + name + " said " + std::to_string(said + i) + ". '\n\n");
      }
      pieces.emplace_back("data: [DONE]\n\n");
      return std::unique_ptr<contract::ByteStream>(std::make_unique<SimulatedStream>(
          name, std::move(pieces), scenario_.fate, digest(name, order_), context, &time_.diary()));
    }
    json::object reply;
    reply.emplace(name, said);
    reply.emplace("text", name + " said " + std::to_string(said));
    if (scenario_.blocking.contains(name)) {
      reply.emplace("downstream_black_list", json::array{"[02468]$"});
    }
    return JsonReply{.body = std::move(reply)};
  }

  void take_answer() {
    undecided_ = !outcome_.value()->undecided.empty();
    for (JsonStepResult& one : outcome_.value()->results) {
      result_ += one.step + "=";
      if (const auto* value = std::get_if<json::value>(&one.output)) {
        values_[one.step] = json::serialize(*value);
      } else {
        read(*std::get<std::unique_ptr<contract::ByteStream>>(one.output), one.step);
        std::get<std::unique_ptr<contract::ByteStream>>(one.output).reset();
      }
      if (testing::Test::HasFatalFailure()) return;
    }
    result_.clear();
    for (const auto& [step, value] : values_) result_ += step + "=" + value + ";";
  }

  void read(contract::ByteStream& stream, const std::string& step) {
    streamed_ = true;
    const auto opened = [](const std::string& line) { return line.starts_with("open "); };
    relayed_ = diary().count("open " + step) == 0 && std::ranges::any_of(diary().lines(), opened);
    for (;;) {
      Outcome<base::Result<std::optional<std::string>>> next;
      time_.run(next, stream.next());
      if (testing::Test::HasFatalFailure()) return;
      if (!next.value()) {
        code_ = next.value().error().code;
        return;
      }
      if (!*next.value()) return;
      values_[step] += **next.value();
    }
  }

  static bool of_step(std::string_view line, std::string_view what, std::string_view step) {
    return line.starts_with(what) && line.substr(what.size()).starts_with(step) &&
           (line.size() == what.size() + step.size() || line[what.size() + step.size()] == '/');
  }
  static bool ends(std::string_view line) {
    return line.starts_with("end ") || line.starts_with("late ") || line.starts_with("broken ") ||
           line.starts_with("cancelled ");
  }
  /// Of all services of a step, or of exactly one service.
  Calls calls(const std::string& who, bool all) const {
    Calls calls;
    for (std::size_t i = 0; i < diary().size(); ++i) {
      const std::string_view line = diary().lines()[i];
      const std::size_t space = line.find(' ');
      const std::string_view what = line.substr(0, space + 1);
      if (space == std::string_view::npos) continue;
      if (all ? !of_step(line, what, who) : line.substr(space + 1) != who) continue;
      if (what == "start ") {
        if (calls.started++ == 0) calls.first = i;
      } else if (ends(line)) {
        ++calls.ended;
        calls.last = i;
      }
    }
    return calls;
  }

  /// Every call ends, before the run does or while its stream is read.
  void check_ends() const {
    std::map<std::string, int> open;
    for (std::size_t i = 0; i < diary().size(); ++i) {
      const std::string& line = diary().lines()[i];
      const std::string who = line.substr(line.find(' ') + 1);
      if (line.starts_with("start ") || line.starts_with("open "))
        ++open[line.starts_with("open ") ? who + "~" : who];
      if (ends(line)) --open[who];
      if (line.starts_with("gone ")) --open[who + "~"];
      if (i + 1 == ended_ && !streamed_) {
        for (const auto& [name, count] : open) EXPECT_EQ(count, 0) << name;
      }
    }
    for (const auto& [name, count] : open) EXPECT_EQ(count, 0) << name;
  }

  /// Nothing starts once the caller left, nor at the deadline or after; the caller is told so at
  /// once.
  void check_stops() const {
    const std::size_t left = diary().place("cancel");
    for (std::size_t i = 0; i < diary().size(); ++i) {
      if (!diary().lines()[i].starts_with("start ")) continue;
      EXPECT_LT(i, left) << "started after the caller left";
      EXPECT_LT(diary().time(i), until_) << "started after the deadline";
    }
    EXPECT_LE(finished_at_, until_) << "it ended after its deadline";
    if (time_.left()) {
      EXPECT_EQ(code_, ErrorCode::cancelled);
      EXPECT_EQ(finished_at_, diary().time(left)) << "it took a while to stop";
    }
    if (code_ == ErrorCode::cancelled) EXPECT_TRUE(time_.left());
  }

  /// All that a step needs ended before it was asked, but for a stream that goes through it.
  void check_needs(Graph::Node node) const {
    const Graph& graph = scenario_.flow.graph;
    const Calls own = calls(graph.name(node), true);
    if (own.started == 0) return;
    for (const Graph::Node before : graph.predecessors(node)) {
      const Calls needed = calls(graph.name(before), true);
      if (needed.started == 0) continue;
      EXPECT_LT(needed.last, own.first) << graph.name(node) << " needs " << graph.name(before);
    }
  }

  void check_policy(Graph::Node node) const {
    const StepSpec& step = scenario_.flow.steps[node];
    const Calls own = calls(step.name, false);
    const bool relays = streamed_ && scenario_.flow.graph.successors(node).empty();
    if (own.started == 0 || relays) return;
    const std::size_t items = step.map ? kItems : 1;
    const std::size_t asked =
        static_cast<std::size_t>(step.policy.attempts) * (step.policy.hedge_after ? 2 : 1);
    EXPECT_LE(own.started, items * asked) << step.name;
    if (step.policy.timeout) {
      EXPECT_LE(diary().time(own.last) - diary().time(own.first), *step.policy.timeout)
          << step.name;
    }
  }

  void count_step(const StepSpec& step, Seen& seen) const {
    const Calls own = calls(step.name, false);
    if (calls(step.name + "/fallback", false).started > 0) ++seen["fallback"];
    if (calls(step.name + "/1", false).started > 0) ++seen["flow inside"];
    if (own.started > 0 && step.map) ++seen["map"];
    if (own.started > 1 && !step.map && !step.policy.hedge_after && step.policy.attempts > 1) {
      ++seen["retry"];
    }
    if (own.started == 2 && !step.map && step.policy.hedge_after && step.policy.attempts == 1) {
      ++seen["hedge"];
    }
    const bool failed =
        scenario_.failing.contains(step.name) ||
        diary().count("broken " + step.name) + diary().count("late " + step.name) > 0;
    if (step.map && step.cache && step.map->concurrency == 1 && values_.contains(step.name) &&
        !failed && step.policy.attempts == 1 && !step.policy.hedge_after && own.started > 0) {
      EXPECT_LT(own.started, kItems) << "an equal element was asked again";
      ++seen["cache"];
    }
    for (const SwitchArm& arm : step.arms) {
      if (calls(scenario_.flow.graph.name(arm.then), true).started > 0) ++seen["switch"];
    }
    const std::size_t late = diary().place("late " + step.name);
    if (late < diary().size() && diary().time(late) < until_) ++seen["timeout"];
    const std::size_t broken = diary().place("broken " + step.name);
    if (broken < diary().size() && diary().count("end " + step.name) > 0) ++seen["came back"];
  }

  const Scenario& scenario_;
  const std::uint64_t order_;
  SimulatedTime time_;
  std::map<std::string, std::unique_ptr<SimulatedService>> services_;
  std::unique_ptr<BuiltFlow> flow_;
  Outcome<base::Result<JsonFlowReply>> outcome_;
  std::map<std::string, int> reports_;
  int errors_ = 0;
  Clock::time_point until_;
  std::size_t ended_ = 0;  // Lines of the diary when the run ended, its stream perhaps not.
  Clock::time_point ended_at_;
  Clock::time_point finished_at_;
  bool streamed_ = false;
  bool relayed_ = false;
  bool undecided_ = false;
  std::optional<ErrorCode> code_;
  std::map<std::string, std::string> values_;
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
    if (!testing::Test::HasFailure()) one.count(seen);
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << one.diary().text() << one.result();
      return;
    }
    if (scenario.faulty) return;  // What fails is a matter of time.
    results.push_back(one.result());
    orders.push_back(one.diary().lines());
  }
  EXPECT_EQ(results[0], results[1]) << "equal, whatever the order";
  if (orders[0] != orders[1]) ++seen["another order"];
}

TEST(JsonSimulation, HoldsForEverySeed) {
  for_every_seed(simulate, {{"answered", 6'000},
                            {"another order", 800},
                            {"cache", 20},
                            {"came back", 300},
                            {"cancelled", 450},
                            {"deadline_exceeded", 200},
                            {"failure survived", 1'300},
                            {"fallback", 700},
                            {"flow inside", 2'200},
                            {"hedge", 350},
                            {"left", 450},
                            {"map", 2'000},
                            {"relayed", 50},
                            {"retry", 120},
                            {"stream broke", 60},
                            {"streamed", 750},
                            {"switch", 1'000},
                            {"timeout", 40},
                            {"unavailable", 1'000},
                            {"undecided switch", 800}});
}

}  // namespace
}  // namespace opaline::flow
