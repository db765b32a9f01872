#include "contract/json_rpc.hpp"

#include <utility>

#include "base/limits.hpp"
#include "contract/json.hpp"
#include "contract/json_writer.hpp"

namespace opaline::contract {
namespace json = boost::json;
namespace {

bool is_id(const json::value& value) {
  return value.is_string() || value.is_int64() || value.is_uint64();
}

RpcFault fault(const json::value& id, std::string why) {
  return {.id = id, .error = {.code = RpcError::kInvalidRequest, .message = std::move(why)}};
}

/// Absent parameters are none; other than an object they are wrong.
std::optional<json::object> parameters_of(json::object& message) {
  json::value* given = message.if_contains("params");
  if (given == nullptr) return json::object();
  if (!given->is_object()) return {};
  return std::move(given->get_object());
}

RpcMessage read_request(json::object& message, const json::value& id, bool has_id) {
  json::value& method = message.at("method");
  if (!method.is_string()) return fault(id, "'method' must be a text, got " + quoted(method));
  auto parameters = parameters_of(message);
  if (!parameters) {
    return RpcFault{
        .id = id,
        .error = {.code = RpcError::kInvalidParameters,
                  .message = "'params' must be an object, got " + quoted(message.at("params"))}};
  }
  return RpcRequest{.id = has_id ? std::optional(id) : std::nullopt,
                    .method = std::string(method.get_string()),
                    .parameters = *std::move(parameters)};
}

RpcMessage read_response(json::object& message, const json::value& id) {
  json::value* result = message.if_contains("result");
  const json::value* error = message.if_contains("error");
  if ((result == nullptr) == (error == nullptr))
    return fault(id, "a response has either 'result' or 'error'");
  if (result != nullptr) {
    if (!result->is_object())
      return fault(id, "'result' must be an object, got " + quoted(*result));
    return RpcResponse{.id = id, .outcome = std::move(result->get_object())};
  }
  const json::object* object = error->if_object();
  const json::value* code = object == nullptr ? nullptr : object->if_contains("code");
  if (code == nullptr || !code->is_int64())
    return fault(id, "'error' must be an object with a 'code', got " + quoted(*error));
  const json::value* text = object->if_contains("message");
  RpcError told{.code = code->get_int64(), .message = {}};
  if (text != nullptr && text->is_string()) told.message = text->get_string();
  return RpcResponse{.id = id, .outcome = std::move(told)};
}

RpcMessage read_message(json::value value) {
  json::object* message = value.if_object();
  if (message == nullptr) return fault(nullptr, "a message is an object, got " + quoted(value));
  const json::value* given = message->if_contains("id");
  const json::value id = given != nullptr && is_id(*given) ? *given : json::value();
  const json::value* version = message->if_contains("jsonrpc");
  if (version == nullptr || *version != "2.0") return fault(id, "'jsonrpc' must be \"2.0\"");
  const bool asks = message->contains("method");
  // Only an error may have no id: that of a request which could not be read.
  if (given != nullptr && id.is_null() && (asks || !given->is_null()))
    return fault(id, "'id' must be a text or a whole number, got " + quoted(*given));
  if (asks) return read_request(*message, id, given != nullptr);
  return read_response(*message, id);
}

JsonWriter& begin(JsonWriter& body, const json::value& id) {
  return body.begin_object().field("jsonrpc", "2.0").field("id", id);
}

}  // namespace

std::expected<RpcBody, RpcError> read_rpc(std::string_view body) {
  auto value = parse_json(body);
  if (!value) {
    return std::unexpected(
        RpcError{.code = RpcError::kParseError, .message = value.error().message});
  }
  RpcBody read;
  json::array* batch = value->if_array();
  if (batch == nullptr) {
    read.messages.push_back(read_message(*std::move(value)));
    return read;
  }
  read.batch = true;
  if (batch->empty() || batch->size() > limits::kMcpBatch) {
    return std::unexpected(RpcError{.code = RpcError::kInvalidRequest,
                                    .message = "a batch has 1 to " +
                                               std::to_string(limits::kMcpBatch) +
                                               " messages, got " + std::to_string(batch->size())});
  }
  for (json::value& one : *batch) read.messages.push_back(read_message(std::move(one)));
  return read;
}

std::string write_rpc_request(const RpcRequest& request) {
  JsonWriter body;
  body.begin_object().field("jsonrpc", "2.0");
  if (request.id) body.field("id", *request.id);
  body.field("method", request.method).field("params", request.parameters).end_object();
  return std::move(body).take();
}

std::string write_rpc_result(const json::value& id, std::string_view result) {
  JsonWriter body;
  begin(body, id).key("result").raw(result).end_object();
  return std::move(body).take();
}

std::string write_rpc_error(const json::value& id, const RpcError& error) {
  JsonWriter body;
  begin(body, id).key("error").begin_object();
  body.field("code", error.code).field("message", error.message).end_object().end_object();
  return std::move(body).take();
}

}  // namespace opaline::contract
