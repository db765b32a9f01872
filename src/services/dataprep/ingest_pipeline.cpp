#include "services/dataprep/ingest_pipeline.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <unordered_set>
#include <utility>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "services/dataprep/crash_point.hpp"

namespace opaline::services::dataprep {

namespace asio = boost::asio;
using base::ErrorCode;
using base::Result;
using base::Task;
using contract::JobState;

namespace {

constexpr std::size_t kJobsRead =
    20'000;  ///< Ended jobs whose fingerprints are remembered over a restart.
constexpr std::size_t kEndsPerCleaning =
    64;  ///< Blobs are dropped after so many ends, and when all is done.

std::string state_name(JobState state) { return std::string(contract::name(state)); }

}  // namespace

IngestPipeline::IngestPipeline(DataprepSettings settings, Collaborators with)
    : settings_(std::move(settings)),
      with_(with),
      guard_(loop_.get_executor()),
      links_(settings_.links, with.http),
      parser_(settings_.parser),
      documents_(settings_, {with.store, with.embedding, with.pool, links_, parser_},
                 loop_.get_executor()),
      ended_(loop_.get_executor()),
      work_(loop_.get_executor()),
      queued_gauge_(with.metrics.gauge("opaline_ingest_jobs", "Ingestion jobs not ended yet",
                                       {{"state", "queued"}})),
      running_gauge_(with.metrics.gauge("opaline_ingest_jobs", "Ingestion jobs not ended yet",
                                        {{"state", "running"}})) {}

Result<std::unique_ptr<IngestPipeline>> IngestPipeline::create(DataprepSettings settings,
                                                               Collaborators with) {
  OPALINE_TRY(const auto unfinished, with.store.list_jobs(limits::kQueuedJobs, true));
  OPALINE_TRY(const auto newest, with.store.list_jobs(kJobsRead, false));
  std::unique_ptr<IngestPipeline> pipeline(new IngestPipeline(std::move(settings), with));
  for (const store::JobRow& row : newest) {
    if (row.state != state_name(JobState::ready) &&
        row.state != state_name(JobState::ready_with_warnings))
      continue;
    const JobOptions options = read_options(row.options);
    pipeline->fingerprints_.try_emplace(
        row.document_id, fingerprint(options.parameters(pipeline->settings_.chunks)));
  }
  if (auto cleaned = with.store.drop_unused_blobs(); !cleaned)
    return base::fail(std::move(cleaned).error());
  pipeline->thread_ = std::thread([loop = &pipeline->loop_] { loop->run(); });
  pipeline->enqueue(unfinished);
  return pipeline;
}

IngestPipeline::~IngestPipeline() {
  OPALINE_ASSERT(closed_ || !thread_.joinable());
  guard_.reset();
  if (thread_.joinable()) thread_.join();
}

// From other threads.

template <class T>
Task<T> IngestPipeline::on_loop(Task<T> task) {
  co_return co_await asio::co_spawn(loop_, std::move(task), asio::use_awaitable);
}

void IngestPipeline::enqueue(const std::vector<store::JobRow>& jobs) {
  std::vector<Waiting> waiting;
  for (const store::JobRow& row : jobs) {
    waiting.push_back(
        {row.id, row.document_id, read_options(row.options).bytes >= settings_.large_bytes});
  }
  {
    std::lock_guard lock(mutex_);
    for (const Waiting& one : waiting) ++unfinished_documents_[one.document];
  }
  asio::post(loop_, [this, waiting = std::move(waiting)]() mutable { admit(std::move(waiting)); });
}

Task<Result<void>> IngestPipeline::wait(std::vector<std::string> jobs, base::Context context) {
  const auto registration = context.cancellation->on_request(
      [this] { asio::post(loop_, [this] { ended_.notify_all(); }); });
  co_return co_await on_loop(wait_here(std::move(jobs), context));
}

Task<Result<void>> IngestPipeline::cancel(std::string job) {
  std::vector<std::string> jobs{std::move(job)};
  co_return co_await on_loop(cancel_here(std::move(jobs)));
}

Task<Result<void>> IngestPipeline::cancel_documents(std::vector<std::string> documents) {
  co_return co_await on_loop(cancel_documents_here(std::move(documents)));
}

Task<> IngestPipeline::close() {
  co_await asio::co_spawn(loop_, close_here(), asio::use_awaitable);
  closed_ = true;
}

IngestPipeline::Rows IngestPipeline::running() const {
  std::lock_guard lock(mutex_);
  return shown_;
}

std::string IngestPipeline::known_fingerprint(const std::string& document) const {
  std::lock_guard lock(mutex_);
  const auto found = fingerprints_.find(document);
  return found == fingerprints_.end() ? std::string() : found->second;
}

bool IngestPipeline::has_unfinished(const std::string& document) const {
  std::lock_guard lock(mutex_);
  return unfinished_documents_.contains(document);
}

// On the loop's thread.

void IngestPipeline::admit(std::vector<Waiting> jobs) {
  for (Waiting& job : jobs) {
    if (closing_ || !unfinished_.insert(job.job).second) {
      std::lock_guard lock(mutex_);
      if (--unfinished_documents_[job.document] == 0) unfinished_documents_.erase(job.document);
      continue;
    }
    waiting_.push_back(std::move(job));
  }
  pump();
}

void IngestPipeline::pump() {
  while (!closing_ && started_.size() < settings_.documents) {
    const auto next = next_waiting();
    if (!next) break;
    Waiting waiting = std::move(waiting_[*next]);
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(*next));
    busy_documents_.insert(waiting.document);
    started_.emplace(waiting.job, waiting);
    work_.spawn(work(std::move(waiting)));
  }
  show_counts();
}

