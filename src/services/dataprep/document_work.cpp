#include "services/dataprep/document_work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <boost/json/serialize.hpp>
#include <optional>

#include "base/log.hpp"
#include "base/task_group.hpp"
#include "contract/hit.hpp"
#include "services/dataprep/crash_point.hpp"
#include "services/dataprep/token_estimate.hpp"

namespace opaline::services::dataprep {

using base::ErrorCode;
using base::Result;
using base::Task;
using contract::JobState;

/// A document on its way to the index.
struct DocumentWork::Passages {
  store::PreparedDocument prepared;
  std::vector<std::string> warnings;
  std::size_t next = 0;  ///< The first chunk that no lane has taken.
  std::size_t dimension = 0;
  std::size_t cut = 0;                 ///< Chunks that the model had to cut.
  std::optional<base::Error> failure;  ///< Of one lane; stops the others.
};

void DocumentWork::enter_state(Running& job, JobState state) {
  job.row.state = contract::name(state);
  job.row.updated = unix_now();
  if (job.changed) job.changed();
}

Task<bool> DocumentWork::worth_another_try(std::shared_ptr<Running> job, base::Error error,
                                           std::shared_ptr<Patience> patience) {
  const bool passes = error.code == ErrorCode::unavailable ||
                      error.code == ErrorCode::resource_exhausted ||
                      error.code == ErrorCode::deadline_exceeded;
  if (!passes || job->context.cancelled()) co_return false;
  const auto now = Clock::now();
  if (patience->failures++ == 0) patience->since = now;
  if (now - patience->since > settings_.outage_longest) co_return false;
  const auto pause = std::min<std::chrono::milliseconds>(
      settings_.retry_longest, settings_.retry_first * (1 << std::min(patience->failures - 1, 10)));
  base::log(base::LogLevel::warning, "ingest_waits",
            {{"job", job->row.id},
             {"source", job->row.source},
             {"state", job->row.state},
             {"pause_ms", pause.count()},
             {"error", error.message},
             {"detail", error.detail}});
  job->row.error = error.message;
  enter_state(*job, contract::job_state(job->row.state).value_or(JobState::queued));
  co_await base::sleep_for(pause, job->context.cancellation);
  job->row.error.clear();
  co_return !job->context.cancelled();
}

Task<Result<JobState>> DocumentWork::run(std::shared_ptr<Running> job, std::string known) {
  ++job->row.attempts;
  job->row.done = 0;
  job->row.total = 0;
  job->row.error.clear();
  enter_state(*job, JobState::parsing);
  OPALINE_CO_TRY_DO(co_await save(job));
  crash_point("job_started");
  if (job->row.blob.empty()) {
    OPALINE_CO_TRY_DO(co_await fetch(job));
    crash_point("link_fetched");
  }
  // The blob's key is the SHA-256 of the bytes.
  const JobOptions options = read_options(job->row.options);
  store::Store& store = with_.store;
  OPALINE_CO_TRY(const auto stored, co_await with_.pool.run([&store, id = job->row.document_id] {
    return store.find_document(id);
  }));
  if (stored && stored->sha256 == job->row.blob &&
      stored->metadata == boost::json::serialize(options.metadata) &&
      (known.empty() ? fingerprint(settings_.chunks) : known) ==
          fingerprint(options.parameters(settings_.chunks))) {
    co_return JobState::unchanged;
  }
  OPALINE_CO_TRY(ParsedDocument document, co_await parse(job));
  crash_point("parsed");
  OPALINE_CO_TRY(auto passages, co_await chunk(job, std::move(document)));
  crash_point("chunked");
  OPALINE_CO_TRY_DO(co_await embed(job, passages));
  co_return co_await commit(job, passages);
}

Task<Result<void>> DocumentWork::save(std::shared_ptr<Running> job) {
  const auto patience = std::make_shared<Patience>();
  store::Store& store = with_.store;
  for (;;) {
    auto written =
        co_await with_.pool.run([&store, row = job->row] { return store.update_job(row); });
    if (written) co_return written;
    const bool again = co_await worth_another_try(job, written.error(), patience);
    if (!again) co_return written;
  }
}

Task<Result<void>> DocumentWork::fetch(std::shared_ptr<Running> job) {
  JobOptions options = read_options(job->row.options);
  if (!options.link) {
    co_return base::fail(ErrorCode::failed_precondition,
                         job->row.source + " has lost its bytes; ingest it again");
  }
  const auto patience = std::make_shared<Patience>();
  for (;;) {
    auto fetched = co_await with_.links.fetch(job->row.source, job->context);
    if (fetched) {
      options.bytes = fetched->bytes.size();
      if (options.claimed_mime.empty()) options.claimed_mime = fetched->mime;
      store::Store& store = with_.store;
      OPALINE_CO_TRY(job->row.blob,
                     co_await with_.pool.run([&store, bytes = std::move(fetched->bytes)] {
                       return store.put_blob(bytes);
                     }));
      job->row.options = write_options(options);
      // Until the row names the blob nothing protects it for good.
      co_return co_await save(job);
    }
    // A page that does not answer is no service of ours: it is not waited for as long.
    if (patience->failures + 1 >= limits::kJobAttempts)
      co_return base::fail(std::move(fetched).error());
    const bool again = co_await worth_another_try(job, fetched.error(), patience);
    if (!again) co_return base::fail(std::move(fetched).error());
  }
}

Task<Result<ParsedDocument>> DocumentWork::parse(std::shared_ptr<Running> job) {
  const JobOptions options = read_options(job->row.options);
  const auto patience = std::make_shared<Patience>();
  for (;;) {
    auto place = std::make_optional(co_await parsers_.enter());
    if (job->context.cancelled()) co_return base::fail(ErrorCode::cancelled, "was cancelled");
    ParseHints hints{.claimed_mime = options.claimed_mime, .source = job->row.source};
    ParseInput input = with_.store.blob_path(job->row.blob);
    auto document = co_await with_.parser.parse(std::move(input), std::move(hints), job->context);
    place.reset();
    if (document) co_return document;
    const bool again = co_await worth_another_try(job, document.error(), patience);
    if (again) continue;
    // The parser's words follow the document's name.
    base::Error error = std::move(document).error();
    error.message = job->row.source + " " + error.message;
    co_return base::fail(std::move(error));
  }
}

Task<Result<std::shared_ptr<DocumentWork::Passages>>> DocumentWork::chunk(
    std::shared_ptr<Running> job, ParsedDocument document) {
  enter_state(*job, JobState::chunking);
  const JobOptions options = read_options(job->row.options);
  const ChunkParameters parameters = options.parameters(settings_.chunks);
  // Owners: this frame and the worker's function.
  auto parsed = std::make_shared<ParsedDocument>(std::move(document));
  auto chunks = co_await with_.pool.run(
      [parsed, parameters] { return chunk_document(*parsed, parameters, token_estimate); });
  if (chunks.empty())
    co_return base::fail(ErrorCode::invalid_argument, job->row.source + " contains no text");
  if (chunks.size() > limits::kDocumentChunks) {
    co_return base::fail(ErrorCode::invalid_argument,
                         fmt::format("{} makes {} passages, of at most {}; split it",
                                     job->row.source, chunks.size(), limits::kDocumentChunks));
  }
  auto passages = std::make_shared<Passages>();
  passages->warnings = std::move(parsed->warnings);
  store::PreparedDocument& prepared = passages->prepared;
  prepared.document = {.id = job->row.document_id,
                       .collection = job->row.collection,
                       .source = job->row.source,
                       .title = std::move(parsed->title),
                       .mime = std::move(parsed->mime),
                       .sha256 = job->row.blob,
                       .bytes = options.bytes,
                       .chunks = chunks.size(),
                       .metadata = boost::json::serialize(options.metadata)};
  prepared.text = std::move(parsed->text);
  prepared.chunks.reserve(chunks.size());
  for (Chunk& one : chunks) {
    store::ChunkRow row{.document_id = job->row.document_id,
                        .ordinal = static_cast<std::uint32_t>(prepared.chunks.size()),
                        .title_path = std::move(one.title_path),
                        .text = prepared.text.substr(one.begin, one.end - one.begin),
                        .range = {one.begin, one.end}};
    if (one.page > 0) row.page = static_cast<int>(one.page);
    prepared.chunks.push_back(std::move(row));
  }
  job->row.total = prepared.chunks.size();
  co_return passages;
}

Task<Result<void>> DocumentWork::embed(std::shared_ptr<Running> job,
                                       std::shared_ptr<Passages> passages) {
  enter_state(*job, JobState::embedding);
  base::TaskGroup lanes(co_await boost::asio::this_coro::executor);
  for (std::size_t i = 0; i < settings_.embedding_requests; ++i)
    lanes.spawn(embed_lane(job, passages));
  co_await lanes.close();
  if (passages->failure) co_return base::fail(std::move(*passages->failure));
  if (passages->cut > 0) {
    passages->warnings.push_back(
        fmt::format("{} passages are longer than the embedding model reads; their ends are found "
                    "by keyword only",
                    passages->cut));
  }
  co_return Result<void>();
}

Task<> DocumentWork::embed_lane(std::shared_ptr<Running> job, std::shared_ptr<Passages> passages) {
  while (!passages->failure && passages->next < passages->prepared.chunks.size()) {
    const std::size_t first =
        std::exchange(passages->next, passages->next + settings_.embedding_texts);
    auto done = co_await embed_batch(job, passages, first);
    if (!done && !passages->failure) passages->failure = std::move(done).error();
  }
}

Task<Result<void>> DocumentWork::embed_batch(std::shared_ptr<Running> job,
                                             std::shared_ptr<Passages> passages,
                                             std::size_t first) {
  auto& chunks = passages->prepared.chunks;
  const std::size_t end = std::min(first + settings_.embedding_texts, chunks.size());
  const auto patience = std::make_shared<Patience>();
  for (;;) {
    if (job->context.cancelled()) co_return base::fail(ErrorCode::cancelled, "was cancelled");
    contract::EmbeddingRequest request{.priority = contract::EmbeddingRequest::Priority::bulk};
    for (std::size_t i = first; i < end; ++i)
      request.texts.push_back(contract::titled_text(chunks[i].title_path, chunks[i].text));
    auto reply = co_await contract::call<contract::EmbeddingReply>(
        with_.embedding, std::move(request), job->context.child().within(settings_.embedding_time));
    if (!reply) {
      const bool again = co_await worth_another_try(job, reply.error(), patience);
      if (again) continue;
      co_return base::fail(std::move(reply).error());
    }
    if (reply->vectors.size() != end - first) {
      co_return base::fail(ErrorCode::internal,
                           "the embedding service answered with another number of vectors");
    }
    for (std::size_t i = first; i < end; ++i) {
      std::vector<float>& vector = reply->vectors[i - first];
      if (passages->dimension == 0) passages->dimension = vector.size();
      if (vector.empty() || vector.size() != passages->dimension) {
        co_return base::fail(ErrorCode::internal,
                             "the embedding service answered with vectors of several dimensions");
      }
      chunks[i].vector = std::move(vector);
    }
    passages->cut += reply->warnings.size();
    job->row.done += end - first;
    enter_state(*job, JobState::embedding);
    crash_point("embedding");
    co_return Result<void>();
  }
}

Task<Result<JobState>> DocumentWork::commit(std::shared_ptr<Running> job,
                                            std::shared_ptr<Passages> passages) {
  if (job->context.cancelled()) co_return base::fail(ErrorCode::cancelled, "was cancelled");
  enter_state(*job, JobState::indexing);
  const JobState state =
      passages->warnings.empty() ? JobState::ready : JobState::ready_with_warnings;
  const std::string warnings = write_warnings(passages->warnings);
  const double now = unix_now();
  passages->prepared.document.created = now;
  passages->prepared.document.updated = now;
  const auto patience = std::make_shared<Patience>();
  for (;;) {
    crash_point("before_commit");
    store::Store& store = with_.store;
    auto written = co_await with_.pool.run([&store, passages, id = job->row.id, state, warnings] {
      return store.replace_document(passages->prepared, id, std::string(contract::name(state)),
                                    warnings);
    });
    if (written) {
      crash_point("after_commit");
      job->row.warnings = warnings;
      enter_state(*job, state);
      co_return state;
    }
    if (patience->failures + 1 >= limits::kJobAttempts)
      co_return base::fail(std::move(written).error());
    const bool again = co_await worth_another_try(job, written.error(), patience);
    if (!again) co_return base::fail(std::move(written).error());
  }
}

}  // namespace opaline::services::dataprep
