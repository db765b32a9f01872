#include "gateway/console_files.hpp"

namespace opaline::gateway {
namespace {

bool asks_for_a_page(const http::Request& request) {
  const std::string_view path = request.path;
  const auto name = path.substr(path.rfind('/') + 1);
  return !path.starts_with("/v1/") && name.find('.') == std::string_view::npos &&
         request.headers.get("Accept").find("text/html") != std::string_view::npos;
}

}  // namespace

std::optional<http::Response> console_reply(const ConsoleFiles& files,
                                            const http::Request& request) {
  if (!files) return {};
  auto file = files(request.path == "/" ? "/index.html" : request.path);
  if (!file && asks_for_a_page(request)) file = files("/index.html");
  if (!file) return {};

  http::Response reply;
  reply.headers.set("ETag", std::string(file->etag));
  reply.headers.set("Cache-Control", request.path.starts_with("/assets/")
                                         ? "public, max-age=31536000, immutable"
                                         : "no-cache");
  if (!file->etag.empty() && request.headers.get("If-None-Match") == file->etag) {
    reply.status = 304;
    return reply;
  }
  reply.headers.set("Content-Type", std::string(file->content_type));
  reply.body = file->bytes;
  return reply;
}

}  // namespace opaline::gateway
