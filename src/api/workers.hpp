#pragma once

#include <cstddef>
#include <mutex>
#include <optional>

#include "base/worker_pool.hpp"

namespace opaline::api {

/// The worker threads of an application's service or flow, started when first used. Any thread.
class Workers {
 public:
  [[nodiscard]] base::WorkerPool& pool() {
    std::call_once(once_, [this] { pool_.emplace(kThreads); });
    return *pool_;
  }

 private:
  static constexpr std::size_t kThreads = 4;

  std::once_flag once_;
  std::optional<base::WorkerPool> pool_;
};

}  // namespace opaline::api
