#include "services/llm/llm_service.hpp"

#include <atomic>
#include <memory>
#include <utility>

#include "base/channel_wait.hpp"
#include "base/limits.hpp"
#include "services/llm/generation_request.hpp"

namespace opaline::services {
namespace {

using base::ErrorCode;

/// A piece of text, or the end.
struct Piece {
  std::string text;
  std::optional<base::Result<engine::Generated>> end;
};

/// Between the generator's thread and one reader. Held by shared_ptr: its owners are the reader and
/// the sink that the generator keeps, and either may go first.
struct Pipe {
  explicit Pipe(boost::asio::any_io_executor executor)
      // A generation has at most kAnswerTokens pieces and a few at its end (what a stop string held
      // back): a reader that never reads costs one answer.
      : pieces(std::make_shared<base::Channel<Piece>>(std::move(executor),
                                                      limits::kAnswerTokens + 16)) {}

  std::shared_ptr<base::Channel<Piece>> pieces;
  std::atomic<bool> left = false;  ///< The reader is gone, or could not keep up.
};

engine::GenerationSink sink_of(const std::shared_ptr<Pipe>& pipe, const base::Context& context) {
  engine::GenerationSink sink;
  sink.on_text = [pipe](std::string text) {
    if (!pipe->pieces->push({.text = std::move(text), .end = {}})) pipe->left = true;
  };
  sink.on_end = [pipe](base::Result<engine::Generated> end) {
    pipe->pieces->push({.text = {}, .end = std::move(end)});
    pipe->pieces->close();
  };
  sink.abandoned = [pipe, cancellation = context.cancellation, deadline = context.deadline] {
    return pipe->left || cancellation->requested() || base::Context::Clock::now() >= deadline;
  };
  return sink;
}

contract::ChatReply reply_of(const engine::Generated& generated, const std::string& model) {
  contract::ChatReply reply;
  reply.finish_reason = generated.reason == engine::Generated::Reason::length
                            ? contract::FinishReason::length
                            : contract::FinishReason::stop;
  reply.usage = {.prompt_tokens = generated.prompt_tokens,
                 .completion_tokens = generated.completion_tokens,
                 .cached_tokens = generated.cached_tokens};
  reply.model = model;
  return reply;
}

/// The answer of one generation, pulled. A plain dialogue's answer begins after "Assistant:", so
/// its first blanks go.
class GenerationStream final : public contract::ChatStream {
 public:
  struct Settings {
    std::string model;
    bool trim_front = false;
  };

  GenerationStream(std::shared_ptr<Pipe> pipe, base::Context context, Settings settings)
      : pipe_(std::move(pipe)), context_(std::move(context)), settings_(std::move(settings)) {}
  ~GenerationStream() override {
    pipe_->left = true;
    pipe_->pieces->close();
  }
  GenerationStream(const GenerationStream&) = delete;
  GenerationStream& operator=(const GenerationStream&) = delete;

  base::Task<base::Result<contract::ChatDelta>> next() override {
    for (;;) {
      OPALINE_CO_TRY(Piece piece, co_await base::next_within(pipe_->pieces, context_));
      if (piece.end) co_return ended(std::move(*piece.end));
      if (settings_.trim_front) trim(piece.text);
      if (!piece.text.empty())
        co_return contract::ChatDelta{.text = std::move(piece.text), .end = {}};
    }
  }

 private:
  base::Result<contract::ChatDelta> ended(base::Result<engine::Generated> end) const {
    OPALINE_TRY(const engine::Generated generated, std::move(end));
    return contract::ChatDelta{.text = {}, .end = reply_of(generated, settings_.model)};
  }

  void trim(std::string& text) {
    text.erase(0, text.find_first_not_of(" \n\t"));
    if (!text.empty()) settings_.trim_front = false;
  }

  std::shared_ptr<Pipe> pipe_;
  base::Context context_;
  Settings settings_;
};

base::Task<base::Result<contract::Reply>> collect(std::unique_ptr<contract::ChatStream> stream) {
  std::string text;
  for (;;) {
    OPALINE_CO_TRY(contract::ChatDelta delta, co_await stream->next());
    text += delta.text;
    if (!delta.end) continue;
    delta.end->text = std::move(text);
    co_return contract::Reply(std::move(*delta.end));
  }
}

base::Result<void> check(const contract::ChatRequest& request) {
  if (request.prompt || !request.messages.empty() || request.grounding) return {};
  return base::fail(ErrorCode::invalid_argument, "a chat request needs at least one message");
}

}  // namespace

base::Task<base::Result<contract::Reply>> LlmService::call(contract::Request request,
                                                           base::Context context) {
  const auto* chat = std::get_if<contract::ChatRequest>(&request);
  if (chat == nullptr)
    co_return base::fail(ErrorCode::invalid_argument, "the llm service takes chat requests only");
  OPALINE_CO_TRY_DO(check(*chat));
  const PromptStyle style =
      generator_.has_chat_template() ? PromptStyle::chat_template : PromptStyle::plain_dialogue;
  const bool dialogue = style == PromptStyle::plain_dialogue && !chat->prompt;
  auto pipe = std::make_shared<Pipe>(co_await boost::asio::this_coro::executor);
  generator_.submit(generation_of(*chat, style), sink_of(pipe, context));
  std::unique_ptr<contract::ChatStream> stream = std::make_unique<GenerationStream>(
      std::move(pipe), std::move(context),
      GenerationStream::Settings{.model = generator_.model_name(), .trim_front = dialogue});
  if (chat->stream) co_return contract::Reply(std::move(stream));
  co_return co_await collect(std::move(stream));
}

}  // namespace opaline::services
