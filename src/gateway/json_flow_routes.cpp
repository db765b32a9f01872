#include "gateway/json_flow_routes.hpp"

#include <boost/json/serialize.hpp>
#include <utility>

#include "contract/json.hpp"
#include "flow/flow_service.hpp"
#include "gateway/error_reply.hpp"

namespace opaline::gateway {
namespace json = boost::json;
namespace {

using base::Result;
using base::Task;
using http::Response;

/// The bytes of a step's stream. What breaks off becomes an event that says so.
class StepBody final : public http::BodyStream {
 public:
  StepBody(std::unique_ptr<contract::ByteStream> stream, base::Context context,
           std::shared_ptr<QueryRecord> record)
      : stream_(std::move(stream)), context_(std::move(context)), record_(std::move(record)) {}
  ~StepBody() override {
    if (!ended_) context_.cancellation->request();
  }

  Task<Result<std::optional<std::string>>> next() override {
    if (ended_) co_return std::nullopt;
    auto bytes = co_await stream_->next();
    if (bytes && *bytes) {
      if (record_) record_->piece();
      co_return bytes;
    }
    ended_ = true;
    if (bytes) {
      if (record_) record_->succeeded(200);
      co_return std::nullopt;
    }
    if (record_) record_->broke(bytes.error());
    co_return "data: " + error_json(bytes.error(), context_.request_id) + "\n\n";
  }

 private:
  std::unique_ptr<contract::ByteStream> stream_;
  base::Context context_;
  std::shared_ptr<QueryRecord> record_;  // Shared with the pipeline until the reply is on its way.
  bool ended_ = false;
};

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

Response streamed(std::unique_ptr<contract::ByteStream> stream, Call call) {
  Response reply;
  reply.headers.set("Content-Type", stream->content_type());
  reply.headers.set("Cache-Control", "no-store");
  reply.headers.set("X-Accel-Buffering", "no");  // nginx must not hold pieces back.
  reply.stream =
      std::make_unique<StepBody>(std::move(stream), std::move(call.context), std::move(call.query));
  return reply;
}

Result<Response> written(flow::JsonFlowReply reply, Call call) {
  OPALINE_TRY(flow::JsonStepOutput answer, std::move(reply).take_answer());
  if (auto* stream = std::get_if<std::unique_ptr<contract::ByteStream>>(&answer)) {
    return streamed(std::move(*stream), std::move(call));
  }
  if (auto* bytes = std::get_if<contract::BytesReply>(&answer)) {
    Response one;
    one.headers.set("Content-Type", bytes->content_type);
    one.body = std::move(bytes->bytes);
    return one;
  }
  return Response::json(200, json::serialize(std::get<json::value>(answer)));
}

Task<Result<Response>> answer(const flow::Orchestrator* flow, Call call) {
  OPALINE_CO_TRY(flow::JsonFlowRequest request, read(call.request.body));
  flow::StepObserver observer = [query = call.query](const flow::StepReport& report) {
    query->step(report);
  };
  OPALINE_CO_TRY(
      flow::JsonFlowReply reply,
      co_await flow->schedule(std::move(request), call.context, nullptr, std::move(observer)));
  co_return written(std::move(reply), std::move(call));
}

}  // namespace

std::vector<Route> json_flow_routes(const flow::Orchestrator& flow, const std::string& endpoint) {
  std::vector<Route> routes;
  routes.push_back(
      {.method = "POST",
       .pattern = endpoint,
       .answer = [flow = &flow](Call call) { return answer(flow, std::move(call)); },
       .documentation = {.tag = "Answers",
                         .summary = "Ask the flow: any JSON in, what its last step says out",
                         .request_example = R"({"text":"How is a backup restored?"})"},
       .cost = Route::Cost::query,
       .errors = ErrorShape::opea});
  return routes;
}

}  // namespace opaline::gateway
