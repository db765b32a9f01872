#include "gateway/answer_stream.hpp"

#include <boost/asio/this_coro.hpp>
#include <optional>
#include <utility>

#include "contract/chatqna_event.hpp"
#include "gateway/answer_pump.hpp"
#include "gateway/error_reply.hpp"

namespace opaline::gateway {
namespace {

using base::Result;
using base::Task;
using contract::ChatDelta;
using contract::ChatReply;

class OpenAiAnswer final : public AnswerWriter {
 public:
  explicit OpenAiAnswer(contract::ChatEnvelope envelope) : chunks_(std::move(envelope)) {}
  std::string first() override { return chunks_.first(); }
  std::string piece(std::string_view text) override { return chunks_.text(text); }
  std::string last(const ChatReply& end) override {
    return chunks_.last(end) + std::string(contract::ChatChunks::kDone);
  }

 private:
  contract::ChatChunks chunks_;
};

class ChatQnaAnswer final : public AnswerWriter {
 public:
  std::string first() override { return {}; }
  std::string piece(std::string_view text) override { return contract::chatqna_event(text); }
  std::string last(const ChatReply&) override { return std::string(contract::ChatChunks::kDone); }
};

/// See stream_answer.
class AnswerBody final : public http::BodyStream {
 public:
  AnswerBody(std::shared_ptr<AnswerPump> pump, std::unique_ptr<AnswerWriter> writer,
             base::Context context, std::shared_ptr<QueryRecord> record,
             AnswerStreamSettings settings)
      : pump_(std::move(pump)),
        writer_(std::move(writer)),
        context_(std::move(context)),
        record_(std::move(record)),
        settings_(settings),
        opening_(writer_->first()) {}

  ~AnswerBody() override {
    pump_->stop();
    if (!ended_) context_.cancellation->request();
  }

  Task<Result<std::optional<std::string>>> next() override {
    while (!ended_) {
      std::string bytes = std::exchange(opening_, {});
      while (!ended_) {
        auto item = pump_->take();
        if (!item) break;
        bytes += *item ? written(**std::move(item)) : broken(item->error());
      }
      if (!bytes.empty()) co_return bytes;
      if (ended_) break;
      if (!co_await pump_->wait(AnswerPump::Clock::now() + settings_.heartbeat))
        co_return ": waiting\n\n";
    }
    co_return std::nullopt;
  }

 private:
  std::string written(ChatDelta delta) {
    if (!delta.end) {
      if (delta.text.empty()) return {};
      if (record_) record_->piece();
      text_ += delta.text;
      return writer_->piece(delta.text);
    }
    ended_ = true;
    delta.end->text = std::move(text_);
    std::string bytes = writer_->last(*delta.end);
    if (record_) {
      record_->answered(*delta.end);
      record_->succeeded(200);
    }
    return bytes;
  }

  std::string broken(const base::Error& error) {
    ended_ = true;
    if (record_) record_->broke(error);
    return "data: " + error_json(error, context_.request_id) + "\n\n";
  }

  std::shared_ptr<AnswerPump> pump_;  // Shared with its own pulling task.
  std::unique_ptr<AnswerWriter> writer_;
  base::Context context_;
  std::shared_ptr<QueryRecord> record_;  // Shared with the pipeline until the reply is on its way.
  AnswerStreamSettings settings_;
  std::string opening_;
  std::string text_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<AnswerWriter> openai_answer(contract::ChatEnvelope envelope) {
  return std::make_unique<OpenAiAnswer>(std::move(envelope));
}

std::unique_ptr<AnswerWriter> chatqna_answer() { return std::make_unique<ChatQnaAnswer>(); }

Task<Result<http::Response>> stream_answer(std::unique_ptr<contract::ChatStream> answer,
                                           std::unique_ptr<AnswerWriter> writer,
                                           base::Context context,
                                           std::shared_ptr<QueryRecord> record,
                                           AnswerStreamSettings settings) {
  auto pump = AnswerPump::start(co_await boost::asio::this_coro::executor, std::move(answer),
                                context.lease);
  // From here on the body's end stops the pump, whatever happens.
  auto body = std::make_unique<AnswerBody>(pump, std::move(writer), std::move(context),
                                           std::move(record), settings);
  co_await pump->wait(AnswerPump::Clock::now() + settings.heartbeat);
  if (const AnswerPump::Item* item = pump->peek(); item != nullptr && !*item)
    co_return base::fail(item->error());

  http::Response reply;
  reply.headers.set("Content-Type", "text/event-stream; charset=utf-8");
  reply.headers.set("Cache-Control", "no-store");
  reply.headers.set("X-Accel-Buffering", "no");  // nginx must not hold pieces back.
  reply.stream = std::move(body);
  co_return reply;
}

}  // namespace opaline::gateway
