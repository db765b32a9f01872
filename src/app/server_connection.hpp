#pragma once

#include <CLI/App.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/task.hpp"
#include "http/client.hpp"

namespace opaline::app {

/// Where the commands that talk to a server find it: --server and --key, or OPALINE_SERVER and
/// OPALINE_KEY.
struct ServerOptions {
  std::string url = "http://127.0.0.1:8080";
  std::string key;
  /// Seconds that one call may take.
  int timeout = 300;

  void add_to(CLI::App& command);
};

/// A running server, as the client commands see it. Every failure becomes a sentence with a remedy.
class ServerConnection {
 public:
  explicit ServerConnection(const ServerOptions& options);

  /// One call; a reply of 2xx as JSON (null for an empty body), any other as the server's own
  /// error.
  base::Task<base::Result<boost::json::value>> call(std::string method, std::string path,
                                                    std::string body,
                                                    std::string content_type = "application/json");
  /// A call whose reply is server-sent events; `on_event` gets the data of each until it returns
  /// false.
  base::Task<base::Result<void>> stream(std::string path, std::string body,
                                        std::function<bool(std::string_view data)> on_event);

  [[nodiscard]] const std::string& url() const { return url_; }

 private:
  [[nodiscard]] http::ClientRequest request(std::string method, std::string path, std::string body,
                                            std::string content_type) const;
  [[nodiscard]] base::Context context() const;
  [[nodiscard]] base::Error explained(base::Error error) const;

  std::string url_;
  std::string key_;
  int timeout_;
  http::Client client_;
};

/// Runs a command's task on an event loop of its own until it ends; what it throws is a failure.
int run_task(base::Task<int> task);

/// `text` percent-encoded for a path segment or a query value.
[[nodiscard]] std::string url_encoded(std::string_view text);

/// A member of a JSON object as text, number or flag; the fallback when it is missing or of another
/// type.
[[nodiscard]] std::string text_of(const boost::json::value& object, std::string_view key,
                                  std::string_view fallback = "");
[[nodiscard]] double number_of(const boost::json::value& object, std::string_view key,
                               double fallback = 0);
[[nodiscard]] const boost::json::value* member_of(const boost::json::value& object,
                                                  std::string_view key);

}  // namespace opaline::app
