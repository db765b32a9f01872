#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "store/collection_index.hpp"

namespace opaline::store {

/// Builds the graphs of large collections on a thread of low priority. It takes the lock of the
/// collections for about a millisecond at a time: shared to read rows and to link them into a graph
/// that nobody else sees yet, alone to put it in place. Its destructor waits no longer than that.
class GraphBuilder {
 public:
  using Collections = std::map<std::string, CollectionIndex, std::less<>>;

  /// `mutex` guards `collections`; both outlive it.
  GraphBuilder(std::shared_mutex& mutex, Collections& collections);
  GraphBuilder(const GraphBuilder&) = delete;
  GraphBuilder& operator=(const GraphBuilder&) = delete;

  /// To be called after each change of a collection, from any thread.
  void wake();

 private:
  void run(const std::stop_token& stop);
  bool build_some();

  std::shared_mutex& collections_mutex_;
  Collections& collections_;
  std::mutex mutex_;
  std::condition_variable_any woken_;
  bool awake_ = true;
  std::jthread thread_;
};

}  // namespace opaline::store
