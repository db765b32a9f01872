#pragma once

#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "store/database.hpp"
#include "store/keyword_query.hpp"

namespace opaline::store {

/// A connection that only reads, with what searches need beside it.
struct Reader {
  std::unique_ptr<Connection> connection;
  std::unique_ptr<KeywordQuery> keywords;
};

/// A few readers that threads take turns with. Any thread.
class ReaderPool {
 public:
  static base::Result<std::unique_ptr<ReaderPool>> open(const std::filesystem::path& file,
                                                        std::size_t readers);

  /// A reader on loan, back when this dies.
  class Loan {
   public:
    Loan(ReaderPool& pool, std::unique_ptr<Reader> reader)
        : pool_(&pool), reader_(std::move(reader)) {}
    Loan(Loan&&) noexcept = default;
    Loan& operator=(Loan&&) = delete;
    ~Loan();
    Connection& operator*() const { return *reader_->connection; }
    Connection* operator->() const { return reader_->connection.get(); }
    [[nodiscard]] KeywordQuery& keywords() const { return *reader_->keywords; }

   private:
    ReaderPool* pool_;
    std::unique_ptr<Reader> reader_;
  };
  /// Waits until one is free.
  Loan take();
  /// Waits until all are; nobody reads while the caller has them. One caller at a time.
  std::vector<Loan> take_all();

 private:
  ReaderPool() = default;

  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Reader>> free_;
  std::size_t size_ = 0;
  bool draining_ = false;  // take_all() goes before take().
};

}  // namespace opaline::store
