#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/blob_folder.hpp"
#include "store/collection_index.hpp"
#include "store/database.hpp"
#include "store/document_table.hpp"
#include "store/folder_lock.hpp"
#include "store/graph_builder.hpp"
#include "store/reader_pool.hpp"
#include "store/store.hpp"

namespace opaline::store {

/// The Store on SQLite and an index in memory.
///
/// A change, under writer_mutex_:                     A search:
///   1. one transaction, which also raises `state`      1. begin a read transaction, read `state`
///   2. COMMIT                                          2. lock index_mutex_ shared; the index must
///   be of the same version:
///   3. lock index_mutex_, change the index,               older: wait for step 3 of the change;
///   newer: begin again
///      set version_ to the one of the transaction      3. scan the index, unlock, read the rest in
///      the transaction
///
/// Hence a search sees one version in memory and on disk, waits for no disk write, and cannot keep
/// a change waiting longer than one scan. Lock order: writer_mutex_, a reader of the pool,
/// index_mutex_. The graphs of large collections are built beside it, see GraphBuilder.
class SqliteStore final : public Store {
 public:
  static base::Result<std::unique_ptr<SqliteStore>> open(const std::filesystem::path& path,
                                                         GraphLimits limits = {});

  base::Result<void> replace_document(PreparedDocument document, const std::string& job,
                                      const std::string& state,
                                      const std::string& warnings) override;
  base::Result<std::optional<DocumentRow>> find_document(const std::string& id) const override;
  base::Result<std::optional<DocumentRow>> find_document(const std::string& collection,
                                                         const std::string& source) const override;
  base::Result<std::string> document_text(const std::string& id) const override;
  base::Result<std::vector<DocumentRow>> list_documents(const std::string& collection,
                                                        const std::string& after,
                                                        std::size_t limit) const override;
  base::Result<std::uint64_t> delete_documents(const std::vector<std::string>& ids) override;
  base::Result<std::vector<std::string>> collections() const override;

  base::Result<std::vector<ChunkScore>> search_dense(std::span<const float> query, std::size_t k,
                                                     const Filter& filter) const override;
  base::Result<std::vector<ChunkScore>> search_keyword(std::string_view query, std::size_t k,
                                                       const Filter& filter) const override;
  base::Result<std::vector<double>> cosines(std::span<const float> query,
                                            std::span<const std::int64_t> ids) const override;
  base::Result<std::vector<ChunkRow>> chunks(std::span<const std::int64_t> ids,
                                             Vectors vectors) const override;
  [[nodiscard]] std::uint64_t version() const override { return version_.load(); }

  base::Result<std::string> put_blob(std::string_view bytes) override;
  base::Result<std::string> blob(const std::string& key) const override;
  [[nodiscard]] std::filesystem::path blob_path(const std::string& key) const override;
  base::Result<void> drop_unused_blobs() override;

  base::Result<void> add_jobs(const std::vector<JobRow>& jobs) override;
  base::Result<void> update_job(const JobRow& job) override;
  base::Result<std::optional<JobRow>> find_job(const std::string& id) const override;
  base::Result<std::vector<JobRow>> list_jobs(std::size_t limit, bool unfinished) const override;

  [[nodiscard]] Statistics statistics() const override;

 private:
  /// A read transaction and the index, both of one version.
  struct Snapshot {
    ReaderPool::Loan reader;
    Transaction transaction;
    std::shared_lock<std::shared_mutex> index;
  };
  /// A change as the index will take it after the commit.
  struct Change;

  SqliteStore(std::filesystem::path folder, GraphLimits limits)
      : folder_(std::move(folder)), graph_limits_(limits) {}
  base::Result<void> load_index();
  base::Result<void> check(const PreparedDocument& document) const;
  /// Commits what `transaction` holds, with a new version, and then lets `apply` change the index.
  template <class F>
  base::Result<void> commit(Transaction transaction, F apply);
  base::Result<void> purge();
  base::Result<Snapshot> snapshot() const;
  /// @error not_found.
  base::Result<const CollectionIndex*> find_collection(const std::string& name) const;

  // Destroyed from the last up: readers before the writer, so that it is the writer that makes the
  // last checkpoint, and the lock of the folder at the very end.
  std::filesystem::path folder_;
  GraphLimits graph_limits_;
  std::unique_ptr<FolderLock> lock_;
  std::unique_ptr<BlobFolder> blobs_;
  mutable std::mutex writer_mutex_;
  std::unique_ptr<Connection> writer_;
  std::unique_ptr<ReaderPool> readers_;
  mutable std::shared_mutex index_mutex_;
  GraphBuilder::Collections index_;
  std::optional<GraphBuilder> graph_builder_;
  std::atomic<std::uint64_t> version_ = 0;
};

}  // namespace opaline::store
