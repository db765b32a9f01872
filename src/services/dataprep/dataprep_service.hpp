#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/context.hpp"
#include "base/metric.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "base/worker_pool.hpp"
#include "contract/service.hpp"
#include "services/dataprep/dataprep_settings.hpp"
#include "services/dataprep/ingest_pipeline.hpp"
#include "store/store.hpp"

namespace opaline::services::dataprep {

/// Turns files and links into searchable documents, and answers about documents and jobs.
///
/// Ingesting promises: when the reply comes, bytes and jobs are on disk; whatever happens then,
/// each job ends in a final state, after a restart if need be, and each document is wholly there in
/// its old or its new version. One document's failure is its own. Deleting promises: when the reply
/// comes, the document can be found no more, its unfinished jobs have stopped, and its bytes are
/// gone. Any I/O thread. close() must be awaited before the destructor.
class DataprepService final : public contract::Service {
 public:
  using Collaborators = IngestPipeline::Collaborators;

  /// Continues the jobs that were left unfinished. Blocks (disk). @error those of the store.
  [[nodiscard]] static base::Result<std::unique_ptr<DataprepService>> create(
      DataprepSettings settings, Collaborators with);

  [[nodiscard]] contract::ServiceKind kind() const override {
    return contract::ServiceKind::dataprep;
  }
  /// @error invalid_argument: no DataprepRequest, or a name, size or number that cannot be (says
  /// which); not_found: no document or job with this id; failed_precondition: a job that cannot be
  /// retried or cancelled any more; resource_exhausted: too many jobs wait, the disk is full.
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  [[nodiscard]] contract::Health health() const override { return {}; }

  /// The jobs, once all have ended. @error deadline_exceeded, cancelled: they go on; unavailable:
  /// the server stops; not_found.
  base::Task<base::Result<std::vector<contract::Job>>> wait(std::vector<std::string> jobs,
                                                            base::Context context);

  /// Interrupts the work (it stays in the store) and waits for its end.
  base::Task<> close() { return pipeline_->close(); }

 private:
  DataprepService(Collaborators with, std::unique_ptr<IngestPipeline> pipeline)
      : with_(with), pipeline_(std::move(pipeline)) {}

  using Reply = base::Result<contract::DataprepReply>;
  base::Task<Reply> answer(contract::IngestRequest request);
  base::Task<Reply> answer(contract::ListDocumentsRequest request);
  base::Task<Reply> answer(contract::GetDocumentRequest request);
  base::Task<Reply> answer(contract::DeleteDocumentsRequest request);
  base::Task<Reply> answer(contract::ListJobsRequest request);
  base::Task<Reply> answer(contract::JobRequest request);
  base::Task<Reply> answer(contract::ListCollectionsRequest request);

  base::Result<std::vector<store::JobRow>> store_jobs(contract::IngestRequest request) const;
  base::Result<void> retry(store::JobRow row);
  base::Result<std::uint64_t> remove(const std::vector<std::string>& documents) const;
  base::Result<std::vector<std::string>> documents_to_delete(
      const contract::DeleteDocumentsRequest& request) const;
  base::Result<void> forget_jobs(const std::vector<std::string>& documents) const;
  [[nodiscard]] static contract::Job shown(const store::JobRow& row,
                                           const IngestPipeline::Rows& running);

  Collaborators with_;
  std::unique_ptr<IngestPipeline> pipeline_;
};

}  // namespace opaline::services::dataprep
