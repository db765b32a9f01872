#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/context.hpp"
#include "base/event.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "base/worker_pool.hpp"
#include "contract/service.hpp"
#include "services/dataprep/chunker.hpp"
#include "services/dataprep/dataprep_settings.hpp"
#include "services/dataprep/document_parser.hpp"
#include "services/dataprep/job_record.hpp"
#include "services/dataprep/link_fetcher.hpp"
#include "store/store.hpp"

namespace opaline::services::dataprep {

/// Admits so many coroutines of one event loop at once; the others wait in no particular order.
class Gate {
 public:
  Gate(boost::asio::any_io_executor executor, std::size_t places)
      : places_(places), freed_(std::move(executor)) {}

  /// Holds a place until it dies.
  class Place {
   public:
    explicit Place(Gate& gate) : gate_(&gate) {}
    Place(Place&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (gate_ == nullptr) return;
      ++gate_->places_;
      gate_->freed_.notify_all();
    }

   private:
    Gate* gate_;
  };
  base::Task<Place> enter() {
    while (places_ == 0) co_await freed_.wait();
    --places_;
    co_return Place(*this);
  }

 private:
  std::size_t places_;
  base::Event freed_;
};

/// Takes one document from its bytes to the index: fetch, parse, chunk, embed, commit. Holds no
/// state of its own; what is done stands in the job's row, which the caller owns. One event loop.
class DocumentWork {
 public:
  /// All must outlive this.
  struct Collaborators {
    store::Store& store;
    contract::Service& embedding;
    base::WorkerPool& pool;
    const LinkFetcher& links;
    const DocumentParser& parser;
  };
  DocumentWork(const DataprepSettings& settings, Collaborators with,
               boost::asio::any_io_executor executor)
      : settings_(settings), with_(with), parsers_(std::move(executor), settings.parsers) {}

  /// A job on its way. Owners: the pipeline's table and the coroutine that works on it.
  struct Running {
    store::JobRow row;
    base::Context context;          ///< Its cancellation stops the work.
    std::function<void()> changed;  ///< Called after each change of `row`.
  };

  /// Works until the document is committed, and the job ended with it in the store, or found
  /// unchanged (the caller ends it). Services that are unavailable are waited for, with growing
  /// pauses, up to `outage_longest`.
  /// @param known the fingerprint the stored document was made with; "" when unknown.
  /// @return the state reached. @error why the document cannot be indexed, in words for people;
  /// cancelled.
  base::Task<base::Result<contract::JobState>> run(std::shared_ptr<Running> job, std::string known);

 private:
  struct Passages;
  using Clock = base::Context::Clock;

  /// Writes the row, with patience.
  base::Task<base::Result<void>> save(std::shared_ptr<Running> job);
  base::Task<base::Result<void>> fetch(std::shared_ptr<Running> job);
  base::Task<base::Result<ParsedDocument>> parse(std::shared_ptr<Running> job);
  base::Task<base::Result<std::shared_ptr<Passages>>> chunk(std::shared_ptr<Running> job,
                                                            ParsedDocument document);
  base::Task<base::Result<void>> embed(std::shared_ptr<Running> job,
                                       std::shared_ptr<Passages> passages);
  base::Task<> embed_lane(std::shared_ptr<Running> job, std::shared_ptr<Passages> passages);
  base::Task<base::Result<void>> embed_batch(std::shared_ptr<Running> job,
                                             std::shared_ptr<Passages> passages, std::size_t first);
  base::Task<base::Result<contract::JobState>> commit(std::shared_ptr<Running> job,
                                                      std::shared_ptr<Passages> passages);

  /// After a failure: waits and says true, or says false when the error is not one that passes, or
  /// patience is at its end.
  struct Patience {
    int failures = 0;
    Clock::time_point since{};
  };
  base::Task<bool> worth_another_try(std::shared_ptr<Running> job, base::Error error,
                                     std::shared_ptr<Patience> patience);
  static void enter_state(Running& job, contract::JobState state);

  const DataprepSettings& settings_;
  Collaborators with_;
  Gate parsers_;
};

}  // namespace opaline::services::dataprep
