#include "flow/flow_service.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace opaline::flow {
namespace json = boost::json;
namespace {

json::object sampling_parameters(const json::value& inputs) {
  constexpr std::array<std::string_view, 15> kNames = {"model",
                                                       "max_tokens",
                                                       "max_new_tokens",
                                                       "top_k",
                                                       "top_p",
                                                       "typical_p",
                                                       "temperature",
                                                       "frequency_penalty",
                                                       "presence_penalty",
                                                       "repetition_penalty",
                                                       "seed",
                                                       "stop",
                                                       "language",
                                                       "chat_template",
                                                       "response_format"};
  json::object found;
  const json::object* object = inputs.if_object();
  if (object == nullptr) return found;
  for (const std::string_view name : kNames) {
    const json::value* given = object->if_contains(name);
    if (given != nullptr && !given->is_null()) found.emplace(name, *given);
  }
  return found;
}

}  // namespace

base::Task<base::Result<contract::Reply>> FlowService::call(contract::Request request,
                                                            base::Context context) {
  auto* asked = std::get_if<contract::JsonRequest>(&request);
  if (asked == nullptr) {
    co_return base::fail(base::ErrorCode::invalid_argument, "a flow takes JSON");
  }
  StepObserver observer = std::move(asked->observer);
  OPALINE_CO_TRY(JsonFlowReply reply,
                 co_await flow_.schedule(flow_request(std::move(*asked)), std::move(context),
                                         nullptr, std::move(observer)));
  OPALINE_CO_TRY(JsonStepOutput answer, std::move(reply).take_answer());
  co_return service_reply(std::move(answer));
}

bool FlowService::may_stream() const {
  const JsonFlow& flow = flow_.flow();
  return !flow.output && std::ranges::any_of(flow.graph.leaves(), [&flow](Graph::Node last) {
    const JsonStep& step = flow.steps[last];
    return (step.generates || step.streams) && !step.output;
  });
}

contract::Health FlowService::health() const {
  const JsonFlow& flow = flow_.flow();
  for (Graph::Node node = 0; node < flow.graph.size(); ++node) {
    if (flow.steps[node].service == nullptr) continue;
    contract::Health health = flow.steps[node].call().health();
    if (health.state == contract::Health::State::ready) continue;
    health.reason = flow.graph.name(node) + ": " + health.reason;
    return health;
  }
  return {};
}

JsonFlowRequest flow_request(contract::JsonRequest request) {
  JsonFlowRequest own{
      .inputs = std::move(request.body), .parameters = {}, .stream = request.stream};
  own.parameters = sampling_parameters(own.inputs);
  return own;
}

contract::Reply service_reply(JsonStepOutput answer) {
  if (auto* value = std::get_if<json::value>(&answer)) {
    return contract::JsonReply{.body = std::move(*value)};
  }
  if (auto* bytes = std::get_if<contract::BytesReply>(&answer)) return std::move(*bytes);
  return std::get<std::unique_ptr<contract::ByteStream>>(std::move(answer));
}

}  // namespace opaline::flow
