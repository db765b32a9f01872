#include "store/graph_builder.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <memory>

#include "base/log.hpp"

namespace opaline::store {

namespace {

// A tenth of a busy core. Not less: it would hold the lock for too long without running.
constexpr int kNice = 10;

}  // namespace

GraphBuilder::GraphBuilder(std::shared_mutex& mutex, Collections& collections)
    : collections_mutex_(mutex),
      collections_(collections),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void GraphBuilder::wake() {
  {
    std::lock_guard lock(mutex_);
    awake_ = true;
  }
  woken_.notify_one();
}

void GraphBuilder::run(const std::stop_token& stop) {
  static_cast<void>(::setpriority(PRIO_PROCESS, 0, kNice));  // Of this thread alone, on Linux.
  while (!stop.stop_requested()) {
    if (build_some()) continue;
    std::unique_lock lock(mutex_);
    woken_.wait(lock, stop, [this] { return awake_; });
    awake_ = false;
  }
}

// Returns false if no collection wants a graph.
bool GraphBuilder::build_some() {
  std::string name;
  {
    std::shared_lock lock(collections_mutex_);
    const auto wanting = std::ranges::find_if(
        collections_, [](const auto& collection) { return collection.second.wants_graph(); });
    if (wanting == collections_.end()) return false;
    if (!wanting->second.build_graph()) return true;
    name = wanting->first;
  }
  std::unique_ptr<GraphIndex> replaced;  // Freed without the lock: that takes a while.
  std::size_t chunks = 0;
  {
    std::unique_lock lock(collections_mutex_);
    const auto collection = collections_.find(name);
    if (collection == collections_.end()) return true;
    replaced = collection->second.put_graph();
    chunks = collection->second.graph_chunks();
  }
  base::log(base::LogLevel::info, "graph_ready", {{"collection", name}, {"chunks", chunks}});
  return true;
}

}  // namespace opaline::store
