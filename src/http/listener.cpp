#include "http/listener.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <utility>

#include "base/limits.hpp"

namespace opaline::http {
namespace {

constexpr int kBacklog = 1024;

std::string system_text() {
  return std::strerror(errno);
}  // NOLINT(concurrency-mt-unsafe): glibc's is.

void set_option(int descriptor, int level, int option, int value) {
  // These options are improvements, not conditions; a kernel without one of them still serves.
  ::setsockopt(descriptor, level, option, &value, sizeof value);
}

/// Accepted sockets inherit these.
void set_tcp_options(int descriptor) {
  using std::chrono::duration_cast, std::chrono::milliseconds;
  set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  // A peer that vanishes without a word is noticed within about a minute and a half.
  set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, 3);
  set_option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT,
             static_cast<int>(duration_cast<milliseconds>(limits::kWriteTime).count()));
}

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

base::Result<Addresses> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const auto service = std::to_string(port);
  if (const int failed = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
      failed != 0) {
    return base::fail(base::ErrorCode::failed_precondition,
                      "Cannot listen on '" + host + "': " + ::gai_strerror(failed) + ".");
  }
  return Addresses(found, &::freeaddrinfo);
}

enum class Sharing { exclusive, shared };

base::Result<Listener> bind_tcp(const addrinfo& address, const std::string& place,
                                Sharing sharing) {
  Listener made(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), {});
  const int descriptor = made.descriptor();
  if (descriptor < 0) {
    return base::fail(base::ErrorCode::failed_precondition,
                      "Cannot listen on " + place + ": " + system_text() + ".");
  }
  set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  if (sharing == Sharing::shared) set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
  set_tcp_options(descriptor);
  if (::bind(descriptor, address.ai_addr, address.ai_addrlen) != 0 ||
      ::listen(descriptor, kBacklog) != 0) {
    const std::string why = errno == EADDRINUSE      ? "the port is already in use"
                            : errno == EADDRNOTAVAIL ? "the address is not one of this machine's"
                            : errno == EACCES        ? "ports below 1024 need privileges"
                                                     : system_text();
    return base::fail(base::ErrorCode::failed_precondition,
                      "Cannot listen on " + place + ": " + why + ".");
  }
  return made;
}

std::string in_brackets(const std::string& host) {
  return host.find(':') == host.npos ? host : "[" + host + "]";
}

base::Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return base::fail(base::ErrorCode::failed_precondition,
                      "Cannot listen on '" + path + "': a Unix socket's path has at most " +
                          std::to_string(sizeof address.sun_path - 1) + " bytes.");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

/// Whether somebody answers there. A path left by a server that died does not.
bool answers(const sockaddr_un& address) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int connected =
      ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const bool alive = connected == 0 || errno == EAGAIN || errno == EINPROGRESS;
  ::close(probe);
  return alive;
}

bool is_socket(const std::string& path) {
  struct stat found{};
  return ::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
}

}  // namespace

Listener::Listener(int descriptor, std::string unix_path)
    : descriptor_(descriptor), unix_path_(std::move(unix_path)) {}

Listener::Listener(Listener&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      unix_path_(std::exchange(other.unix_path_, {})) {}

Listener::~Listener() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
}

int Listener::release() { return std::exchange(descriptor_, -1); }

std::uint16_t Listener::port() const {
  sockaddr_storage address{};
  socklen_t bytes = sizeof address;
  if (::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &bytes) != 0) return 0;
  if (address.ss_family == AF_INET)
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  if (address.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return 0;
}

base::Result<std::vector<Listener>> Listener::open_tcp(const std::string& host, std::uint16_t port,
                                                       std::size_t count) {
  std::vector<Listener> listeners;
  const auto place = in_brackets(host) + ":" + std::to_string(port);
  if (port != 0) {
    // Sockets that share a port would silently share it with another server of the same user, too:
    // ask alone first.
    OPALINE_TRY(const auto addresses, look_up(host, port));
    OPALINE_TRY_DO(bind_tcp(*addresses, place, Sharing::exclusive));
  }
  for (std::size_t i = 0; i < count; ++i) {
    OPALINE_TRY(const auto addresses, look_up(host, port));
    OPALINE_TRY(auto listener, bind_tcp(*addresses, place, Sharing::shared));
    // Port 0 is decided by the first.
    port = listener.port();
    listeners.push_back(std::move(listener));
  }
  return listeners;
}

base::Result<Listener> Listener::open_unix(const std::string& path) {
  const auto fail = [&path](const std::string& why) {
    return base::fail(base::ErrorCode::failed_precondition,
                      "Cannot listen on '" + path + "': " + why + ".");
  };
  OPALINE_TRY(const auto address, unix_address(path));
  if (is_socket(path)) {
    if (answers(address)) return fail("another server answers there");
    ::unlink(path.c_str());
  }
  Listener made(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), {});
  // The mode of the socket becomes that of the path, from its first moment.
  if (made.descriptor_ < 0 || ::fchmod(made.descriptor_, S_IRUSR | S_IWUSR) != 0 ||
      ::bind(made.descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(system_text());
  }
  made.unix_path_ = path;
  if (::listen(made.descriptor_, kBacklog) != 0) return fail(system_text());
  return made;
}

std::string peer_name(int descriptor) {
  sockaddr_storage address{};
  socklen_t bytes = sizeof address;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &bytes) != 0) return "gone";
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
  }
  return "unix";
}

}  // namespace opaline::http
