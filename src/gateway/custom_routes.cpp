#include "gateway/custom_routes.hpp"

#include <boost/json/serialize.hpp>
#include <utility>

#include "contract/json.hpp"
#include "gateway/byte_reply.hpp"

namespace opaline::gateway {
namespace {

using base::Result;
using base::Task;
using http::Response;

Result<contract::JsonRequest> read(std::string_view body) {
  OPALINE_TRY(boost::json::value value, contract::parse_json(body));
  contract::JsonRequest request;
  if (const boost::json::object* object = value.if_object()) {
    contract::Fields fields(*object);
    request.stream = fields.flag("stream").value_or(false);
    OPALINE_TRY_DO(fields.check());
  }
  request.body = std::move(value);
  return request;
}

Task<Result<Response>> answer(contract::Service* service, Call call) {
  OPALINE_CO_TRY(contract::JsonRequest request, read(call.request.body));
  OPALINE_CO_TRY(contract::Reply reply, co_await service->call(std::move(request), call.context));
  if (auto* json = std::get_if<contract::JsonReply>(&reply)) {
    co_return Response::json(200, boost::json::serialize(json->body));
  }
  if (auto* bytes = std::get_if<contract::BytesReply>(&reply)) {
    co_return bytes_reply(std::move(*bytes));
  }
  if (auto* stream = std::get_if<std::unique_ptr<contract::ByteStream>>(&reply)) {
    co_return stream_reply(std::move(*stream), std::move(call));
  }
  co_return base::fail(base::ErrorCode::internal,
                       "the service answered with another kind of reply");
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
