#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace opaline::store {

/// A half-open byte range of a document's text.
struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// A passage as it is indexed. `text` is the document's text at `range`; `title_path` is put before
/// it in both indexes.
struct ChunkRow {
  std::int64_t id = 0;  ///< Given by the store.
  std::string document_id;
  std::uint32_t ordinal = 0;  ///< Place in the document, from 0.
  std::string title_path;     ///< Headings above it, joined by " > ".
  std::string text;
  ByteRange range;
  std::optional<int> page;    ///< 1-based.
  std::vector<float> vector;  ///< Unit length; empty when read back without asking for it.
};

struct DocumentRow {
  std::string id;  ///< Stable for (collection, source).
  std::string collection;
  std::string source;
  std::string title;
  std::string mime;
  std::string sha256;  ///< Of the original bytes.
  std::uint64_t bytes = 0;
  std::uint64_t chunks = 0;
  double created = 0;  ///< Unix seconds.
  double updated = 0;
  std::string metadata;  ///< A JSON object.
};

/// A document ready to be searched: what replace_document() makes visible in one step.
struct PreparedDocument {
  DocumentRow document;
  std::string text;              ///< UTF-8; chunk ranges refer to it.
  std::vector<ChunkRow> chunks;  ///< Each with its vector, all of one dimension.
};

/// A job as stored; the states are contract::JobState by name.
struct JobRow {
  std::string id;
  std::string document_id;
  std::string collection;
  std::string source;
  std::string state = "queued";
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  int attempts = 0;
  std::string error;
  std::string warnings;  ///< A JSON array of strings.
  std::string options;   ///< A JSON object: metadata, chunk size, claimed MIME type, link …
  std::string blob;  ///< Key of the original bytes (see put_blob), "" for a link not yet fetched.
  double created = 0;
  double updated = 0;
};

/// Which documents a search may see.
struct Filter {
  std::string collection;
  /// A boolean expression over document metadata, Mongo style, as a JSON object; "" or "{}": all.
  /// Operators: $eq $ne $gt $gte $lt $lte $in $nin $exists $contains $and $or $not; the built-in
  /// fields source, title, mime and document_id too.
  std::string metadata;
};

struct ChunkScore {
  std::int64_t id = 0;
  double score = 0;  ///< dense: cosine; keyword: BM25, positive, higher is better.
};

struct Statistics {
  std::uint64_t documents = 0;
  std::uint64_t chunks = 0;
  std::uint64_t graph_chunks = 0;  ///< Those of them that a graph finds; the others are scanned.
  std::uint64_t vector_bytes = 0;  ///< In memory, the graphs included.
  std::uint64_t disk_bytes = 0;
};

/// Documents, their passages, keyword index, vectors and jobs: one folder, one SQLite database
/// (WAL), one writer.
///
/// The rule it keeps: what is searchable is exactly what is committed. A document's rows, its
/// keyword postings and its vectors are written in one transaction; the vector index in memory
/// follows the commit. After a crash at any point a document is there in its old version or its new
/// one, never half or twice.
///
/// Every function blocks (disk); call from a worker thread. All are safe to call from several
/// threads: reads run in parallel, writes one after another. Errors of all: resource_exhausted when
/// the disk is full, failed_precondition when the folder became read-only, unavailable for other
/// I/O faults, internal for a damaged database (detail says what).
class Store {
 public:
  /// Opens or makes the folder. Brings the schema up to date, removes leftovers of a crash, loads
  /// the vectors.
  /// @error failed_precondition: another process has it open (names its pid), it is read-only, or
  /// its schema is newer than this program; invalid_argument: not a folder.
  [[nodiscard]] static base::Result<std::unique_ptr<Store>> open(
      const std::filesystem::path& folder);
  virtual ~Store() = default;

  // Documents.

