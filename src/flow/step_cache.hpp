#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "contract/service.hpp"

namespace opaline::flow {

/// Remembers what a service that takes JSON answered, for a while: the same tenant's same JSON gets
/// the same answer. Good answers only; streams and bytes are not kept. The answers used longest ago
/// go first. Any thread; the service must outlive it and its streams.
class StepCache final : public contract::Service {
 public:
  using Clock = base::Clock;

  struct Settings {
    Clock::duration keep;   ///< How long an answer holds.
    std::size_t bytes_max;  ///< Of questions and answers as JSON text.
    /// The service generates: what an answer has as `usage` is told as 0 when it is given again.
    bool generates = false;
    std::function<Clock::time_point()> now = &Clock::now;
  };

  /// @param service of the kind `custom`.
  StepCache(contract::Service& service, Settings settings);

  [[nodiscard]] contract::ServiceKind kind() const override { return service_.kind(); }
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  [[nodiscard]] contract::Health health() const override { return service_.health(); }

  [[nodiscard]] std::size_t bytes() const;  ///< Now held.

 private:
  struct Entry {
    std::string key;
    boost::json::value answer;
    std::size_t bytes;
    Clock::time_point until;
  };

  std::optional<boost::json::value> find(const std::string& key);
  void keep(std::string key, boost::json::value answer);
  void drop(std::list<Entry>::iterator entry);

  contract::Service& service_;
  const Settings settings_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // Used last first.
  std::unordered_map<std::string_view, std::list<Entry>::iterator>
      places_;  // Keys lie in entries_.
  std::size_t bytes_ = 0;
};

}  // namespace opaline::flow