/// The oldest job whose document is free; of several jobs of a document the oldest, and no more
/// large ones than may be.
std::optional<std::size_t> IngestPipeline::next_waiting() const {
  const auto large = static_cast<std::size_t>(
      std::ranges::count_if(started_, [](const auto& entry) { return entry.second.large; }));
  std::unordered_set<std::string_view> passed;
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    const Waiting& one = waiting_[i];
    const bool free = !busy_documents_.contains(one.document) && !passed.contains(one.document);
    if (free && (!one.large || large < settings_.large_documents)) return i;
    passed.insert(one.document);
  }
  return {};
}

Task<> IngestPipeline::work(Waiting waiting) {
  co_await work_on(waiting);
  {
    std::lock_guard lock(mutex_);
    shown_.erase(waiting.job);
    if (const auto found = unfinished_documents_.find(waiting.document);
        found != unfinished_documents_.end() && --found->second == 0) {
      unfinished_documents_.erase(found);
    }
  }
  running_.erase(waiting.job);
  started_.erase(waiting.job);
  stop_requested_.erase(waiting.job);
  busy_documents_.erase(waiting.document);
  unfinished_.erase(waiting.job);
  ended_.notify_all();
  pump();
  if (closing_) co_return;
  if (++ends_ % kEndsPerCleaning == 0 || unfinished_.empty()) {
    store::Store& store = with_.store;
    auto cleaned = co_await with_.pool.run([&store] { return store.drop_unused_blobs(); });
    if (!cleaned) {
      base::log(base::LogLevel::warning, "blobs_not_dropped",
                {{"error", cleaned.error().message}, {"detail", cleaned.error().detail}});
    }
  }
}

Task<> IngestPipeline::work_on(Waiting waiting) {
  store::Store& store = with_.store;
  std::optional<store::JobRow> row;
  auto read = co_await stored([&store, id = waiting.job, &row] {
    auto found = store.find_job(id);
    if (!found) return Result<void>(base::fail(std::move(found).error()));
    row = std::move(*found);
    return Result<void>();
  });
  if (!read || !row || contract::final(contract::job_state(row->state).value_or(JobState::failed)))
    co_return;
  const auto job = std::make_shared<Running>();
  job->row = std::move(*row);
  job->changed = [this, raw = job.get()] { note_running(raw->row); };
  running_.emplace(waiting.job, job);
  if (closing_) co_return;
  const bool forgotten = read_options(job->row.options).forgotten;
  if (forgotten || stop_requested_.contains(waiting.job)) {
    stop_requested_.insert(waiting.job);
    co_await finish(job, base::fail(ErrorCode::cancelled, "was cancelled"));
    co_return;
  }
  std::string known = known_fingerprint(waiting.document);
  auto outcome = co_await documents_.run(job, std::move(known));
  co_await finish(job, std::move(outcome));
}

/// Runs a write on the pool until it succeeds or fails for good, for work that must not be left
/// half done.
template <class F>
Task<std::invoke_result_t<F&>> IngestPipeline::stored(F write) {
  for (auto pause = settings_.retry_first;; pause = std::min(2 * pause, settings_.retry_longest)) {
    auto result = co_await with_.pool.run(write);
    if (result) co_return result;
    const bool passes = result.error().code == ErrorCode::unavailable ||
                        result.error().code == ErrorCode::resource_exhausted;
    base::log(base::LogLevel::error, "ingest_store_failed",
              {{"error", result.error().message},
               {"detail", result.error().detail},
               {"again", passes && !closing_}});
    if (!passes || closing_) co_return result;
    co_await base::sleep_for(pause, closing_signal_);
  }
}

