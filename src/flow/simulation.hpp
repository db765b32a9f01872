#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/event.hpp"
#include "base/log.hpp"
#include "base/manual_clock.hpp"
#include "base/random.hpp"
#include "contract/service.hpp"
#include "flow/scripted_service.hpp"

/// What the simulations of flows are made of: a seed, time that passes only when nothing can run,
/// and services that are slow, lose requests, break off and restart. Everything of a run follows
/// from its seed.
namespace opaline::flow {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr std::uint64_t kSimulationSeeds = 1'000;  // Each takes some thirty times as long.
#else
inline constexpr std::uint64_t kSimulationSeeds = 10'000;
#endif

/// For tests. Choices that follow from a seed.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t limit) { return engine_() % limit; }
  bool chance(unsigned percent) { return below(100) < percent; }

 private:
  std::mt19937_64 engine_;
};

/// For tests. A number that a text gives (FNV-1a).
inline std::uint64_t digest(std::string_view text, std::uint64_t before = 14695981039346656037U) {
  for (const char c : text) before = (before ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return before;
}

/// For tests. How often something was seen over all seeds, by its name.
using Seen = std::map<std::string, std::size_t>;

/// For tests. Keeps what is to be expected of faulty services out of the log.
struct QuietLog {
  QuietLog() { base::set_log_level(base::LogLevel::error); }
  ~QuietLog() { base::set_log_level(base::LogLevel::info); }
};

/// For tests. Runs `simulate(seed, loop, seen)` for every seed until one fails, which is then told;
/// OPALINE_SIMULATION_SEED=n runs that one alone. `least`: what must have been seen, and how often.
inline void for_every_seed(
    const std::function<void(std::uint64_t, base::EventLoop&, Seen&)>& simulate,
    const std::map<std::string, std::size_t>& least) {
  const QuietLog quiet;
  Seen seen;
  base::EventLoop loop;
  const auto one = [&](std::uint64_t seed) {
    SCOPED_TRACE("OPALINE_SIMULATION_SEED=" + std::to_string(seed));
    const base::SeededRandom random(seed);
    simulate(seed, loop, seen);
  };
  if (const char* chosen = std::getenv("OPALINE_SIMULATION_SEED")) {
    one(std::strtoull(chosen, nullptr, 10));
  } else {
    for (std::uint64_t seed = 1; seed <= kSimulationSeeds; ++seed) {
      one(seed);
      if (testing::Test::HasFailure()) return;
    }
    for (const auto& [what, count] : least) {
      EXPECT_GE(seen[what] * 10'000, count * kSimulationSeeds) << what << " was seen too seldom";
    }
  }
}

/// For tests. What happened in a run, and when: "start s3", "end s3" …
class Diary {
 public:
  using Clock = base::Clock;

  void note(std::string line) {
    lines_.push_back(std::move(line));
    times_.push_back(Clock::now());
  }
  const Journal& lines() const { return lines_; }
  Clock::time_point time(std::size_t line) const { return times_[line]; }

  std::size_t count(std::string_view line) const {
    return static_cast<std::size_t>(std::ranges::count(lines_, line));
  }
  /// Where the line first stands; size() when it does not.
  std::size_t place(std::string_view line) const {
    return static_cast<std::size_t>(std::ranges::find(lines_, line) - lines_.begin());
  }
  std::size_t size() const { return lines_.size(); }
  std::string text() const {
    std::string all;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      const auto at = std::chrono::duration_cast<std::chrono::microseconds>(times_[i] - begun_);
      all += std::to_string(at.count()) + "us " + lines_[i] + "\n";
    }
    return all;
  }

 private:
  Clock::time_point begun_ = Clock::now();
  Journal lines_;
  std::vector<Clock::time_point> times_;
};

/// For tests. What becomes of a service's calls. Percentages are of its calls.
struct Conduct {
  std::chrono::milliseconds slowest{20};  ///< A call takes up to this.
  unsigned lost = 0;                      ///< No answer ever comes.
  unsigned broken = 0;                    ///< The connection breaks: unavailable.
  /// It restarts: until then everything is unavailable.
  base::Clock::time_point down_until = base::Clock::time_point::min();
};

/// For tests. A service of a simulation. Its calls end with the context's deadline and
/// cancellation, as a service's must. Needs a ManualClock.
class SimulatedService final : public contract::Service {
 public:
  using Script = std::function<base::Result<contract::Reply>(const contract::Request&)>;

  SimulatedService(std::string name, contract::ServiceKind kind, Conduct conduct,
                   std::uint64_t seed, Diary* diary)
      : name_(std::move(name)),
        kind_(kind),
        conduct_(conduct),
        seed_(digest(name_, seed)),
        diary_(diary) {}

  contract::ServiceKind kind() const override { return kind_; }
  contract::Health health() const override { return {}; }

  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override {
    diary_->note("start " + name_);
    Random random(seed_ + 0x9E3779B97F4A7C15U * ++calls_);
    const bool down = base::Clock::now() < conduct_.down_until;
    const bool lost = random.chance(conduct_.lost);
    const bool broken = random.chance(conduct_.broken);
    const std::chrono::microseconds slow(
        random.below(static_cast<std::size_t>(conduct_.slowest.count()) * 1000 + 1));
    const base::Clock::duration takes = down ? std::chrono::microseconds(100) : slow;
    const base::Clock::duration left = context.remaining();
    const bool late = takes >= left || (lost && !down);
    co_await base::sleep_for(late ? left : takes, context.cancellation);
    if (context.cancelled()) {
      diary_->note("cancelled " + name_);
      co_return base::fail(base::ErrorCode::cancelled, "cancelled");
    }
    if (late) {
      diary_->note("late " + name_);
      co_return base::fail(base::ErrorCode::deadline_exceeded, "it took too long");
    }
    diary_->note((down || broken ? "broken " : "end ") + name_);
    if (down || broken) co_return base::fail(base::ErrorCode::unavailable, "it broke off");
    context_ = std::move(context);
    co_return script(request);
  }

  /// Of the call that is being answered, for what its script makes.
  const base::Context& context() const { return context_; }

  Script script;

 private:
  const std::string name_;
  const contract::ServiceKind kind_;
  const Conduct conduct_;
  const std::uint64_t seed_;
  Diary* const diary_;
  std::uint64_t calls_ = 0;
  base::Context context_;
};

/// For tests. A streamed answer that comes piece by piece, and may never come to its end.
class SimulatedStream final : public contract::ByteStream {
 public:
  enum class Fate { whole, breaks, hangs, ends_early };

  /// @param fate after half of the pieces.
  SimulatedStream(std::string name, std::vector<std::string> pieces, Fate fate, std::uint64_t seed,
                  base::Context context, Diary* diary)
      : name_(std::move(name)),
        pieces_(std::move(pieces)),
        fate_(fate),
        random_(seed),
        context_(std::move(context)),
        diary_(diary) {
    diary_->note("open " + name_);
  }
  ~SimulatedStream() override { diary_->note("gone " + name_); }

  const std::string& content_type() const override { return type_; }
  base::Task<base::Result<std::optional<std::string>>> next() override {
    const bool half = 2 * place_ >= pieces_.size();
    const base::Clock::duration left = context_.remaining();
    const base::Clock::duration takes = std::chrono::microseconds(random_.below(5000));
    const bool late = takes >= left || (half && fate_ == Fate::hangs);
    co_await base::sleep_for(late ? left : takes, context_.cancellation);
    if (context_.cancelled()) co_return base::fail(base::ErrorCode::cancelled, "cancelled");
    if (late) co_return base::fail(base::ErrorCode::deadline_exceeded, "it took too long");
    if (half && fate_ == Fate::breaks) {
      co_return base::fail(base::ErrorCode::unavailable, "the stream broke off");
    }
    if (place_ == pieces_.size() || (half && fate_ == Fate::ends_early)) co_return std::nullopt;
    co_return pieces_[place_++];
  }

 private:
  const std::string name_;
  const std::vector<std::string> pieces_;
  const Fate fate_;
  Random random_;
  const base::Context context_;
  Diary* const diary_;
  std::size_t place_ = 0;
  std::string type_ = "text/event-stream";
};

/// For tests. One run on a clock of its own: tasks to their end, and the caller who may leave
/// before.
class SimulatedTime {
 public:
  explicit SimulatedTime(base::EventLoop& loop) : loop_(loop) {}

  template <class T>
  void run(Outcome<T>& outcome, base::Task<T> task) {
    outcome.of(loop_, std::move(task));
    const auto ended = [&outcome] { return outcome.ended(); };
    if (leaves_ && !left_) {
      clock_.run(loop_, ended, *leaves_);
      if (outcome.ended()) return;
      ASSERT_EQ(clock_.now(), *leaves_) << "it hangs";
      left_ = true;
      diary_.note("cancel");
      context_.cancellation->request();
    }
    clock_.run(loop_, ended);
    ASSERT_TRUE(outcome.ended()) << "it hangs";
  }

  void leave_after(base::Clock::duration time) { leaves_ = clock_.now() + time; }
  base::Context& context() { return context_; }
  Diary& diary() { return diary_; }
  const Diary& diary() const { return diary_; }
  base::Clock::time_point now() const { return clock_.now(); }
  base::Clock::time_point begun() const { return begun_; }
  bool left() const { return left_; }  ///< The caller left while it ran.

 private:
  base::EventLoop& loop_;
  base::ManualClock clock_;
  const base::Clock::time_point begun_ = clock_.now();
  Diary diary_;
  base::Context context_;
  std::optional<base::Clock::time_point> leaves_;
  bool left_ = false;
};

}  // namespace opaline::flow
