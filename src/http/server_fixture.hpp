#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <regex>
#include <string>
#include <string_view>

#include "http/server.hpp"
#include "http/test_peer.hpp"

/// What the server's tests share: a running server and a bare socket to talk to it.
namespace opaline::http::test {

/// Repeats the request in the reply's body, so that a test sees what the handler saw.
inline base::Task<Response> echo(Request request, base::Context context) {
  std::string body = request.method + " " + request.path;
  for (const auto& [name, value] : request.query) body += "|" + name + "=" + value;
  body += "|" + context.trace.trace_id_hex() + "|" + request.body;
  co_return Response::text(200, std::move(body));
}

class ServerTest : public testing::Test {
 protected:
  void serve(Handler handler, ServerSettings settings = {}) {
    settings.port = 0;
    if (settings.threads == 0) settings.threads = 1;
    auto created = Server::create(std::move(settings), std::move(handler), metrics_);
    ASSERT_TRUE(created) << created.error().message;
    server_ = *std::move(created);
    server_->start();
  }
  Peer connect() { return Peer::connect(server_->port()); }

  /// What comes back for `bytes` on a fresh connection, until the server closes.
  std::string exchange(std::string_view bytes) {
    Peer peer = connect();
    peer.send(bytes);
    return peer.read_to_end();
  }

  base::MetricRegistry metrics_;
  std::unique_ptr<Server> server_;
};

inline constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
inline const std::string kPost = "POST / HTTP/1.1\r\nHost: x\r\n";

inline std::string header(std::string_view reply, const std::string& name) {
  std::smatch found;
  const std::string text(reply);
  return std::regex_search(text, found, std::regex("\r\n" + name + ": ([^\r]*)")) ? found[1].str()
                                                                                  : "";
}

}  // namespace opaline::http::test
