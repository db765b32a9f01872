#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/context.hpp"
#include "base/event.hpp"
#include "base/metric.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "base/task_group.hpp"
#include "base/worker_pool.hpp"
#include "services/dataprep/dataprep_settings.hpp"
#include "services/dataprep/document_work.hpp"
#include "store/store.hpp"

namespace opaline::services::dataprep {

/// Works the stored jobs, on an event loop and thread of its own: several documents at once, one
/// job of a document at a time, in the order they came, and never only large ones.
///
/// Everything that matters is in the store; what is here can be lost at any time. A job is queued
/// until `start`ed work on it ends with a final state in the store, so after a crash it is simply
/// found unfinished and begun again. create() and all public functions may be called from any
/// thread; coroutines resume on their caller's loop. close() must be awaited before the destructor.
class IngestPipeline {
 public:
  /// All must outlive the pipeline.
  struct Collaborators {
    store::Store& store;
    contract::Service& embedding;
    http::Client& http;
    base::WorkerPool& pool;
    base::MetricRegistry& metrics;
  };
  /// Reads the unfinished jobs of the store and starts on them. Blocks (disk).
  [[nodiscard]] static base::Result<std::unique_ptr<IngestPipeline>> create(
      DataprepSettings settings, Collaborators with);
  ~IngestPipeline();
  IngestPipeline(const IngestPipeline&) = delete;
  IngestPipeline& operator=(const IngestPipeline&) = delete;

  /// Jobs that the store has as queued.
  void enqueue(const std::vector<store::JobRow>& jobs);
  /// Waits until none of the jobs is queued or worked on. @error deadline_exceeded, cancelled;
  /// unavailable: it is closing.
  base::Task<base::Result<void>> wait(std::vector<std::string> jobs, base::Context context);
  /// Stops a job and returns when its end is in the store. One that had ended before is left as it
  /// is.
  base::Task<base::Result<void>> cancel(std::string job);
  /// Stops all unfinished jobs of these documents and returns when their ends are in the store.
  base::Task<base::Result<void>> cancel_documents(std::vector<std::string> documents);
  /// Takes no more jobs, interrupts the running ones (they stay unfinished in the store) and waits
  /// for them.
  base::Task<> close();

  using Rows = std::unordered_map<std::string, store::JobRow>;
  /// The rows of the jobs that are being worked on, as they are now.
  [[nodiscard]] Rows running() const;
  /// What the stored version of a document was made with; "" when that is not known.
  [[nodiscard]] std::string known_fingerprint(const std::string& document) const;
  /// Whether a job of the document is queued or worked on.
  [[nodiscard]] bool has_unfinished(const std::string& document) const;

  [[nodiscard]] const DataprepSettings& settings() const { return settings_; }

 private:
  IngestPipeline(DataprepSettings settings, Collaborators with);

  struct Waiting {
    std::string job;
    std::string document;
    bool large = false;
  };
  using Running = DocumentWork::Running;

  template <class T>
  base::Task<T> on_loop(base::Task<T> task);
  template <class F>
  base::Task<std::invoke_result_t<F&>> stored(F write);

  void admit(std::vector<Waiting> jobs);
  void pump();
  [[nodiscard]] std::optional<std::size_t> next_waiting() const;
  base::Task<> work(Waiting waiting);
  base::Task<> work_on(Waiting waiting);
  base::Task<> finish(std::shared_ptr<Running> job, base::Result<contract::JobState> outcome);
  base::Task<base::Result<void>> wait_here(std::vector<std::string> jobs, base::Context context);
  base::Task<base::Result<void>> cancel_here(std::vector<std::string> jobs);
  base::Task<base::Result<void>> cancel_documents_here(std::vector<std::string> documents);
  base::Task<> close_here();
  void note_running(const store::JobRow& row);
  void show_counts();

  DataprepSettings settings_;
  Collaborators with_;
  base::EventLoop loop_{1};
  boost::asio::executor_work_guard<base::EventLoop::executor_type> guard_;
  LinkFetcher links_;
  DocumentParser parser_;
  DocumentWork documents_;

  // On the loop's thread only.
  std::deque<Waiting> waiting_;
  std::unordered_map<std::string, Waiting> started_;  ///< By job.
  std::map<std::string, std::shared_ptr<Running>>
      running_;  ///< Of those, the ones whose row is read.
  std::set<std::string> busy_documents_;
  std::set<std::string> unfinished_;      ///< Jobs, waiting or started.
  std::set<std::string> stop_requested_;  ///< Started jobs to be cancelled.
  base::Event ended_;
  base::TaskGroup work_;
  std::size_t callers_ = 0;
  std::size_t ends_ = 0;
  bool closing_ = false;
  std::shared_ptr<base::Cancellation> closing_signal_ =
      base::Cancellation::create();  ///< Owners: this and who waits on it.

  // For other threads.
  mutable std::mutex mutex_;
  Rows shown_;                                                 ///< Of running jobs.
  std::unordered_map<std::string, std::string> fingerprints_;  ///< By document.
  std::unordered_map<std::string, std::size_t>
      unfinished_documents_;  ///< How many unfinished jobs each has.

  base::Gauge& queued_gauge_;
  base::Gauge& running_gauge_;
  std::thread thread_;
  bool closed_ = false;
};

}  // namespace opaline::services::dataprep
