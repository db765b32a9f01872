#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/task.hpp"

/// What the tests of this room talk to servers and clients with: plain blocking sockets that send
/// exactly the bytes given.
namespace opaline::http::test {

/// Reads and tasks give up after this; no passing test comes near it, unless the machine is very
/// busy.
inline constexpr int kPatienceSeconds = 30;

/// One end of a connection.
class Peer {
 public:
  explicit Peer(int descriptor) : descriptor_(descriptor) {
    const timeval patience{kPatienceSeconds, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const int on = 1;
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  Peer(Peer&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), input_(std::move(other.input_)) {}
  Peer& operator=(Peer&&) = delete;
  ~Peer() { close(); }

  static Peer connect(std::uint16_t port, int receive_buffer_bytes = 0) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer_bytes > 0) {
      ::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                   sizeof receive_buffer_bytes);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
        << std::strerror(errno);
    return Peer(descriptor);
  }

  static Peer connect_unix(const std::string& path) {
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
        << std::strerror(errno);
    return Peer(descriptor);
  }

  /// False when the other side has gone.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// Everything up to and with `mark`, which must come.
  std::string read_until(std::string_view mark) {
    while (input_.find(mark) == input_.npos) {
      if (!receive()) {
        ADD_FAILURE() << "the connection ended, or nothing came, before '" << mark
                      << "'; came: " << input_;
        return std::exchange(input_, {});
      }
    }
    const auto end = input_.find(mark) + mark.size();
    std::string taken = input_.substr(0, end);
    input_.erase(0, end);
    return taken;
  }

  std::string read_bytes(std::size_t bytes) {
    while (input_.size() < bytes && receive()) {
    }
    EXPECT_GE(input_.size(), bytes);
    std::string taken = input_.substr(0, bytes);
    input_.erase(0, taken.size());
    return taken;
  }

  /// A whole reply with a Content-Length: its head and body.
  std::pair<std::string, std::string> read_reply() {
    std::string head = read_until("\r\n\r\n");
    const auto length = head.find("Content-Length: ");
    if (length == head.npos) return {head, {}};
    return {head, read_bytes(std::stoul(head.substr(length + 16)))};
  }

  /// All that comes until the other side closes; fails the test when it does not.
  std::string read_to_end() {
    while (receive()) {
    }
    EXPECT_TRUE(ended_) << "the other side did not close";
    return std::exchange(input_, {});
  }

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] bool readable(std::chrono::milliseconds within) const {
    pollfd poll{descriptor_, POLLIN, 0};
    return ::poll(&poll, 1, static_cast<int>(within.count())) > 0;
  }

  void shut_sending() const { ::shutdown(descriptor_, SHUT_WR); }
  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  /// Closes so that the other side gets a reset.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }

 private:
  bool receive() {
    char bytes[16384];
    const ssize_t got = ::recv(descriptor_, bytes, sizeof bytes, 0);
    // A reset ends a connection, too.
    ended_ = got == 0 || (got < 0 && errno == ECONNRESET);
    if (got <= 0) return false;
    input_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  int descriptor_;
  std::string input_;
  bool ended_ = false;
};

/// A server that plays a script: `script` is called with each connection, in order, on a thread of
/// its own.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::function<void(Peer&, int connection)> script) {
    descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    EXPECT_EQ(::bind(descriptor_, reinterpret_cast<sockaddr*>(&address), bytes), 0);
    EXPECT_EQ(::listen(descriptor_, 16), 0);
    EXPECT_EQ(::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &bytes), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, script = std::move(script)] {
      for (int connection = 0;; ++connection) {
        const int accepted = ::accept(descriptor_, nullptr, nullptr);
        if (accepted < 0) return;
        Peer peer(accepted);
        script(peer, connection);
      }
    });
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() {
    ::shutdown(descriptor_, SHUT_RDWR);
    thread_.join();
    ::close(descriptor_);
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  int descriptor_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

/// Runs a task on a loop of its own; fails the test when it does not end.
inline void run(base::Task<> task) {
  boost::asio::io_context loop(1);
  bool done = false;
  boost::asio::co_spawn(loop, std::move(task), [&done](const std::exception_ptr& thrown) {
    done = true;
    if (thrown) std::rethrow_exception(thrown);
  });
  loop.run_for(std::chrono::seconds(kPatienceSeconds));
  EXPECT_TRUE(done) << "the task did not end";
}

}  // namespace opaline::http::test
