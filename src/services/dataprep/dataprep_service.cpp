#include "services/dataprep/dataprep_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <set>

#include "base/digest.hpp"
#include "services/dataprep/crash_point.hpp"
#include "services/dataprep/job_record.hpp"
#include "services/dataprep/link_fetcher.hpp"
#include "services/dataprep/source_name.hpp"

namespace opaline::services::dataprep {
namespace {

using base::ErrorCode;
using base::Result;
using base::Task;
using contract::JobState;

constexpr int kChunkTokensMin = 32;
constexpr int kChunkTokensMax = static_cast<int>(limits::kEmbeddingTokens);

std::string state_name(JobState state) { return std::string(contract::name(state)); }

JobState state_of(const store::JobRow& row) {
  return contract::job_state(row.state).value_or(JobState::failed);
}

/// Checks the request and brings its names into their stored form.
Result<void> validate(contract::IngestRequest& request) {
  OPALINE_TRY_DO(check_collection(request.collection));
  if (request.files.empty() && request.links.empty()) {
    return base::fail(ErrorCode::invalid_argument,
                      "there is nothing to ingest: give files or links");
  }
  if (request.chunk_tokens != 0 &&
      (request.chunk_tokens < kChunkTokensMin || request.chunk_tokens > kChunkTokensMax)) {
    return base::fail(ErrorCode::invalid_argument,
                      fmt::format("the chunk size must be {} … {} tokens, not {}", kChunkTokensMin,
                                  kChunkTokensMax, request.chunk_tokens));
  }
  if (request.chunk_overlap_tokens < -1 || request.chunk_overlap_tokens > kChunkTokensMax / 2) {
    return base::fail(ErrorCode::invalid_argument,
                      fmt::format("the chunk overlap must be 0 … {} tokens, not {}",
                                  kChunkTokensMax / 2, request.chunk_overlap_tokens));
  }
  if (boost::json::serialize(request.metadata).size() > limits::kMetadataBytes) {
    return base::fail(ErrorCode::invalid_argument,
                      fmt::format("the metadata is larger than {} bytes", limits::kMetadataBytes));
  }
  std::set<std::string_view> names;
  for (contract::IngestFile& file : request.files) {
    OPALINE_TRY(file.source, source_name(file.source));
    if (file.bytes.size() > limits::kDocumentBytes) {
      return base::fail(
          ErrorCode::invalid_argument,
          fmt::format("{} is larger than {} MiB", file.source, limits::kDocumentBytes >> 20));
    }
  }
  for (const std::string& link : request.links) OPALINE_TRY_DO(check_link(link));
  for (const contract::IngestFile& file : request.files) {
    if (!names.insert(file.source).second) {
      return base::fail(
          ErrorCode::invalid_argument,
          fmt::format("{} is there twice; each document needs a name of its own", file.source));
    }
  }
  for (const std::string& link : request.links) {
    if (!names.insert(link).second)
      return base::fail(ErrorCode::invalid_argument, fmt::format("{} is there twice", link));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<DataprepService>> DataprepService::create(DataprepSettings settings,
                                                                 Collaborators with) {
  OPALINE_TRY(auto pipeline, IngestPipeline::create(std::move(settings), with));
  return std::unique_ptr<DataprepService>(new DataprepService(with, std::move(pipeline)));
}

Task<Result<contract::Reply>> DataprepService::call(contract::Request request,
                                                    base::Context context) {
  auto* wanted = std::get_if<contract::DataprepRequest>(&request);
  if (wanted == nullptr)
    co_return base::fail(ErrorCode::invalid_argument,
                         "this is the dataprep service; it answers no such request");
  if (context.cancelled()) co_return base::fail(ErrorCode::cancelled, "the caller left");
  auto reply = co_await std::visit([this](auto& one) { return answer(std::move(one)); }, *wanted);
  if (!reply) co_return base::fail(std::move(reply).error());
  co_return contract::Reply(std::move(*reply));
}

// Ingest.

Task<DataprepService::Reply> DataprepService::answer(contract::IngestRequest request) {
  OPALINE_CO_TRY_DO(validate(request));
  OPALINE_CO_TRY(const auto rows,
                 co_await with_.pool.run([this, request = std::move(request)]() mutable {
                   return store_jobs(std::move(request));
                 }));
  std::vector<store::JobRow> queued;
  contract::IngestReply reply;
  for (const store::JobRow& row : rows) {
    if (state_of(row) == JobState::queued) queued.push_back(row);
    reply.jobs.push_back(to_job(row));
  }
  pipeline_->enqueue(queued);
  co_return reply;
}

/// On a worker thread: bytes first, then the jobs that name them, so that no job ever lacks its
/// bytes.
Result<std::vector<store::JobRow>> DataprepService::store_jobs(
    contract::IngestRequest request) const {
  const double now = unix_now();
  std::vector<store::JobRow> rows;
  const auto add = [&](const std::string& source, const JobOptions& options) -> store::JobRow& {
    return rows.emplace_back(store::JobRow{.id = new_job_id(),
                                           .document_id = document_id(request.collection, source),
                                           .collection = request.collection,
                                           .source = source,
                                           .warnings = "[]",
                                           .options = write_options(options),
                                           .created = now,
                                           .updated = now});
  };
  JobOptions options{.chunk_tokens = request.chunk_tokens,
                     .chunk_overlap_tokens = request.chunk_overlap_tokens,
                     .metadata = request.metadata};
  const std::string metadata = boost::json::serialize(request.metadata);
  const std::string wanted = fingerprint(options.parameters(pipeline_->settings().chunks));
  const std::string usual = fingerprint(pipeline_->settings().chunks);
  for (contract::IngestFile& file : request.files) {
    options.claimed_mime = file.mime;
    options.bytes = file.bytes.size();
    store::JobRow& row = add(file.source, options);
    if (!pipeline_->has_unfinished(row.document_id)) {
      OPALINE_TRY(const auto stored, with_.store.find_document(row.document_id));
      const std::string known = pipeline_->known_fingerprint(row.document_id);
      if (stored && (known.empty() ? usual : known) == wanted && stored->metadata == metadata &&
          stored->sha256 == base::sha256_hex(file.bytes)) {
        row.state = state_name(JobState::unchanged);
        continue;
      }
    }
    OPALINE_TRY(row.blob, with_.store.put_blob(file.bytes));
    file.bytes = {};
  }
  options.claimed_mime.clear();
  options.bytes = 0;
  options.link = true;
  for (const std::string& link : request.links) add(link, options);
  crash_point("after_blobs");
  OPALINE_TRY_DO(with_.store.add_jobs(rows));
  crash_point("after_jobs");
  return rows;
}

// Documents.

Task<DataprepService::Reply> DataprepService::answer(contract::ListDocumentsRequest request) {
  OPALINE_CO_TRY(const auto rows, co_await with_.pool.run([this, request = std::move(request)] {
    return with_.store.list_documents(request.collection.value_or(""), request.after,
                                      request.limit);
  }));
  contract::ListDocumentsReply reply;
  for (const store::DocumentRow& row : rows) reply.documents.push_back(to_document(row));
  co_return reply;
}

Task<DataprepService::Reply> DataprepService::answer(contract::GetDocumentRequest request) {
  co_return co_await with_.pool.run([this, id = std::move(request.id)]() -> Reply {
    OPALINE_TRY(const auto row, with_.store.find_document(id));
    if (!row)
      return base::fail(ErrorCode::not_found,
                        fmt::format("there is no document {}", in_quotes(id)));
    OPALINE_TRY(std::string text, with_.store.document_text(id));
    return contract::GetDocumentReply{to_document(*row), std::move(text)};
  });
}

Task<DataprepService::Reply> DataprepService::answer(contract::ListCollectionsRequest) {
  OPALINE_CO_TRY(auto collections,
                 co_await with_.pool.run([this] { return with_.store.collections(); }));
  co_return contract::ListCollectionsReply{std::move(collections)};
}

Task<DataprepService::Reply> DataprepService::answer(contract::DeleteDocumentsRequest request) {
  // First the jobs: none may write the document again once it is gone.
  OPALINE_CO_TRY(auto documents,
                 co_await with_.pool.run([this, request] { return documents_to_delete(request); }));
  OPALINE_CO_TRY_DO(co_await pipeline_->cancel_documents(documents));
  OPALINE_CO_TRY(const std::uint64_t deleted, co_await with_.pool.run([this, documents] {
    crash_point("before_delete");
    return remove(documents);
  }));
  crash_point("after_delete");
  co_return contract::DeleteDocumentsReply{deleted};
}

/// Ids of the documents meant, the ones that exist and the ones that jobs are about to make.
Result<std::vector<std::string>> DataprepService::documents_to_delete(
    const contract::DeleteDocumentsRequest& request) const {
  std::set<std::string> ids;
  if (request.all) {
    OPALINE_TRY_DO(check_collection(request.collection));
    for (std::string after;;) {
      constexpr std::size_t kPage = 1000;
      OPALINE_TRY(const auto rows, with_.store.list_documents(request.collection, after, kPage));
      for (const store::DocumentRow& row : rows) ids.insert(row.id);
      if (rows.size() < kPage) break;
      after = rows.back().id;
    }
    OPALINE_TRY(const auto jobs, with_.store.list_jobs(limits::kQueuedJobs, true));
    for (const store::JobRow& job : jobs) {
      if (job.collection == request.collection) ids.insert(job.document_id);
    }
    return std::vector<std::string>(ids.begin(), ids.end());
  }
  if (request.id_or_source.empty())
    return base::fail(ErrorCode::invalid_argument, "name the document to be deleted");
  OPALINE_TRY(const auto by_id, with_.store.find_document(request.id_or_source));
  if (by_id) return std::vector<std::string>{by_id->id};
  // A document whose first version is still on its way is known by its jobs only.
  std::string id = request.id_or_source;
  if (const auto source = source_name(request.id_or_source))
    id = document_id(request.collection, *source);
  OPALINE_TRY(const auto by_source, with_.store.find_document(id));
  if (by_source || pipeline_->has_unfinished(id)) return std::vector<std::string>{id};
  if (pipeline_->has_unfinished(request.id_or_source))
    return std::vector<std::string>{request.id_or_source};
  OPALINE_TRY(const auto jobs, with_.store.list_jobs(limits::kQueuedJobs, false));
  const auto job = std::ranges::find_if(jobs, [&](const store::JobRow& row) {
    return (row.document_id == id || row.document_id == request.id_or_source) &&
           (state_of(row) == JobState::failed || state_of(row) == JobState::cancelled) &&
           !read_options(row.options).forgotten;
  });
  if (job != jobs.end()) return std::vector<std::string>{job->document_id};
  return base::fail(ErrorCode::not_found,
                    fmt::format("there is no document {} in collection {}",
                                in_quotes(request.id_or_source), in_quotes(request.collection)));
}

Result<std::uint64_t> DataprepService::remove(const std::vector<std::string>& documents) const {
  OPALINE_TRY(const std::uint64_t deleted, with_.store.delete_documents(documents));
  OPALINE_TRY_DO(forget_jobs(documents));
  OPALINE_TRY_DO(with_.store.drop_unused_blobs());
  return deleted;
}

/// Failed and cancelled jobs keep their documents' bytes for a retry; those of deleted documents
/// must not.
Result<void> DataprepService::forget_jobs(const std::vector<std::string>& documents) const {
  const std::set<std::string> wanted(documents.begin(), documents.end());
  OPALINE_TRY(const auto jobs, with_.store.list_jobs(limits::kQueuedJobs, false));
  for (store::JobRow row : jobs) {
    const JobState state = state_of(row);
    if (row.blob.empty() || !wanted.contains(row.document_id) ||
        (state != JobState::failed && state != JobState::cancelled))
      continue;
    JobOptions options = read_options(row.options);
    options.forgotten = true;
    row.options = write_options(options);
    row.blob.clear();
    // Ended rows change only by way of "queued"; a crash in between leaves a job that is forgotten
    // and ends at once.
    const std::string ended = std::exchange(row.state, state_name(JobState::queued));
    OPALINE_TRY_DO(with_.store.update_job(row));
    row.state = ended;
    OPALINE_TRY_DO(with_.store.update_job(row));
  }
  return {};
}

// Jobs.

/// The job as it stands: `running` was read before `row` was, so that a job that ends in between is
/// seen as ended.
contract::Job DataprepService::shown(const store::JobRow& row,
                                     const IngestPipeline::Rows& running) {
  contract::Job job = to_job(row);
  if (contract::final(job.state)) return job;
  if (const auto found = running.find(row.id); found != running.end()) return to_job(found->second);
  // Not begun yet, whatever a server that ended left in the row.
  job.state = JobState::queued;
  return job;
}

Task<DataprepService::Reply> DataprepService::answer(contract::ListJobsRequest request) {
  const IngestPipeline::Rows running = pipeline_->running();
  OPALINE_CO_TRY(auto rows, co_await with_.pool.run([this, request] {
    return with_.store.list_jobs(request.unfinished_only ? limits::kQueuedJobs : request.limit,
                                 request.unfinished_only);
  }));
  // The store lists unfinished jobs oldest first, for working on them.
  if (request.unfinished_only) std::ranges::reverse(rows);
  contract::ListJobsReply reply;
  for (const store::JobRow& row : rows) {
    if (reply.jobs.size() < request.limit) reply.jobs.push_back(shown(row, running));
  }
  co_return reply;
}

Task<DataprepService::Reply> DataprepService::answer(contract::JobRequest request) {
  IngestPipeline::Rows running = pipeline_->running();
  const auto find = [this, id = request.id] { return with_.store.find_job(id); };
  OPALINE_CO_TRY(auto row, co_await with_.pool.run(find));
  if (!row)
    co_return base::fail(ErrorCode::not_found,
                         fmt::format("there is no job {}", in_quotes(request.id)));
  if (request.action == contract::JobRequest::Action::cancel &&
      state_of(*row) != JobState::cancelled) {
    if (contract::final(state_of(*row))) {
      co_return base::fail(ErrorCode::failed_precondition,
                           fmt::format("the job has ended already: {}", row->state));
    }
    OPALINE_CO_TRY_DO(co_await pipeline_->cancel(request.id));
    OPALINE_CO_TRY(row, co_await with_.pool.run(find));
  }
  if (request.action == contract::JobRequest::Action::retry) {
    OPALINE_CO_TRY_DO(co_await with_.pool.run([this, row = *row] { return retry(row); }));
    running = pipeline_->running();
    OPALINE_CO_TRY(row, co_await with_.pool.run(find));
  }
  if (!row)
    co_return base::fail(ErrorCode::not_found,
                         fmt::format("there is no job {}", in_quotes(request.id)));
  co_return contract::JobReply{shown(*row, running)};
}

Result<void> DataprepService::retry(store::JobRow row) {
  const JobState state = state_of(row);
  if (state != JobState::failed && state != JobState::cancelled) {
    return base::fail(
        ErrorCode::failed_precondition,
        fmt::format("only failed and cancelled jobs can be retried; this one is {}", row.state));
  }
  const JobOptions options = read_options(row.options);
  std::error_code missing;
  if (!row.blob.empty() && !std::filesystem::exists(with_.store.blob_path(row.blob), missing))
    row.blob.clear();
  if (options.forgotten || (row.blob.empty() && !options.link)) {
    return base::fail(ErrorCode::failed_precondition,
                      fmt::format("the bytes of {} are kept no more; ingest it again", row.source));
  }
  row.state = state_name(JobState::queued);
  row.error.clear();
  row.done = 0;
  row.total = 0;
  row.updated = unix_now();
  OPALINE_TRY_DO(with_.store.update_job(row));
  pipeline_->enqueue({row});
  return {};
}

Task<Result<std::vector<contract::Job>>> DataprepService::wait(std::vector<std::string> jobs,
                                                               base::Context context) {
  OPALINE_CO_TRY_DO(co_await pipeline_->wait(jobs, context));
  co_return co_await with_.pool.run([this, jobs]() -> Result<std::vector<contract::Job>> {
    std::vector<contract::Job> found;
    for (const std::string& id : jobs) {
      OPALINE_TRY(const auto row, with_.store.find_job(id));
      if (!row)
        return base::fail(ErrorCode::not_found, fmt::format("there is no job {}", in_quotes(id)));
      found.push_back(to_job(*row));
    }
    return found;
  });
}

}  // namespace opaline::services::dataprep
