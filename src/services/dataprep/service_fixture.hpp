#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/event.hpp"
#include "contract/service.hpp"
#include "http/client.hpp"
#include "services/dataprep/dataprep_service.hpp"
#include "store/store.hpp"

/// A dataprep service over a real store, with an embedding service that tests steer. For tests of
/// this folder only.
namespace opaline::services::dataprep {

using namespace std::chrono_literals;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "opaline-dataprep-XXXXXX").string();
    OPALINE_ASSERT(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Vectors that depend on the text only. Any thread.
class ScriptedEmbedding final : public contract::Service {
 public:
  std::atomic<int> fail_next = 0;  ///< So many calls fail, first.
  base::Error failure{base::ErrorCode::unavailable, "the embedding model is starting", ""};
  /// While it is set, texts that contain it wait.
  void hold(std::string word) {
    std::lock_guard lock(mutex_);
    held_ = std::move(word);
  }
  void release() { hold(""); }

  std::atomic<int> calls = 0;
  std::atomic<int> texts = 0;
  std::atomic<int> waiting = 0;
  std::atomic<bool> all_bulk = true;

  [[nodiscard]] contract::ServiceKind kind() const override {
    return contract::ServiceKind::embedding;
  }
  [[nodiscard]] contract::Health health() const override { return {}; }

  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override {
    ++calls;
    auto wanted = std::get<contract::EmbeddingRequest>(std::move(request));
    if (wanted.priority != contract::EmbeddingRequest::Priority::bulk) all_bulk = false;
    ++waiting;
    while (is_held(wanted.texts) && !context.cancelled())
      co_await base::sleep_for(1ms, context.cancellation);
    --waiting;
    if (context.cancelled()) co_return base::fail(base::ErrorCode::cancelled, "the caller left");
    if (fail_next > 0) {
      --fail_next;
      co_return base::fail(failure);
    }
    texts += static_cast<int>(wanted.texts.size());
    contract::EmbeddingReply reply;
    for (const std::string& text : wanted.texts) reply.vectors.push_back(vector_of(text));
    co_return contract::Reply(std::move(reply));
  }

  static std::vector<float> vector_of(std::string_view text) {
    std::vector<float> vector(8, 0.0F);
    vector[std::hash<std::string_view>()(text) % 8] = 1.0F;
    return vector;
  }

 private:
  bool is_held(const std::vector<std::string>& wanted) const {
    std::lock_guard lock(mutex_);
    if (held_.empty()) return false;
    for (const std::string& text : wanted) {
      if (text.contains(held_)) return true;
    }
    return false;
  }

  mutable std::mutex mutex_;
  std::string held_;
};

/// Runs a task to its end on a loop of its own; a test that lasts a minute has failed.
template <class T>
T run_task(base::Task<T> task) {
  base::EventLoop loop(1);
  std::optional<T> result;
  boost::asio::co_spawn(loop, std::move(task), [&](const std::exception_ptr& thrown, T value) {
    if (thrown) std::rethrow_exception(thrown);
    result.emplace(std::move(value));
  });
  loop.run_for(60s);
  OPALINE_ASSERT(result.has_value());
  return std::move(*result);
}

inline void run_task(base::Task<> task) {
  base::EventLoop loop(1);
  bool ended = false;
  boost::asio::co_spawn(loop, std::move(task), [&](const std::exception_ptr&) { ended = true; });
  loop.run_for(60s);
  OPALINE_ASSERT(ended);
}

inline DataprepSettings test_settings() {
  DataprepSettings settings;
  settings.parser.command = {"/proc/self/exe", "child-parse"};
  settings.retry_first = 1ms;
  settings.retry_longest = 4ms;
  settings.embedding_texts = 4;
  return settings;
}

/// Everything a dataprep service needs, torn down in order.
class Workplace {
 public:
  explicit Workplace(const std::filesystem::path& folder,
                     DataprepSettings settings = test_settings(), store::Store* instead = nullptr) {
    if (instead == nullptr) {
      auto opened = store::Store::open(folder);
      OPALINE_ASSERT(opened.has_value());
      store_ = std::move(*opened);
    }
    store::Store& used = instead == nullptr ? *store_ : *instead;
    auto created =
        DataprepService::create(std::move(settings), {used, embedding, client_, pool_, metrics});
    OPALINE_ASSERT(created.has_value());
    service_ = std::move(*created);
  }
  ~Workplace() { close(); }

  void close() {
    if (!service_) return;
    run_task(service_->close());
    service_.reset();
  }

  template <class T>
  base::Result<T> ask(contract::DataprepRequest request) {
    auto reply = run_task(service_->call(contract::Request(std::move(request)), {}));
    if (!reply) return base::fail(std::move(reply).error());
    return std::get<T>(std::get<contract::DataprepReply>(std::move(*reply)));
  }

  base::Result<std::vector<contract::Job>> ingest(contract::IngestRequest request) {
    auto reply = ask<contract::IngestReply>(std::move(request));
    if (!reply) return base::fail(std::move(reply).error());
    return std::move(reply->jobs);
  }

  std::vector<contract::Job> wait(const std::vector<contract::Job>& jobs) {
    std::vector<std::string> ids;
    for (const contract::Job& job : jobs) ids.push_back(job.id);
    auto ended = run_task(service_->wait(ids, {}));
    EXPECT_TRUE(ended.has_value()) << ended.error().message;
    return ended ? std::move(*ended) : std::vector<contract::Job>{};
  }

  /// Ingests one file and waits for its end.
  contract::Job file(const std::string& source, const std::string& bytes,
                     contract::IngestRequest options = {}) {
    options.files = {{.source = source, .bytes = bytes}};
    auto jobs = ingest(std::move(options));
    EXPECT_TRUE(jobs.has_value()) << jobs.error().message;
    if (!jobs) return {};
    return wait(*jobs).at(0);
  }

  std::vector<contract::Document> documents() {
    return ask<contract::ListDocumentsReply>(contract::ListDocumentsRequest{})->documents;
  }
  contract::Job job(const std::string& id) {
    return ask<contract::JobReply>(contract::JobRequest{.id = id})->job;
  }
  [[nodiscard]] store::Store& store() { return *store_; }
  [[nodiscard]] DataprepService& service() { return *service_; }

  /// Bytes files that the store still keeps.
  static std::size_t blobs(const std::filesystem::path& folder) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder / "blobs"))
      count += entry.is_regular_file() ? 1 : 0;
    return count;
  }

  base::MetricRegistry metrics;
  ScriptedEmbedding embedding;

 private:
  std::unique_ptr<store::Store> store_;
  http::Client client_;
  base::WorkerPool pool_{2};
  std::unique_ptr<DataprepService> service_;
};

/// Spins until `condition` holds; a test that lasts a minute has failed.
template <class F>
void wait_until(F condition) {
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    OPALINE_ASSERT(std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(1ms);
  }
}

}  // namespace opaline::services::dataprep
