#include "gateway/custom_routes.hpp"

#include <utility>

#include "gateway/json_service.hpp"

namespace opaline::gateway {
namespace {

using base::Result;
using base::Task;
using http::Response;

Task<Result<Response>> answer(contract::Service* service, Call call) {
  OPALINE_CO_TRY(contract::JsonRequest request, read_json_request(call.request.body));
  OPALINE_CO_TRY(contract::Reply reply, co_await service->call(std::move(request), call.context));
  co_return json_service_reply(std::move(reply), std::move(call));
}

}  // namespace

std::vector<Route> custom_routes(contract::Service& service, const std::string& endpoint) {
  std::vector<Route> routes;
  routes.push_back(
      {.method = "POST",
       .pattern = endpoint,
       .answer = [service = &service](Call call) { return answer(service, std::move(call)); },
       .documentation = {.tag = "Services",
                         .summary = "Ask the service: any JSON in, what it says out",
                         .request_example = R"({"text":"How is a backup restored?"})"},
       .cost = Route::Cost::query,
       .errors = ErrorShape::opea});
  return routes;
}

}  // namespace opaline::gateway
