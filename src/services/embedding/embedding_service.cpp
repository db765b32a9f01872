#include "services/embedding/embedding_service.hpp"

#include <memory>
#include <utility>

#include "base/channel_wait.hpp"
#include "base/limits.hpp"

namespace opaline::services {
namespace {

using base::ErrorCode;
using Encoded = base::Result<std::vector<engine::Encoded>>;

engine::EncodeJob job_of(contract::EmbeddingRequest request, const base::Context& context) {
  using enum contract::EmbeddingRequest::Priority;
  engine::EncodeJob job;
  job.texts = std::move(request.texts);
  job.priority = request.priority == bulk ? engine::EncodeJob::Priority::bulk
                                          : engine::EncodeJob::Priority::query;
  // Asked on the encoder's threads; the cancellation is shared with it for that.
  job.abandoned = [cancellation = context.cancellation, deadline = context.deadline] {
    return cancellation->requested() || base::Context::Clock::now() >= deadline;
  };
  return job;
}

contract::EmbeddingReply reply_of(std::vector<engine::Encoded> encoded,
                                  const engine::Encoder& encoder) {
  contract::EmbeddingReply reply;
  reply.model = encoder.model_name();
  reply.vectors.reserve(encoded.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    reply.prompt_tokens += encoded[i].tokens;
    if (encoded[i].cut) {
      reply.warnings.push_back("input " + std::to_string(i) + ": " +
                               std::to_string(encoded[i].tokens) + " tokens, cut to " +
                               std::to_string(encoder.window_tokens()));
    }
    reply.vectors.push_back(std::move(encoded[i].values));
  }
  return reply;
}

}  // namespace

base::Task<base::Result<contract::Reply>> EmbeddingService::call(contract::Request request,
                                                                 base::Context context) {
  auto* embedding = std::get_if<contract::EmbeddingRequest>(&request);
  if (embedding == nullptr) {
    co_return base::fail(ErrorCode::invalid_argument,
                         "the embedding service takes embedding requests only");
  }
  const std::size_t texts = embedding->texts.size();
  if (texts == 0)
    co_return base::fail(ErrorCode::invalid_argument,
                         "an embedding request needs at least one text");
  if (texts > limits::kEmbeddingTexts) {
    co_return base::fail(ErrorCode::invalid_argument, "an embedding request holds at most " +
                                                          std::to_string(limits::kEmbeddingTexts) +
                                                          " texts, got " + std::to_string(texts));
  }
  // Owned by this frame and by the encoder's callback, whichever ends last.
  auto channel =
      std::make_shared<base::Channel<Encoded>>(co_await boost::asio::this_coro::executor, 1);
  encoder_.submit(job_of(std::move(*embedding), context),
                  [channel](Encoded encoded) { channel->push(std::move(encoded)); });
  OPALINE_CO_TRY(Encoded result, co_await base::next_within(channel, context));
  OPALINE_CO_TRY(std::vector<engine::Encoded> encoded, std::move(result));
  if (encoded.size() != texts) {
    co_return base::fail(ErrorCode::internal,
                         "the embedding model returned another number of vectors than texts");
  }
  co_return contract::Reply(reply_of(std::move(encoded), encoder_));
}

}  // namespace opaline::services
