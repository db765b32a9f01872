#include "services/mcp/tool_result.hpp"

#include <utility>

#include "base/utf8.hpp"
#include "contract/json.hpp"

namespace opaline::services {
namespace json = boost::json;
namespace {

using base::ErrorCode;

std::string excerpt(std::string_view text) {
  constexpr std::size_t kBytes = 500;
  std::string start = base::to_utf8(text.substr(0, kBytes));
  if (text.size() > kBytes) start += "…";
  return start;
}

/// The texts among a result's content, a line end between two.
std::string text_of(const json::array& content) {
  std::string all;
  for (const json::value& block : content) {
    const json::object* object = block.if_object();
    if (object == nullptr) continue;
    const json::value* text = object->if_contains("text");
    if (text == nullptr || !text->is_string()) continue;
    if (!all.empty()) all += '\n';
    all += std::string_view(text->get_string());
  }
  return all;
}

ErrorCode code_of(unsigned status) {
  if (status == 400 || status == 413 || status == 422) return ErrorCode::invalid_argument;
  if (status == 429) return ErrorCode::resource_exhausted;
  return status >= 500 ? ErrorCode::unavailable : ErrorCode::failed_precondition;
}

}  // namespace

base::Result<json::value> read_tool_result(json::object result, const std::string& label) {
  json::value* given = result.if_contains("content");
  const json::array none;
  const bool listed = given != nullptr && given->is_array();
  const json::array& content = listed ? given->get_array() : none;
  const std::string text = text_of(content);
  const json::value* failed = result.if_contains("isError");
  if (failed != nullptr && failed->is_bool() && failed->get_bool()) {
    return base::fail(ErrorCode::failed_precondition,
                      label + " failed: " + (text.empty() ? "it does not say why" : excerpt(text)));
  }
  if (json::value* structured = result.if_contains("structuredContent");
      structured != nullptr && structured->is_object())
    return std::move(*structured);
  if (!listed) {
    return base::fail(ErrorCode::internal,
                      label + " answered with something that is no result of a tool");
  }
  if (text.empty()) return json::object{{"content", std::move(*given)}};
  auto read = contract::parse_json(text);
  if (read && (read->is_object() || read->is_array())) return *std::move(read);
  return json::object{{"text", text}};
}

base::Error tool_error(const contract::RpcError& error, const std::string& label) {
  const bool wrong = error.code == contract::RpcError::kInvalidParameters;
  return {.code = wrong ? ErrorCode::invalid_argument : ErrorCode::failed_precondition,
          .message = label + " refused the call: " + excerpt(error.message),
          .detail = "JSON-RPC error " + std::to_string(error.code)};
}

base::Error status_error(unsigned status, std::string_view body, const std::string& label) {
  const bool key = status == 401 || status == 403;
  return {.code = code_of(status),
          .message = label + (key ? " does not accept our API key" : " cannot be called") +
                     " (status " + std::to_string(status) + ")",
          .detail = excerpt(body),
          .upstream_status = status};
}

}  // namespace opaline::services
