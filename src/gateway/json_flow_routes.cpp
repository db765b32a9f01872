#include "gateway/json_flow_routes.hpp"

#include <utility>

#include "flow/flow_service.hpp"
#include "gateway/json_service.hpp"

namespace opaline::gateway {
namespace {

using base::Result;
using base::Task;
using http::Response;

Task<Result<Response>> answer(const flow::Orchestrator* flow, const MakeStepHooks* make_hooks,
                              Call call) {
  OPALINE_CO_TRY(contract::JsonRequest request, read_json_request(call.request.body));
  flow::StepObserver observer = [query = call.query](const flow::StepReport& report) {
    query->step(report, QueryRecord::StepNames::own);
  };
  std::unique_ptr<flow::StepHooks> hooks;
  if (*make_hooks) hooks = (*make_hooks)(call.context);
  OPALINE_CO_TRY(flow::JsonFlowReply reply,
                 co_await flow->schedule(flow::flow_request(std::move(request)), call.context,
                                         hooks.get(), std::move(observer)));
  OPALINE_CO_TRY(flow::JsonStepOutput answer, std::move(reply).take_answer());
  co_return json_service_reply(flow::service_reply(std::move(answer)), std::move(call));
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
