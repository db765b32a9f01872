#include "store/reader_pool.hpp"

#include <utility>

namespace opaline::store {

base::Result<std::unique_ptr<ReaderPool>> ReaderPool::open(const std::filesystem::path& file,
                                                           std::size_t readers) {
  std::unique_ptr<ReaderPool> pool(new ReaderPool());
  for (std::size_t i = 0; i < readers; ++i) {
    auto reader = std::make_unique<Reader>();
    OPALINE_TRY(reader->connection, Connection::open(file, Connection::Mode::read));
    OPALINE_TRY(reader->keywords, KeywordQuery::create(*reader->connection));
    pool->free_.push_back(std::move(reader));
  }
  pool->size_ = readers;
  return pool;
}

ReaderPool::Loan ReaderPool::take() {
  std::unique_lock lock(mutex_);
  returned_.wait(lock, [this] { return !free_.empty() && !draining_; });
  auto reader = std::move(free_.back());
  free_.pop_back();
  return {*this, std::move(reader)};
}

std::vector<ReaderPool::Loan> ReaderPool::take_all() {
  std::vector<Loan> loans;
  std::unique_lock lock(mutex_);
  draining_ = true;
  returned_.wait(lock, [this] { return free_.size() == size_; });
  draining_ = false;
  for (auto& reader : free_) loans.emplace_back(*this, std::move(reader));
  free_.clear();
  return loans;
}

ReaderPool::Loan::~Loan() {
  if (!reader_) return;
  {
    std::lock_guard lock(pool_->mutex_);
    pool_->free_.push_back(std::move(reader_));
  }
  pool_->returned_.notify_all();
}

}  // namespace opaline::store
