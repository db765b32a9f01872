#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace opaline::contract {

/// JSON-RPC 2.0 (https://www.jsonrpc.org/specification) as the Model Context Protocol narrows it:
/// parameters and results are objects, an id is a text or a whole number.

/// The error of a JSON-RPC response.
struct RpcError {
  static constexpr std::int64_t kParseError = -32700;
  static constexpr std::int64_t kInvalidRequest = -32600;
  static constexpr std::int64_t kMethodNotFound = -32601;
  static constexpr std::int64_t kInvalidParameters = -32602;
  static constexpr std::int64_t kInternal = -32603;

  std::int64_t code = kInternal;
  std::string message;

  friend bool operator==(const RpcError&, const RpcError&) = default;
};

/// A request; without an id a notification, which nobody answers.
struct RpcRequest {
  std::optional<boost::json::value> id;
  std::string method;
  boost::json::object parameters;

  friend bool operator==(const RpcRequest&, const RpcRequest&) = default;
};

/// An answer to a request of ours. `id` is null when the other side could not read ours.
struct RpcResponse {
  boost::json::value id;
  std::variant<boost::json::object, RpcError> outcome;

  friend bool operator==(const RpcResponse&, const RpcResponse&) = default;
};

/// Something that is neither; `id` is null unless it had a good one.
struct RpcFault {
  boost::json::value id;
  RpcError error;

  friend bool operator==(const RpcFault&, const RpcFault&) = default;
};

using RpcMessage = std::variant<RpcRequest, RpcResponse, RpcFault>;

/// A message, or several in one body.
struct RpcBody {
  std::vector<RpcMessage> messages;  ///< 1 … limits::kMcpBatch; exactly one without `batch`.
  bool batch = false;

  friend bool operator==(const RpcBody&, const RpcBody&) = default;
};

/// Reads a body that a stranger wrote. A message that is no JSON-RPC is a fault among the others.
/// @return or else why there is no message at all: kParseError: no JSON, kInvalidRequest: an empty
/// batch, or one above limits::kMcpBatch.
[[nodiscard]] std::expected<RpcBody, RpcError> read_rpc(std::string_view body);

[[nodiscard]] std::string write_rpc_request(const RpcRequest& request);
/// @param result JSON of an object.
[[nodiscard]] std::string write_rpc_result(const boost::json::value& id, std::string_view result);
[[nodiscard]] std::string write_rpc_error(const boost::json::value& id, const RpcError& error);

}  // namespace opaline::contract
