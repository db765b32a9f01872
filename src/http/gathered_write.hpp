#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <string_view>

namespace opaline::http {

/// Up to three pieces of memory on their way into a socket, in one system call when it takes them.
/// The pieces are borrowed until they are sent.
class GatheredWrite {
 public:
  enum class Sent {
    all,
    some,          ///< The socket is full: try again when it is writable.
    nothing_more,  ///< The connection is broken.
  };

  void set(std::array<std::string_view, 3> pieces);
  /// Sends what is left to a stream socket, never blocking.
  [[nodiscard]] Sent send_to(int socket);
  [[nodiscard]] std::size_t unsent() const;

 private:
  std::array<iovec, 3> pieces_{};
};

}  // namespace opaline::http
