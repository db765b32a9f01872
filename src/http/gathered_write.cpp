#include "http/gathered_write.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace opaline::http {

void GatheredWrite::set(std::array<std::string_view, 3> pieces) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    pieces_[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
  }
}

GatheredWrite::Sent GatheredWrite::send_to(int socket) {
  for (;;) {
    auto first =
        std::ranges::find_if(pieces_, [](const iovec& piece) { return piece.iov_len > 0; });
    if (first == pieces_.end()) return Sent::all;
    msghdr message{};
    message.msg_iov = &*first;
    message.msg_iovlen = static_cast<std::size_t>(pieces_.end() - first);
    const ssize_t sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? Sent::some : Sent::nothing_more;
    }
    for (auto left = static_cast<std::size_t>(sent); left > 0; ++first) {
      const auto bytes = std::min(left, first->iov_len);
      first->iov_base = static_cast<char*>(first->iov_base) + bytes;
      first->iov_len -= bytes;
      left -= bytes;
    }
  }
}

std::size_t GatheredWrite::unsent() const {
  std::size_t bytes = 0;
  for (const iovec& piece : pieces_) bytes += piece.iov_len;
  return bytes;
}

}  // namespace opaline::http
