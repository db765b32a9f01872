#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace opaline::python {

class PieceQueue;
struct RunReply;

/// A whole reply, of any status.
struct WholeReply {
  unsigned status = 0;
  std::string content_type;
  std::string body;
  /// The body, read as JSON off the interpreter's thread; nothing when it is none.
  std::optional<boost::json::value> json;
};

/// A reply whose body is read as it comes; its status is 2xx.
struct OpenReply {
  std::string content_type;
  std::shared_ptr<PieceQueue> pieces;
};

/// A stream has something to take, or has ended.
struct StreamReady {};

using Letter =
    std::variant<WholeReply, OpenReply, StreamReady, std::shared_ptr<RunReply>, base::Error>;

/// What the engine's thread tells the thread of one asyncio loop: letters in a queue, and a file
/// descriptor that the loop watches. So the engine never waits for the interpreter's lock, and a
/// busy interpreter delays only itself. Owned jointly by the loop's side and by what is under way.
class Mailbox {
 public:
  Mailbox();
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// Readable while there are letters.
  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// Any thread. @param to whom the loop's side knows under that number.
  void post(std::uint64_t to, Letter letter);
  /// The loop's thread: all letters so far.
  [[nodiscard]] std::vector<std::pair<std::uint64_t, Letter>> take();

 private:
  int descriptor_;
  std::mutex mutex_;
  std::vector<std::pair<std::uint64_t, Letter>> letters_;
};

}  // namespace opaline::python
