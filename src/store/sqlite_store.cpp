#include "store/sqlite_store.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <chrono>
#include <cmath>
#include <set>
#include <system_error>
#include <utility>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "store/document_filter.hpp"
#include "store/job_table.hpp"
#include "store/schema.hpp"

namespace opaline::store {

namespace fs = std::filesystem;
namespace json = boost::json;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::size_t kReaders = 4;
constexpr auto kKeywordTime = std::chrono::seconds(2);
// Candidates by int8 that are ranked again by float. On MiniLM vectors twice k gives all the right
// ones; see vector_index.hpp.
constexpr std::size_t kCandidatesPerHit = 4;
constexpr std::size_t kCandidatesMin = 50;
// After a disk fault that leaves open whether a change was kept: the index may not follow the
// database any more.
constexpr std::uint64_t kUnknownVersion = UINT64_MAX;
constexpr const char* kIdSetPointer = "opaline id set";

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

auto damaged(std::string detail) {
  return base::fail(ErrorCode::internal,
                    "the database in the data folder is damaged: restore it from a backup",
                    std::move(detail));
}

base::Error unknown_version() {
  return {
      ErrorCode::unavailable, "the disk failed in the middle of a change: restart the program", {}};
}

// admitted(rowid, set): lets the keyword search rank only what the filter admits.
void admitted_function(sqlite3_context* context, int, sqlite3_value** arguments) {
  const auto* set = static_cast<const IdSet*>(sqlite3_value_pointer(arguments[1], kIdSetPointer));
  sqlite3_result_int(context, set && contains(*set, sqlite3_value_int64(arguments[0])));
}

Result<void> add_functions(Connection& connection) {
  const int code = sqlite3_create_function_v2(connection.native(), "admitted", 2,
                                              SQLITE_UTF8 | SQLITE_DIRECTONLY, nullptr,
                                              admitted_function, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return base::fail(connection.error(code));
  return {};
}

Result<json::object> parse_metadata(const std::string& text) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = limits::kJsonDepth;
  json::value value = json::parse(text.empty() ? "{}" : text, error, {}, options);
  if (error || !value.is_object()) {
    return base::fail(ErrorCode::invalid_argument, "a document's metadata must be a JSON object",
                      error.message());
  }
  return std::move(value.get_object());
}

bool finite(std::span<const float> values) {
  return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

// Makes the length one; a vector of zeros stays.
void normalise(std::span<float> vector) {
  const double length = std::sqrt(dot_product(vector, vector));
  if (length == 0 || std::abs(length - 1) < 1e-6) return;
  for (float& value : vector) value = static_cast<float>(value / length);
}

Result<std::vector<float>> unit_query(std::span<const float> query) {
  if (!finite(query))
    return base::fail(ErrorCode::invalid_argument,
                      "the query's vector has values that are not numbers");
  std::vector<float> unit(query.begin(), query.end());
  normalise(unit);
  return unit;
}

Result<void> check_dimension(std::size_t given, std::size_t collection) {
  if (given == collection) return {};
  return base::fail(ErrorCode::failed_precondition,
                    "the vectors have " + std::to_string(given) +
                        " dimensions and those of the collection " + std::to_string(collection) +
                        ": use the embedding model it was made with, or delete its documents and "
                        "ingest them again");
}

bool better(const ChunkScore& a, const ChunkScore& b) {
  return a.score != b.score ? a.score > b.score : a.id < b.id;
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const fs::path& folder) {
  OPALINE_TRY(auto store, SqliteStore::open(folder));
  return store;
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const fs::path& path, GraphLimits limits) {
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_directory(path, error)) {
    return base::fail(ErrorCode::invalid_argument, "'" + path.string() + "' is not a folder");
  }
  if (fs::create_directories(path, error)) fs::permissions(path, fs::perms::owner_all, error);
  if (error) return base::fail(file_error(error.value(), "create", path));
  // The way to the folder may have links in it; its files may not be links.
  const fs::path folder = fs::canonical(path, error);
  if (error) return base::fail(file_error(error.value(), "open", path));

  std::unique_ptr<SqliteStore> store(new SqliteStore(folder, limits));
  OPALINE_TRY(store->lock_, FolderLock::take(folder));
  OPALINE_TRY(store->blobs_, BlobFolder::open(folder / "blobs"));
  const auto file = folder / "opaline.db";
  OPALINE_TRY(store->writer_, Connection::open(file, Connection::Mode::write));
  OPALINE_TRY_DO(update_schema(*store->writer_));
  OPALINE_TRY(store->readers_, ReaderPool::open(file, kReaders));
  for (const auto& reader : store->readers_->take_all()) OPALINE_TRY_DO(add_functions(*reader));
  OPALINE_TRY_DO(store->load_index());
  OPALINE_TRY_DO(store->drop_unused_blobs());
  store->graph_builder_.emplace(store->index_mutex_, store->index_);
  return store;
}

// Documents in the order of their chunks, and beside them all vectors in the same order.
Result<void> SqliteStore::load_index() {
  OPALINE_TRY(auto documents,
              writer_->query("SELECT number, id, collection, source, title, mime, sha256, bytes, "
                             "first_chunk, chunks, created, updated, metadata "
                             "FROM document ORDER BY first_chunk"));
  OPALINE_TRY(auto vectors, writer_->query("SELECT chunk, value FROM vector ORDER BY chunk"));
  for (;;) {
    OPALINE_TRY(const bool row, documents.next());
    if (!row) break;
    auto stored = document_table::read(documents);
    CollectionIndex& collection =
        index_.try_emplace(stored.row.collection, graph_limits_).first->second;
    QuantisedRows rows(collection.dimension().value_or(0));
    for (std::int64_t id = stored.chunks.begin; id < stored.chunks.end; ++id) {
      OPALINE_TRY(const bool there, vectors.next());
      if (!there || vectors.integer(0) != id)
        return damaged("the vector of chunk " + std::to_string(id) + " is missing");
      OPALINE_TRY(const auto vector, document_table::floats(vectors.bytes(1)));
      if (rows.dimension() == 0) rows = QuantisedRows(vector.size());
      if (vector.size() != rows.dimension())
        return damaged("chunk " + std::to_string(id) + " has another dimension");
      rows.add(vector);
    }
    auto metadata = parse_metadata(stored.row.metadata);
    if (!metadata) return damaged("the metadata of document " + stored.row.id + " is not JSON");
    collection.put({stored.number, stored.row.id, stored.row.source, stored.row.title,
                    stored.row.mime, std::move(*metadata), stored.chunks},
                   rows);
  }
  OPALINE_TRY(const bool more, vectors.next());
  if (more)
    return damaged("chunk " + std::to_string(vectors.integer(0)) + " belongs to no document");
  OPALINE_TRY(const auto version, writer_->number("SELECT version FROM state"));
  version_ = static_cast<std::uint64_t>(version);
  return {};
}

// ---- Changes.

Result<void> SqliteStore::check(const PreparedDocument& document) const {
  const auto wrong = [&](std::string what) {
    return base::fail(ErrorCode::invalid_argument,
                      "the document '" + document.document.source + "' " + std::move(what));
  };
  if (document.document.collection.empty()) return wrong("has no collection");
  if (document.document.source.empty()) return wrong("has no source");
  const std::size_t dimension = document.chunks.empty() ? 0 : document.chunks.front().vector.size();
  for (const ChunkRow& chunk : document.chunks) {
    const std::string name = "chunk " + std::to_string(chunk.ordinal);
    if (chunk.range.begin > chunk.range.end || chunk.range.end > document.text.size()) {
      return wrong("has a range outside its text: " + name);
    }
    if (document.text.compare(chunk.range.begin, chunk.range.end - chunk.range.begin, chunk.text) !=
        0) {
      return wrong("has a chunk whose text is not the text at its range: " + name);
    }
    if (chunk.vector.empty() || chunk.vector.size() != dimension)
      return wrong("has vectors of different dimensions: " + name);
    if (!finite(chunk.vector))
      return wrong("has a vector with values that are not numbers: " + name);
  }
  return {};
}

template <class F>
Result<void> SqliteStore::commit(Transaction transaction, F apply) {
  if (version_ == kUnknownVersion) return base::fail(unknown_version());
  const std::uint64_t version = version_ + 1;
  OPALINE_TRY_DO(writer_->run("UPDATE state SET version = ?", version));
  if (auto committed = transaction.commit(); !committed) {
    if (!writer_->idle()) return committed;  // Still open, and rolled back by its destructor.
    // A fault may come after the commit took effect. Then searches wait for this version, and it is
    // a success.
    const auto stored = writer_->number("SELECT version FROM state");
    if (!stored) {
      version_ = kUnknownVersion;
      version_.notify_all();
    }
    if (!stored || static_cast<std::uint64_t>(*stored) != version) return committed;
  }
  {
    std::unique_lock lock(index_mutex_);
    apply();
    version_ = version;
  }
  version_.notify_all();
  graph_builder_->wake();
  return {};
}

Result<void> SqliteStore::replace_document(PreparedDocument document, const std::string& job,
                                           const std::string& state, const std::string& warnings) {
  OPALINE_TRY_DO(check(document));
  OPALINE_TRY(auto metadata, parse_metadata(document.document.metadata));
  DocumentRow& row = document.document;
  if (row.metadata.empty()) row.metadata = "{}";
  row.chunks = document.chunks.size();
  if (row.updated == 0) row.updated = now();
  if (row.created == 0) row.created = row.updated;
  if (row.id.empty()) row.id = base::random_hex(16);
  QuantisedRows vectors(document.chunks.empty() ? 0 : document.chunks.front().vector.size());
  for (ChunkRow& chunk : document.chunks) {
    normalise(chunk.vector);
    vectors.add(chunk.vector);
  }

  std::lock_guard lock(writer_mutex_);
  OPALINE_TRY(auto transaction, Transaction::begin(*writer_, Transaction::Kind::write));
  OPALINE_TRY(const auto old, document_table::find(*writer_, row.collection, row.source));
  if (old) {
    row.id = old->row.id;
    row.created = old->row.created;
  } else {
    OPALINE_TRY(const auto other, document_table::find(*writer_, row.id));
    if (other) {
      return base::fail(ErrorCode::already_exists,
                        "the document id '" + row.id + "' belongs to '" + other->row.source + "'");
    }
  }
  if (const auto found = index_.find(row.collection);
      found != index_.end() && !document.chunks.empty()) {
    const auto dimension = found->second.dimension_without(old ? old->number : 0);
    OPALINE_TRY_DO(check_dimension(vectors.dimension(), dimension.value_or(vectors.dimension())));
  }
  if (!job.empty()) {
    OPALINE_TRY_DO(job_table::end(*writer_, {.id = job,
                                             .document_id = row.id,
                                             .state = state,
                                             .done = row.chunks,
                                             .total = row.chunks,
                                             .warnings = warnings,
                                             .updated = now()}));
  }
  if (old) OPALINE_TRY_DO(document_table::remove_content(*writer_, *old));
  OPALINE_TRY(
      const auto stored,
      document_table::write(*writer_, document, old ? std::optional(old->number) : std::nullopt));
  return commit(std::move(transaction), [&] {
    index_.try_emplace(row.collection, graph_limits_)
        .first->second.put({stored.number, row.id, row.source, row.title, row.mime,
                            std::move(metadata), stored.chunks},
                           vectors);
  });
}

Result<std::uint64_t> SqliteStore::delete_documents(const std::vector<std::string>& ids) {
  std::lock_guard lock(writer_mutex_);
  OPALINE_TRY(auto transaction, Transaction::begin(*writer_, Transaction::Kind::write));
  std::vector<document_table::StoredDocument> gone;
  for (const auto& id : ids) {
    OPALINE_TRY(auto document, document_table::find(*writer_, id));
    if (!document) continue;
    OPALINE_TRY_DO(document_table::remove(*writer_, *document));
    gone.push_back(std::move(*document));
  }
  if (gone.empty()) return 0;
  OPALINE_TRY_DO(document_table::purge_keywords(*writer_));
  OPALINE_TRY_DO(commit(std::move(transaction), [&] {
    for (const auto& document : gone) {
      const auto collection = index_.find(document.row.collection);
      collection->second.erase(document.number);
      if (collection->second.empty()) index_.erase(collection);
    }
  }));
  if (auto purged = purge(); !purged) {
    // They are gone for every reader; their bytes stay in the log until the next checkpoint.
    base::log(base::LogLevel::warning, "store_purge_failed", {{"detail", purged.error().detail}});
  }
  return gone.size();
}

// Deleted pages are overwritten in the database, but their old content stands in the write-ahead
// log until that is empty.
Result<void> SqliteStore::purge() {
  const auto readers = readers_->take_all();
  OPALINE_TRY(auto checkpoint, writer_->prepare("PRAGMA wal_checkpoint(TRUNCATE)"));
  OPALINE_TRY(const bool row, checkpoint.next());
  OPALINE_ASSERT(row);
  if (checkpoint.integer(0) != 0)
    return base::fail(ErrorCode::unavailable, "the database is busy", "wal_checkpoint");
  return {};
}

// ---- Documents.

Result<std::optional<DocumentRow>> SqliteStore::find_document(const std::string& id) const {
  const auto reader = readers_->take();
  OPALINE_TRY(auto document, document_table::find(*reader, id));
  return document ? std::optional(std::move(document->row)) : std::nullopt;
}

Result<std::optional<DocumentRow>> SqliteStore::find_document(const std::string& collection,
                                                              const std::string& source) const {
  const auto reader = readers_->take();
  OPALINE_TRY(auto document, document_table::find(*reader, collection, source));
  return document ? std::optional(std::move(document->row)) : std::nullopt;
}

Result<std::string> SqliteStore::document_text(const std::string& id) const {
  const auto reader = readers_->take();
  OPALINE_TRY(auto transaction, Transaction::begin(*reader, Transaction::Kind::read));
  OPALINE_TRY(const auto document, document_table::find(*reader, id));
  if (!document) return base::fail(ErrorCode::not_found, "there is no document '" + id + "'");
  return document_table::text(*reader, document->number);
}

Result<std::vector<DocumentRow>> SqliteStore::list_documents(const std::string& collection,
                                                             const std::string& after,
                                                             std::size_t limit) const {
  const auto reader = readers_->take();
  return document_table::list(*reader, collection, after, limit);
}

Result<std::vector<std::string>> SqliteStore::collections() const {
  const auto reader = readers_->take();
  return document_table::collections(*reader);
}

// ---- Searches.

Result<SqliteStore::Snapshot> SqliteStore::snapshot() const {
  auto reader = readers_->take();
  for (;;) {
    OPALINE_TRY(auto transaction, Transaction::begin(*reader, Transaction::Kind::read));
    OPALINE_TRY(const auto stored, reader->number("SELECT version FROM state"));
    const auto version = static_cast<std::uint64_t>(stored);
    for (auto seen = version_.load(); seen < version; seen = version_.load()) version_.wait(seen);
    if (version_ == kUnknownVersion) return base::fail(unknown_version());
    std::shared_lock index(index_mutex_);
    if (version_ == version)
      return Snapshot{std::move(reader), std::move(transaction), std::move(index)};
  }
}

Result<const CollectionIndex*> SqliteStore::find_collection(const std::string& name) const {
  const auto found = index_.find(name);
  if (found == index_.end())
    return base::fail(ErrorCode::not_found, "there is no collection '" + name + "'");
  return &found->second;
}

Result<std::vector<ChunkScore>> SqliteStore::search_dense(std::span<const float> query,
                                                          std::size_t k,
                                                          const Filter& filter) const {
  OPALINE_TRY(const auto document_filter, DocumentFilter::parse(filter.metadata));
  OPALINE_TRY(const auto unit, unit_query(query));
  OPALINE_TRY(auto snapshot, this->snapshot());
  OPALINE_TRY(const auto* collection, find_collection(filter.collection));
  if (k == 0 || !collection->dimension()) return std::vector<ChunkScore>{};
  OPALINE_TRY_DO(check_dimension(unit.size(), *collection->dimension()));
  const auto count =
      std::max(kCandidatesMin, std::min(k, collection->chunks()) * kCandidatesPerHit);
  const auto candidates = collection->search(unit, count, collection->admitted(document_filter));
  snapshot.index.unlock();

  std::vector<ChunkScore> hits;
  hits.reserve(candidates.size());
  for (const auto& candidate : candidates) {
    OPALINE_TRY(const auto vector, document_table::vector(*snapshot.reader, candidate.id));
    if (vector.size() != unit.size())
      return damaged("the vector of chunk " + std::to_string(candidate.id) + " is missing");
    hits.push_back({candidate.id, dot_product(unit, vector)});
  }
  std::ranges::sort(hits, better);
  hits.resize(std::min(k, hits.size()));
  return hits;
}

Result<std::vector<ChunkScore>> SqliteStore::search_keyword(std::string_view query, std::size_t k,
                                                            const Filter& filter) const {
  OPALINE_TRY(const auto document_filter, DocumentFilter::parse(filter.metadata));
  OPALINE_TRY(auto snapshot, this->snapshot());
  OPALINE_TRY(const auto* collection, find_collection(filter.collection));
  IdSet admitted = collection->admitted(document_filter);
  snapshot.index.unlock();

  std::vector<ChunkScore> hits;
  OPALINE_TRY(const auto expression, snapshot.reader.keywords().expression(query));
  if (k == 0 || expression.empty() || admitted.empty()) return hits;
  Connection& connection = *snapshot.reader;
  OPALINE_TRY(auto statement,
              connection.query("SELECT rowid, bm25(chunk_fts, ?1, ?2, ?3) AS cost FROM chunk_fts "
                               "WHERE chunk_fts MATCH ?4 AND admitted(rowid, ?6) "
                               "ORDER BY cost, rowid LIMIT ?5",
                               kTitleWeight, kTitlePathWeight, kTextWeight, expression,
                               std::min<std::size_t>(k, INT64_MAX)));
  OPALINE_TRY_DO(statement.bind_pointer(6, &admitted, kIdSetPointer));
  connection.set_deadline(std::chrono::steady_clock::now() + kKeywordTime);
  Result<bool> row = true;
  while ((row = statement.next()) && *row)
    hits.push_back({statement.integer(0), -statement.real(1)});
  connection.set_deadline(std::chrono::steady_clock::time_point::max());
  if (!row) return base::fail(std::move(row).error());
  return hits;
}

Result<std::vector<double>> SqliteStore::cosines(std::span<const float> query,
                                                 std::span<const std::int64_t> ids) const {
  OPALINE_TRY(const auto unit, unit_query(query));
  const auto reader = readers_->take();
  OPALINE_TRY(auto transaction, Transaction::begin(*reader, Transaction::Kind::read));
  std::vector<double> scores;
  scores.reserve(ids.size());
  for (const auto id : ids) {
    OPALINE_TRY(const auto vector, document_table::vector(*reader, id));
    if (!vector.empty()) OPALINE_TRY_DO(check_dimension(unit.size(), vector.size()));
    scores.push_back(vector.empty() ? 0 : dot_product(unit, vector));
  }
  return scores;
}

Result<std::vector<ChunkRow>> SqliteStore::chunks(std::span<const std::int64_t> ids,
                                                  Vectors vectors) const {
  const auto reader = readers_->take();
  OPALINE_TRY(auto transaction, Transaction::begin(*reader, Transaction::Kind::read));
  std::vector<ChunkRow> rows;
  rows.reserve(ids.size());
  for (const auto id : ids) {
    OPALINE_TRY(auto chunk, document_table::chunk(*reader, id));
    if (!chunk) continue;
    if (vectors == Vectors::include) {
      OPALINE_TRY(chunk->vector, document_table::vector(*reader, id));
    }
    rows.push_back(std::move(*chunk));
  }
  return rows;
}

// ---- Jobs and blobs.

Result<std::string> SqliteStore::put_blob(std::string_view bytes) { return blobs_->put(bytes); }
Result<std::string> SqliteStore::blob(const std::string& key) const { return blobs_->get(key); }
fs::path SqliteStore::blob_path(const std::string& key) const { return blobs_->path(key); }

Result<void> SqliteStore::drop_unused_blobs() {
  return blobs_->retain([this]() -> Result<std::set<std::string>> {
    const auto reader = readers_->take();
    return job_table::blobs_needed(*reader);
  });
}

Result<void> SqliteStore::add_jobs(const std::vector<JobRow>& jobs) {
  std::vector<JobRow> rows = jobs;
  for (JobRow& job : rows) {
    if (job.created == 0) job.created = now();
    if (job.updated == 0) job.updated = job.created;
  }
  {
    std::lock_guard lock(writer_mutex_);
    OPALINE_TRY(auto transaction, Transaction::begin(*writer_, Transaction::Kind::write));
    OPALINE_TRY_DO(job_table::add(*writer_, rows));
    OPALINE_TRY_DO(transaction.commit());
  }
  for (const JobRow& job : rows) blobs_->release(job.blob);
  return {};
}

Result<void> SqliteStore::update_job(const JobRow& job) {
  JobRow row = job;
  row.updated = now();
  bool new_blob = false;
  {
    std::lock_guard lock(writer_mutex_);
    OPALINE_TRY(auto transaction, Transaction::begin(*writer_, Transaction::Kind::write));
    OPALINE_TRY(const auto old, job_table::find(*writer_, row.id));
    new_blob = old && old->blob != row.blob;
    OPALINE_TRY_DO(job_table::update(*writer_, row));
    OPALINE_TRY_DO(transaction.commit());
  }
  if (new_blob) blobs_->release(row.blob);
  return {};
}

Result<std::optional<JobRow>> SqliteStore::find_job(const std::string& id) const {
  const auto reader = readers_->take();
  return job_table::find(*reader, id);
}

Result<std::vector<JobRow>> SqliteStore::list_jobs(std::size_t limit, bool unfinished) const {
  const auto reader = readers_->take();
  return job_table::list(*reader, limit, unfinished);
}

Statistics SqliteStore::statistics() const {
  Statistics sums;
  {
    std::shared_lock lock(index_mutex_);
    for (const auto& [name, collection] : index_) {
      sums.documents += collection.documents();
      sums.chunks += collection.chunks();
      sums.graph_chunks += collection.graph_chunks();
      sums.vector_bytes += collection.vector_bytes();
    }
  }
  sums.disk_bytes = blobs_->bytes();
  for (const char* file : {"opaline.db", "opaline.db-wal"}) {
    std::error_code error;
    if (const auto size = fs::file_size(folder_ / file, error); !error) sums.disk_bytes += size;
  }
  return sums;
}

}  // namespace opaline::store
