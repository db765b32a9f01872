#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>

#include "base/event.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "contract/chat.hpp"

namespace opaline::gateway {

/// Pulls an answer while its reader waits with a time limit: pulling cannot be broken off and taken
/// up again, waiting can. Lives on one event loop. Held by shared_ptr: its owners are the reader
/// and the pulling task, which outlives the reader until the answer notices its cancellation.
class AnswerPump : public std::enable_shared_from_this<AnswerPump> {
 public:
  using Clock = std::chrono::steady_clock;
  using Item = base::Result<contract::ChatDelta>;

  static constexpr std::size_t kAhead =
      64;  ///< Pieces held for a slow reader before pulling pauses.

  /// @param lease kept until the answer is gone, see Context.
  [[nodiscard]] static std::shared_ptr<AnswerPump> start(
      boost::asio::any_io_executor executor, std::unique_ptr<contract::ChatStream> answer,
      std::shared_ptr<const void> lease);

  /// Waits until there is something to take, at most until `deadline`. @return whether there is.
  base::Task<bool> wait(Clock::time_point deadline);
  [[nodiscard]] std::optional<Item> take();
  /// The next item, not taken; null when there is none.
  [[nodiscard]] const Item* peek() const { return items_.empty() ? nullptr : &items_.front(); }
  /// The reader is gone.
  void stop();

 private:
  AnswerPump(boost::asio::any_io_executor executor, std::unique_ptr<contract::ChatStream> answer,
             std::shared_ptr<const void> lease);
  static base::Task<> pull(std::shared_ptr<AnswerPump> self);
  void put(Item item);

  std::shared_ptr<const void> lease_;  // Shared with the request. Goes last.
  std::unique_ptr<contract::ChatStream> answer_;
  std::deque<Item> items_;
  base::Event arrived_;
  base::Event taken_;
  bool stopped_ = false;
};

}  // namespace opaline::gateway
