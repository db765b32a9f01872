#include "http/reply_head.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "http/grammar.hpp"

namespace opaline::http {
namespace {

constexpr std::array<std::string_view, 6> kOurFields = {
    "content-length", "transfer-encoding", "connection", "date", "server", "x-request-id"};

std::string_view reason(unsigned status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";  // The phrase is optional.
  }
}

void append_number(std::string& out, std::size_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

bool is_ours(std::string_view name) {
  return std::ranges::any_of(
      kOurFields, [name](std::string_view ours) { return equals_ignoring_case(name, ours); });
}

}  // namespace

bool status_has_body(unsigned status) { return status >= 200 && status != 204 && status != 304; }

bool append_reply_head(std::string& out, const Response& response, ReplyFraming& framing) {
  if (response.status < 200 || response.status > 599) return false;
  for (const auto& [name, value] : response.headers.fields()) {
    if (!is_token(name) || !is_field_value(value)) return false;
  }
  out.append(framing.minor_version == 0 ? "HTTP/1.0 " : "HTTP/1.1 ");
  append_number(out, response.status);
  out.append(" ").append(reason(response.status)).append("\r\n");
  append_field(out, "Server", framing.server_name);
  append_field(out, "Date", framing.date);
  for (const auto& [name, value] : response.headers.fields()) {
    if (!is_ours(name)) append_field(out, name, value);
  }
  append_field(out, "X-Request-Id", framing.request_id);
  if (status_has_body(response.status)) {
    if (!response.stream) {
      out.append("Content-Length: ");
      append_number(out, response.body.size());
      out.append("\r\n");
    } else if (framing.minor_version == 1) {
      framing.chunked = true;
      append_field(out, "Transfer-Encoding", "chunked");
    } else {
      framing.keep_alive = false;
    }
  }
  if (!framing.keep_alive) {
    append_field(out, "Connection", "close");
  } else if (framing.minor_version == 0) {
    append_field(out, "Connection", "keep-alive");
  }
  out.append("\r\n");
  return true;
}

}  // namespace opaline::http
