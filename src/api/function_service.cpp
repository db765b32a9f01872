#include "api/function_service.hpp"

#include <utility>

#include "api/drive.hpp"
#include "api/stream_state.hpp"
#include "base/limits.hpp"

namespace opaline {

Call::Call(std::shared_ptr<const detail::CallState> state) noexcept : state_(std::move(state)) {}
bool Call::stream() const noexcept { return state_->stream; }
std::chrono::nanoseconds Call::remaining() const { return state_->context.remaining(); }
bool Call::cancelled() const noexcept { return state_->context.cancelled(); }
const std::string& Call::request_id() const noexcept { return state_->context.request_id; }
std::string Call::trace_id() const { return state_->context.trace.trace_id_hex(); }

namespace api {
namespace {

/// In a coroutine of its own, so that what the function throws at once is caught as the rest is.
Task<Reply> answer(const ServiceFunction* function, Json inputs, Call call) {
  co_return co_await (*function)(std::move(inputs), std::move(call));
}

base::Task<base::Result<contract::Reply>> collect(std::unique_ptr<contract::ByteStream> stream) {
  contract::BytesReply whole{.content_type = stream->content_type(), .bytes = {}};
  for (;;) {
    OPALINE_CO_TRY(std::optional<std::string> piece, co_await stream->next());
    if (!piece) co_return contract::Reply(std::move(whole));
    whole.bytes += *piece;
    if (whole.bytes.size() > limits::kReplyBytes) {
      co_return base::fail(base::ErrorCode::resource_exhausted, "its streamed answer is too long");
    }
  }
}

contract::Health to_health(Health health) {
  return {.state = static_cast<contract::Health::State>(health.state),
          .reason = std::move(health.reason)};
}

}  // namespace

FunctionService::FunctionService(std::unique_ptr<opaline::Service> object)
    : object_(std::move(object)), function_([object = object_.get()](Json inputs, Call call) {
        return object->call(std::move(inputs), std::move(call));
      }) {}

base::Task<base::Result<contract::Reply>> FunctionService::call(contract::Request request,
                                                                base::Context context) {
  auto* asked = std::get_if<contract::JsonRequest>(&request);
  if (asked == nullptr) {
    co_return base::fail(base::ErrorCode::invalid_argument, "it takes JSON only");
  }
  // Owners: the copies of the Call.
  Call about(std::make_shared<const detail::CallState>(context, asked->stream));
  OPALINE_CO_TRY(Reply reply,
                 co_await drive(answer(&function_, std::move(asked->body), std::move(about)),
                                context, &workers_));
  if (reply.is_json()) co_return contract::JsonReply{.body = std::move(reply.json())};
  if (reply.is_bytes()) {
    Bytes& bytes = reply.bytes();
    co_return contract::BytesReply{.content_type = std::move(bytes.content_type),
                                   .bytes = std::move(bytes.bytes)};
  }
  OPALINE_CO_TRY(std::unique_ptr<contract::ByteStream> stream,
                 byte_stream(std::move(reply.stream()), std::move(context), &workers_));
  co_return contract::Reply(std::move(stream));
}

contract::Health FunctionService::health() const {
  return object_ ? to_health(object_->health()) : contract::Health{};
}

base::Task<base::Result<contract::Reply>> StepService::call(contract::Request request,
                                                            base::Context context) {
  const auto* asked = std::get_if<contract::JsonRequest>(&request);
  const bool stream_wanted = asked != nullptr && asked->stream;
  OPALINE_CO_TRY(contract::Reply reply,
                 co_await service_.call(std::move(request), std::move(context)));
  auto* stream = std::get_if<std::unique_ptr<contract::ByteStream>>(&reply);
  if (stream == nullptr || stream_wanted) co_return reply;
  co_return co_await collect(std::move(*stream));
}

}  // namespace api
}  // namespace opaline