  /// Puts the document in place of the one with the same (collection, source), or adds it, and
  /// marks `job` (may be "") as ended in `state` in the same transaction. An existing document
  /// keeps its id and its creation time. Times of 0 are now; an empty id is made up; the chunks'
  /// ids are the store's to give.
  /// @error failed_precondition: the vectors' dimension is not the collection's (both are named);
  /// cancelled: the job was cancelled meanwhile; not_found: there is no such job; already_exists:
  /// another source has the id; invalid_argument: metadata that is no JSON object, or a chunk that
  /// is not the text at its range. Nothing is changed then.
  virtual base::Result<void> replace_document(PreparedDocument document, const std::string& job,
                                              const std::string& state,
                                              const std::string& warnings) = 0;
  virtual base::Result<std::optional<DocumentRow>> find_document(const std::string& id) const = 0;
  virtual base::Result<std::optional<DocumentRow>> find_document(
      const std::string& collection, const std::string& source) const = 0;
  virtual base::Result<std::string> document_text(const std::string& id) const = 0;
  /// By id, ascending, after `after`; `collection` empty: of all.
  virtual base::Result<std::vector<DocumentRow>> list_documents(const std::string& collection,
                                                                const std::string& after,
                                                                std::size_t limit) const = 0;
  /// Gone from tables, keyword index, vectors and disk pages when it returns. A collection goes
  /// with its last document. It rewrites the keyword index: give many ids at once. @return how many
  /// documents there were.
  virtual base::Result<std::uint64_t> delete_documents(const std::vector<std::string>& ids) = 0;
  virtual base::Result<std::vector<std::string>> collections() const = 0;

  // Search. A collection that does not exist is not_found; a filter that is wrong is
  // invalid_argument and says where. Each search sees one version of all documents, in the index
  // and on disk.

  /// The k nearest by cosine among those that `filter` admits; scores are exact. `query` is
  /// normalised here.
  /// @error failed_precondition: the query's dimension is not the collection's.
  virtual base::Result<std::vector<ChunkScore>> search_dense(std::span<const float> query,
                                                             std::size_t k,
                                                             const Filter& filter) const = 0;
  /// The k best by BM25 for any of the words of `query` (free text: nothing in it is syntax). None
  /// for no known word.
  /// @error deadline_exceeded: it took longer than two seconds.
  virtual base::Result<std::vector<ChunkScore>> search_keyword(std::string_view query,
                                                               std::size_t k,
                                                               const Filter& filter) const = 0;
  /// Cosine of `query` with each of these chunks, in order; 0 for ids that are gone.
  virtual base::Result<std::vector<double>> cosines(std::span<const float> query,
                                                    std::span<const std::int64_t> ids) const = 0;
  /// The chunks with these ids, in order; ids that are gone are left out. `with_vectors`: fill
  /// ChunkRow::vector.
  enum class Vectors { leave_out, include };
  virtual base::Result<std::vector<ChunkRow>> chunks(std::span<const std::int64_t> ids,
                                                     Vectors vectors) const = 0;
  /// Rises with every change of any document: what a cached answer is bound to.
  [[nodiscard]] virtual std::uint64_t version() const = 0;

  // Jobs and the bytes they wait for.

  /// Keeps bytes until they are dropped; durable when it returns. They are safe until a job names
  /// them, or the store is opened again. @return their key (SHA-256). Same bytes, same key.
  virtual base::Result<std::string> put_blob(std::string_view bytes) = 0;
  /// @error not_found; internal: the bytes on disk are not those that were put.
  virtual base::Result<std::string> blob(const std::string& key) const = 0;
  [[nodiscard]] virtual std::filesystem::path blob_path(const std::string& key) const = 0;
  /// Removes blobs that no job names but those that ended well: failed and cancelled ones may be
  /// tried again.
  virtual base::Result<void> drop_unused_blobs() = 0;

  /// Adds jobs, all or none; durable when it returns. @error already_exists: a job with such an id;
  /// resource_exhausted: more than limits::kQueuedJobs would wait.
  virtual base::Result<void> add_jobs(const std::vector<JobRow>& jobs) = 0;
  /// Overwrites the row of `job.id`, unless it is in a final state already and `job.state` is not
  /// "queued". The time of creation stays; `updated` is now. @error not_found.
  virtual base::Result<void> update_job(const JobRow& job) = 0;
  virtual base::Result<std::optional<JobRow>> find_job(const std::string& id) const = 0;
  /// Newest first. `unfinished`: only those not in a final state, oldest first.
  virtual base::Result<std::vector<JobRow>> list_jobs(std::size_t limit, bool unfinished) const = 0;

  [[nodiscard]] virtual Statistics statistics() const = 0;
};

}  // namespace opaline::store