Task<> IngestPipeline::finish(std::shared_ptr<Running> job, Result<JobState> outcome) {
  store::JobRow& row = job->row;
  if (outcome && *outcome != JobState::unchanged) {
    // Ended in the store together with its document.
    const JobOptions options = read_options(row.options);
    std::lock_guard lock(mutex_);
    fingerprints_[row.document_id] = fingerprint(options.parameters(settings_.chunks));
  } else {
    const bool cancelled = !outcome && stop_requested_.contains(row.id);
    if (!outcome && !cancelled && closing_)
      co_return;  // Interrupted: it is begun again at the next start.
    row.state = state_name(outcome     ? JobState::unchanged
                           : cancelled ? JobState::cancelled
                                       : JobState::failed);
    row.error = outcome || cancelled ? "" : outcome.error().message;
    row.updated = unix_now();
    crash_point("before_job_end");
    store::Store& store = with_.store;
    static_cast<void>(co_await stored([&store, row] { return store.update_job(row); }));
  }
  note_running(row);
  with_.metrics
      .counter("opaline_ingest_documents_total", "Ingestion jobs ended, by how",
               {{"state", row.state}})
      .add();
  const bool failed = row.state == state_name(JobState::failed);
  base::log(failed ? base::LogLevel::warning : base::LogLevel::info, "ingest_ended",
            {{"job", row.id},
             {"source", row.source},
             {"collection", row.collection},
             {"state", row.state},
             {"chunks", row.total},
             {"error", row.error},
             {"detail", outcome ? std::string() : outcome.error().detail}});
}

Task<Result<void>> IngestPipeline::wait_here(std::vector<std::string> jobs, base::Context context) {
  ++callers_;
  Result<void> result;
  while (std::ranges::any_of(
      jobs, [this](const std::string& job) { return unfinished_.contains(job); })) {
    if (closing_)
      result = base::fail(ErrorCode::unavailable,
                          "the server is stopping; the jobs go on when it is back");
    if (context.cancelled()) result = base::fail(ErrorCode::cancelled, "the caller left");
    if (context.expired())
      result = base::fail(ErrorCode::deadline_exceeded,
                          "the jobs did not end in the time given; they go on");
    if (!result) break;
    co_await ended_.wait(context.deadline);
  }
  --callers_;
  ended_.notify_all();
  co_return result;
}

Task<Result<void>> IngestPipeline::cancel_here(std::vector<std::string> jobs) {
  ++callers_;
  Result<void> result;
  store::Store& store = with_.store;
  for (const std::string& job : jobs) {
    if (started_.contains(job)) {
      stop_requested_.insert(job);
      if (const auto found = running_.find(job); found != running_.end())
        found->second->context.cancellation->request();
      continue;
    }
    const auto waiting = std::ranges::find(waiting_, job, &Waiting::job);
    if (waiting == waiting_.end()) continue;
    const std::string document = waiting->document;
    waiting_.erase(waiting);
    auto written = co_await with_.pool.run([&store, job]() -> Result<void> {
      OPALINE_TRY(auto row, store.find_job(job));
      if (!row) return {};
      row->state = state_name(JobState::cancelled);
      row->updated = unix_now();
      return store.update_job(*row);
    });
    if (!written && result) result = std::move(written);
    unfinished_.erase(job);
    std::lock_guard lock(mutex_);
    if (--unfinished_documents_[document] == 0) unfinished_documents_.erase(document);
  }
  while (std::ranges::any_of(jobs,
                             [this](const std::string& job) { return started_.contains(job); })) {
    co_await ended_.wait();
  }
  --callers_;
  ended_.notify_all();
  show_counts();
  co_return result;
}

Task<Result<void>> IngestPipeline::cancel_documents_here(std::vector<std::string> documents) {
  const std::set<std::string> wanted(documents.begin(), documents.end());
  std::vector<std::string> jobs;
  for (const Waiting& one : waiting_) {
    if (wanted.contains(one.document)) jobs.push_back(one.job);
  }
  for (const auto& [id, one] : started_) {
    if (wanted.contains(one.document)) jobs.push_back(id);
  }
  co_return co_await cancel_here(std::move(jobs));
}

Task<> IngestPipeline::close_here() {
  closing_ = true;
  closing_signal_->request();
  // A job may remove itself from the table while it is told.
  const auto running = running_;
  for (const auto& [id, job] : running) job->context.cancellation->request();
  ended_.notify_all();
  co_await work_.close();
  while (callers_ > 0) co_await ended_.wait();
}

void IngestPipeline::note_running(const store::JobRow& row) {
  std::lock_guard lock(mutex_);
  shown_[row.id] = row;
}

void IngestPipeline::show_counts() {
  queued_gauge_.set(static_cast<double>(waiting_.size()));
  running_gauge_.set(static_cast<double>(started_.size()));
}

}  // namespace opaline::services::dataprep
