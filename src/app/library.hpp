#pragma once

#include <filesystem>
#include <memory>

#include "base/metric.hpp"
#include "base/result.hpp"
#include "base/worker_pool.hpp"
#include "contract/service.hpp"
#include "http/client.hpp"
#include "store/store.hpp"

namespace opaline::services {
class RetrievalService;
}
namespace opaline::services::dataprep {
class DataprepService;
}

namespace opaline::app {

/// The documents of one data folder: the store, ingestion into it and retrieval from it.
class Library {
 public:
  struct Settings {
    std::filesystem::path data;
    bool private_links = false;
  };

  /// `embedding`, `client` and `metrics` must outlive it. @error of Store::open; unfinished jobs
  /// resume.
  [[nodiscard]] static base::Result<std::unique_ptr<Library>> create(const Settings& settings,
                                                                     contract::Service& embedding,
                                                                     http::Client& client,
                                                                     base::MetricRegistry& metrics);
  ~Library();
  /// Ends ingestion; what is not finished resumes after the next start. Idempotent.
  void stop();

  [[nodiscard]] contract::Service& retrieval() const;
  [[nodiscard]] contract::Service& dataprep() const;
  [[nodiscard]] store::Statistics statistics() const { return store_->statistics(); }

 private:
  Library();

  base::WorkerPool pool_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<services::RetrievalService> retrieval_;
  std::unique_ptr<services::dataprep::DataprepService> dataprep_;
  bool stopped_ = false;
};

}  // namespace opaline::app
