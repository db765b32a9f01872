#include "contract/json_rpc.hpp"

#include <gtest/gtest.h>

#include "base/limits.hpp"

namespace opaline::contract {
namespace {

namespace json = boost::json;

RpcMessage one(std::string_view body) {
  auto read = read_rpc(body);
  EXPECT_TRUE(read) << body;
  if (!read || read->messages.size() != 1) return RpcFault{};
  EXPECT_FALSE(read->batch);
  return std::move(read->messages.front());
}

TEST(JsonRpc, ReadsARequestANotificationAndBothResponses) {
  const auto request =
      one(R"({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"ask"}})");
  EXPECT_EQ(
      std::get<RpcRequest>(request),
      (RpcRequest{.id = json::value(7), .method = "tools/call", .parameters = {{"name", "ask"}}}));
  const auto notification = one(R"({"jsonrpc":"2.0","method":"notifications/initialized"})");
  EXPECT_FALSE(std::get<RpcRequest>(notification).id.has_value());
  const auto result = one(R"({"jsonrpc":"2.0","id":"a","result":{"x":1}})");
  EXPECT_EQ(std::get<RpcResponse>(result),
            (RpcResponse{.id = "a", .outcome = json::object{{"x", 1}}}));
  const auto error = one(R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}})");
  EXPECT_EQ(std::get<RpcResponse>(error),
            (RpcResponse{.id = nullptr, .outcome = RpcError{.code = -32700, .message = "no"}}));
}

struct Wrong {
  std::string_view body;
  std::string_view says;
  std::int64_t code = RpcError::kInvalidRequest;
};

TEST(JsonRpc, SaysWhatIsWrongWithAMessage) {
  const std::vector<Wrong> table = {
      {R"(1)", "a message is an object, got 1"},
      {R"({})", "'jsonrpc' must be \"2.0\""},
      {R"({"jsonrpc":"1.0","id":1,"method":"a"})", "'jsonrpc' must be \"2.0\""},
      {R"({"jsonrpc":"2.0","id":1.5,"method":"a"})", "'id' must be a text or a whole number"},
      {R"({"jsonrpc":"2.0","id":null,"method":"a"})", "'id' must be a text or a whole number"},
      {R"({"jsonrpc":"2.0","id":{},"result":{}})", "'id' must be a text or a whole number"},
      {R"({"jsonrpc":"2.0","id":1,"method":5})", "'method' must be a text, got 5"},
      {R"({"jsonrpc":"2.0","id":1,"method":"a","params":[1]})", "'params' must be an object",
       RpcError::kInvalidParameters},
      {R"({"jsonrpc":"2.0","id":1})", "either 'result' or 'error'"},
      {R"({"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1}})", "either 'result' or 'error'"},
      {R"({"jsonrpc":"2.0","id":1,"result":[]})", "'result' must be an object"},
      {R"({"jsonrpc":"2.0","id":1,"error":"no"})", "'error' must be an object with a 'code'"},
      {R"({"jsonrpc":"2.0","id":1,"error":{"code":"x"}})", "'error' must be an object"}};
  for (const Wrong& row : table) {
    const RpcMessage message = one(row.body);
    const auto* fault = std::get_if<RpcFault>(&message);
    ASSERT_NE(fault, nullptr) << row.body;
    EXPECT_EQ(fault->error.code, row.code) << row.body;
    EXPECT_NE(fault->error.message.find(row.says), std::string::npos) << fault->error.message;
  }
}

TEST(JsonRpc, KeepsTheIdOfAMessageThatIsWrongOtherwise) {
  const RpcMessage message = one(R"({"jsonrpc":"2.0","id":"k","method":5})");
  EXPECT_EQ(std::get<RpcFault>(message).id, "k");
}

TEST(JsonRpc, ReadsABatchWithGoodAndBadMessages) {
  const auto read = read_rpc(R"([{"jsonrpc":"2.0","id":1,"method":"ping"},3])");
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->batch);
  ASSERT_EQ(read->messages.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<RpcRequest>(read->messages[0]));
  EXPECT_TRUE(std::holds_alternative<RpcFault>(read->messages[1]));
}

TEST(JsonRpc, RefusesWhatHasNoMessage) {
  std::string many = "[1";
  for (std::size_t i = 0; i < limits::kMcpBatch; ++i) many += ",1";
  const std::vector<std::pair<std::string, std::int64_t>> table = {
      {"", RpcError::kParseError},
      {"{", RpcError::kParseError},
      {"\xFF", RpcError::kParseError},
      {"[]", RpcError::kInvalidRequest},
      {many + "]", RpcError::kInvalidRequest}};
  for (const auto& [body, code] : table) {
    const auto read = read_rpc(body);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().code, code) << body;
    EXPECT_FALSE(read.error().message.empty());
  }
}

TEST(JsonRpc, ReadsWhatItWrites) {
  const RpcRequest request{.id = json::value("x\"y"), .method = "a", .parameters = {{"b", 1}}};
  EXPECT_EQ(std::get<RpcRequest>(one(write_rpc_request(request))), request);
  const RpcRequest notification{.id = {}, .method = "n", .parameters = {}};
  EXPECT_EQ(std::get<RpcRequest>(one(write_rpc_request(notification))), notification);
  const auto result = std::get<RpcResponse>(one(write_rpc_result(5, R"({"c":[]})")));
  EXPECT_EQ(result.outcome,
            (std::variant<json::object, RpcError>(json::object{{"c", json::array()}})));
  const RpcError error{.code = RpcError::kMethodNotFound, .message = "there is no \"x\""};
  EXPECT_EQ(std::get<RpcResponse>(one(write_rpc_error(nullptr, error))),
            (RpcResponse{.id = nullptr, .outcome = error}));
}

}  // namespace
}  // namespace opaline::contract
