#include "app/server_connection.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <exception>

#include "app/command.hpp"
#include "app/terminal.hpp"
#include "contract/event_stream.hpp"

namespace opaline::app {

namespace json = boost::json;
using base::ErrorCode;

void ServerOptions::add_to(CLI::App& command) {
  command.add_option("--server", url, "URL of the server")
      ->envname("OPALINE_SERVER")
      ->capture_default_str();
  command.add_option("--key", key, "API key, when the server asks for one")->envname("OPALINE_KEY");
  command.add_option("--timeout", timeout, "Seconds one call may take")
      ->capture_default_str()
      ->check(CLI::Range(1, 86'400));
}

ServerConnection::ServerConnection(const ServerOptions& options)
    : url_(options.url), key_(options.key), timeout_(options.timeout) {}

http::ClientRequest ServerConnection::request(std::string method, std::string path,
                                              std::string body, std::string content_type) const {
  http::ClientRequest request;
  request.idempotent = method == "GET";
  request.method = std::move(method);
  request.path = std::move(path);
  request.body = std::move(body);
  if (!request.body.empty()) request.headers.set("Content-Type", std::move(content_type));
  if (!key_.empty()) request.headers.set("Authorization", "Bearer " + key_);
  return request;
}

base::Context ServerConnection::context() const {
  base::Context context;
  context.trace = base::TraceContext::start();
  return context.within(std::chrono::seconds(timeout_));
}

base::Error ServerConnection::explained(base::Error error) const {
  if (error.code == ErrorCode::unavailable) {
    error.message = fmt::format(
        "no server answers at {}. Start one with 'opaline up', or name another with --server",
        url_);
  }
  return error;
}

namespace {

/// The message of an error body in Opaline's or OPEA's shape.
base::Error server_error(unsigned status, std::string_view body) {
  std::string message = fmt::format("the server answered with status {}", status);
  boost::system::error_code broken;
  const json::value value = json::parse(body, broken);
  if (!broken) {
    if (const json::value* error = member_of(value, "error"))
      message = text_of(*error, "message", message);
    message = text_of(value, "detail", message);
  }
  if (status == 401) message += ". Give a key with --key or OPALINE_KEY";
  return {status == 404 ? ErrorCode::not_found : ErrorCode::failed_precondition, message, ""};
}

}  // namespace

base::Task<base::Result<json::value>> ServerConnection::call(std::string method, std::string path,
                                                             std::string body,
                                                             std::string content_type) {
  OPALINE_CO_TRY(auto endpoint, http::Endpoint::parse(url_));
  auto sent = request(std::move(method), std::move(path), std::move(body), std::move(content_type));
  auto reply = co_await client_.send(std::move(endpoint), std::move(sent), context());
  if (!reply) co_return base::fail(explained(std::move(reply).error()));
  if (reply->status / 100 != 2) co_return base::fail(server_error(reply->status, reply->body));
  if (reply->body.empty()) co_return json::value(nullptr);
  boost::system::error_code broken;
  json::value value = json::parse(reply->body, broken);
  if (broken) {
    co_return base::fail(ErrorCode::internal,
                         fmt::format("{} did not answer with JSON; is it Opaline?", url_));
  }
  co_return value;
}

base::Task<base::Result<void>> ServerConnection::stream(
    std::string path, std::string body, std::function<bool(std::string_view)> on_event) {
  OPALINE_CO_TRY(auto endpoint, http::Endpoint::parse(url_));
  auto sent = request("POST", std::move(path), std::move(body), "application/json");
  auto opened = co_await client_.open(std::move(endpoint), std::move(sent), context());
  if (!opened) co_return base::fail(explained(std::move(opened).error()));
  auto reply = std::move(*opened);
  if (reply->status() / 100 != 2) {
    std::string text;
    for (;;) {
      auto piece = co_await reply->next();
      if (!piece || !*piece) break;
      text += **piece;
    }
    co_return base::fail(server_error(reply->status(), text));
  }
  contract::EventParser events;
  for (;;) {
    OPALINE_CO_TRY(auto piece, co_await reply->next());
    if (!piece) co_return base::Result<void>();
    OPALINE_CO_TRY_DO(events.feed(*piece));
    while (auto event = events.next()) {
      if (!on_event(event->data)) co_return base::Result<void>();
    }
  }
}

int run_task(base::Task<int> task) {
  base::EventLoop loop(1);
  int code = kFailed;
  boost::asio::co_spawn(loop, std::move(task), [&code](std::exception_ptr thrown, int result) {
    if (!thrown) {
      code = result;
      return;
    }
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      code = failed(error.what());
    }
  });
  loop.run();
  return code;
}

std::string url_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return encoded;
}

const json::value* member_of(const json::value& object, std::string_view key) {
  return object.is_object() ? object.get_object().if_contains(key) : nullptr;
}

std::string text_of(const json::value& object, std::string_view key, std::string_view fallback) {
  const json::value* found = member_of(object, key);
  if (found == nullptr) return std::string(fallback);
  if (found->is_string()) return std::string(found->get_string());
  return found->is_null() ? std::string(fallback) : json::serialize(*found);
}

double number_of(const json::value& object, std::string_view key, double fallback) {
  const json::value* found = member_of(object, key);
  if (found == nullptr || !found->is_number()) return fallback;
  return found->to_number<double>();
}

}  // namespace opaline::app
