// Reads hostile bytes as a JSON-RPC body; what is taken must survive being written and read again.
#include <boost/json/serialize.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "contract/json_rpc.hpp"

using namespace opaline::contract;

namespace {

std::string written(const RpcMessage& message) {
  if (const auto* request = std::get_if<RpcRequest>(&message)) return write_rpc_request(*request);
  if (const auto* fault = std::get_if<RpcFault>(&message))
    return write_rpc_error(fault->id, fault->error);
  const auto& response = std::get<RpcResponse>(message);
  if (const auto* error = std::get_if<RpcError>(&response.outcome))
    return write_rpc_error(response.id, *error);
  return write_rpc_result(response.id, boost::json::serialize(std::get<0>(response.outcome)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto body = read_rpc({reinterpret_cast<const char*>(bytes), size});
  if (!body) {
    OPALINE_ASSERT(!body.error().message.empty());
    return 0;
  }
  OPALINE_ASSERT(!body->messages.empty());
  OPALINE_ASSERT(body->batch || body->messages.size() == 1);
  for (const RpcMessage& message : body->messages) {
    const auto again = read_rpc(written(message));
    OPALINE_ASSERT(again.has_value());
    OPALINE_ASSERT(again->messages.size() == 1);
    const RpcMessage& read = again->messages.front();
    if (std::holds_alternative<RpcFault>(message)) {
      OPALINE_ASSERT(std::holds_alternative<RpcResponse>(read));
    } else {
      OPALINE_ASSERT(read.index() == message.index());
    }
  }
  return 0;
}
