#include "gateway/json_flow_routes.hpp"

#include <boost/json/serialize.hpp>
#include <utility>

#include "contract/json.hpp"
#include "flow/flow_service.hpp"
#include "gateway/byte_reply.hpp"

namespace opaline::gateway {
namespace json = boost::json;
namespace {

using base::Result;
using base::Task;
using http::Response;

Result<flow::JsonFlowRequest> read(std::string_view body) {
  OPALINE_TRY(json::value value, contract::parse_json(body));
  flow::JsonFlowRequest request;
  if (const json::object* object = value.if_object()) {
    contract::Fields fields(*object);
    request.stream = fields.flag("stream").value_or(false);
    OPALINE_TRY_DO(fields.check());
  }
  request.parameters = flow::sampling_parameters(value);
  request.inputs = std::move(value);
  return request;
}

Result<Response> written(flow::JsonFlowReply reply, Call call) {
  OPALINE_TRY(flow::JsonStepOutput answer, std::move(reply).take_answer());
  if (auto* stream = std::get_if<std::unique_ptr<contract::ByteStream>>(&answer)) {
    return stream_reply(std::move(*stream), std::move(call));
  }
  if (auto* bytes = std::get_if<contract::BytesReply>(&answer)) {
    return bytes_reply(std::move(*bytes));
  }
  return Response::json(200, json::serialize(std::get<json::value>(answer)));
}

Task<Result<Response>> answer(const flow::Orchestrator* flow, const MakeStepHooks* make_hooks,
                              Call call) {
  OPALINE_CO_TRY(flow::JsonFlowRequest request, read(call.request.body));
  flow::StepObserver observer = [query = call.query](const flow::StepReport& report) {
    query->step(report);
  };
  std::unique_ptr<flow::StepHooks> hooks;
  if (*make_hooks) hooks = (*make_hooks)(call.context);
  OPALINE_CO_TRY(
      flow::JsonFlowReply reply,
      co_await flow->schedule(std::move(request), call.context, hooks.get(), std::move(observer)));
  co_return written(std::move(reply), std::move(call));
}

}  // namespace

std::vector<Route> json_flow_routes(const flow::Orchestrator& flow, const std::string& endpoint,
                                    MakeStepHooks make_hooks) {
  // Owners: the route below.
  const auto hooks = std::make_shared<const MakeStepHooks>(std::move(make_hooks));
  std::vector<Route> routes;
  routes.push_back(
      {.method = "POST",
       .pattern = endpoint,
       .answer = [flow = &flow,
                  hooks](Call call) { return answer(flow, hooks.get(), std::move(call)); },
       .documentation = {.tag = "Answers",
                         .summary = "Ask the flow: any JSON in, what its last step says out",
                         .request_example = R"({"text":"How is a backup restored?"})"},
       .cost = Route::Cost::query,
       .errors = ErrorShape::opea});
  return routes;
}

}  // namespace opaline::gateway
