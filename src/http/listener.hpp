#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace opaline::http {

/// A socket that is bound and listens; closed when dropped. A Unix socket's path is removed with
/// it.
class Listener {
 public:
  Listener(int descriptor, std::string unix_path);
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// Gives the descriptor away; the path is still ours to remove.
  [[nodiscard]] int release();
  /// The TCP port, 0 for a Unix socket.
  [[nodiscard]] std::uint16_t port() const;

  /// `count` sockets on one address, among which the kernel spreads connections.
  /// @error failed_precondition: the port is taken, or the address is not ours.
  [[nodiscard]] static base::Result<std::vector<Listener>> open_tcp(const std::string& host,
                                                                    std::uint16_t port,
                                                                    std::size_t count);
  /// @error failed_precondition: another server answers on the path, or it cannot be written.
  [[nodiscard]] static base::Result<Listener> open_unix(const std::string& path);

 private:
  int descriptor_;
  std::string unix_path_;
};

/// "127.0.0.1:41234", "[::1]:41234" or "unix": the other end of a connected socket.
[[nodiscard]] std::string peer_name(int descriptor);

}  // namespace opaline::http
