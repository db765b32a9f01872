#pragma once

#include <string>
#include <string_view>

#include "http/message.hpp"

namespace opaline::http {

/// How a reply is framed and what every reply carries.
struct ReplyFraming {
  std::string_view server_name;
  std::string_view date;  ///< As RFC 9110 writes it.
  std::string_view request_id;
  int minor_version = 1;   ///< The client's HTTP/1.x.
  bool keep_alive = true;  ///< Out too: false when the body can only end with the connection.
  bool chunked = false;    ///< Out: the stream is to be sent in chunks.
};

/// Whether a reply of that status has a body at all.
[[nodiscard]] bool status_has_body(unsigned status);

/// Appends status line and header. The fields that frame a message (Content-Length,
/// Transfer-Encoding, Connection) and those that every reply carries are ours: a handler's own are
/// dropped.
/// @return false when the status or a header of the handler's cannot be sent (a line end in a
/// value); `out` is unchanged.
[[nodiscard]] bool append_reply_head(std::string& out, const Response& response,
                                     ReplyFraming& framing);

}  // namespace opaline::http
