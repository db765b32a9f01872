#include "gateway/job_events.hpp"

#include <map>
#include <utility>

#include "base/event.hpp"
#include "contract/dataprep_json.hpp"
#include "contract/event_stream.hpp"
#include "gateway/error_reply.hpp"

namespace opaline::gateway {
namespace {

using base::Result;
using base::Task;
using contract::Job;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kNewest = 64;
constexpr std::size_t kUnfinished = 1000;
constexpr std::size_t kLookUps = 64;  // A tick; the rest comes with the next.

class JobEvents final : public http::BodyStream {
 public:
  JobEvents(contract::Service& dataprep, base::Context context, JobEventSettings settings)
      : dataprep_(dataprep), context_(std::move(context)), settings_(settings) {}

  Task<Result<std::optional<std::string>>> next() override {
    if (std::exchange(opening_, false)) co_return "retry: 2000\n\n";
    for (;;) {
      if (ended_ || context_.cancelled() || context_.expired()) co_return std::nullopt;
      std::string events = co_await tick();
      if (events.empty() && Clock::now() - spoke_ >= settings_.heartbeat) events = ": waiting\n\n";
      if (!events.empty()) {
        spoke_ = Clock::now();
        co_return events;
      }
      co_await base::sleep_for(settings_.poll, context_.cancellation);
    }
  }

 private:
  // What makes a change worth telling.
  struct Known {
    contract::JobState state;
    double updated;
    std::uint64_t done;
    int attempts;
    friend bool operator==(const Known&, const Known&) = default;
  };

  Task<std::string> tick() {
    std::map<std::string, Job> seen;
    std::string events;
    for (const bool unfinished : {true, false}) {
      contract::DataprepRequest request = contract::ListJobsRequest{
          .limit = unfinished ? kUnfinished : kNewest, .unfinished_only = unfinished};
      auto reply = co_await ask<contract::ListJobsReply>(std::move(request));
      if (!reply) co_return end(reply.error());
      for (Job& job : reply->jobs) seen.insert_or_assign(job.id, std::move(job));
    }
    // A job that ended is no longer among the unfinished, and may be too old for the newest.
    std::size_t look_ups = 0;
    for (const auto& [id, known] : known_) {
      if (contract::final(known.state) || seen.contains(id) || ++look_ups > kLookUps) continue;
      contract::DataprepRequest request = contract::JobRequest{.id = id};
      auto reply = co_await ask<contract::JobReply>(std::move(request));
      if (reply) seen.insert_or_assign(id, std::move(reply->job));
    }
    std::erase_if(known_, [&seen](const auto& one) {
      return contract::final(one.second.state) && !seen.contains(one.first);
    });
    for (const auto& [id, job] : seen) events += change(job);
    co_return events;
  }

  template <class T>
  Task<Result<T>> ask(contract::DataprepRequest request) {
    auto reply =
        co_await contract::call<contract::DataprepReply>(dataprep_, std::move(request), context_);
    if (!reply) co_return base::fail(std::move(reply).error());
    if (T* value = std::get_if<T>(&*reply)) co_return std::move(*value);
    co_return base::fail(base::ErrorCode::internal,
                         "the dataprep service answered with another kind of reply");
  }

  std::string change(const Job& job) {
    const Known now{job.state, job.updated, job.done, job.attempts};
    const auto [place, added] = known_.try_emplace(job.id, now);
    if (!added && place->second == now) return {};
    place->second = now;
    contract::JsonWriter writer;
    contract::write_job(writer, job);
    return contract::format_event(std::move(writer).take(), "job");
  }

  std::string end(const base::Error& error) {
    ended_ = true;
    if (error.code == base::ErrorCode::cancelled) return {};
    return contract::format_event(error_json(error, context_.request_id), "error");
  }

  contract::Service& dataprep_;
  base::Context context_;
  JobEventSettings settings_;
  std::map<std::string, Known> known_;
  Clock::time_point spoke_ = Clock::now();
  bool opening_ = true;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<http::BodyStream> job_events(contract::Service& dataprep, base::Context context,
                                             JobEventSettings settings) {
  return std::make_unique<JobEvents>(dataprep, std::move(context), settings);
}

}  // namespace opaline::gateway
