#include "flow/event_text.hpp"

#include <utility>

#include "base/limits.hpp"
#include "contract/chat_reply_json.hpp"
#include "contract/chatqna_event.hpp"
#include "contract/json.hpp"

namespace opaline::flow {
namespace {

constexpr std::size_t kExcerptBytes = 500;  // For the log.

}  // namespace

base::Result<std::optional<std::string>> EventText::next() {
  const auto event = parser_.next();
  if (!event) return std::nullopt;
  OPALINE_TRY(std::string text, text_of(event->data));
  return text;
}

base::Result<std::string> EventText::text_of(const std::string& data) {
  if (data == "[DONE]") {
    done_ = true;
    return std::string();
  }
  if (auto bytes = contract::read_python_bytes(data)) return *std::move(bytes);
  const auto object = contract::parse_json_object(data);
  if (!object) return data;
  if (const auto* text = object->if_contains("text"); text != nullptr && text->is_string()) {
    return std::string(text->get_string());
  }
  OPALINE_TRY(contract::ChatChunk chunk, contract::read_chat_chunk(data));
  finished_ = finished_ || chunk.finish_reason.has_value();
  if (chunk.extensions) {
    const contract::ChatReply before = std::exchange(end_, *std::move(chunk.extensions));
    end_.finish_reason = before.finish_reason;
    end_.usage = before.usage;
    end_.model = before.model;
  }
  if (chunk.finish_reason) end_.finish_reason = *chunk.finish_reason;
  if (chunk.usage) end_.usage = *chunk.usage;
  if (end_.model.empty()) end_.model = std::move(chunk.model);
  return std::move(chunk.text);
}

base::Task<base::Result<std::string>> read_all(std::unique_ptr<contract::ByteStream> answer) {
  std::string all;
  for (;;) {
    OPALINE_CO_TRY(const std::optional<std::string> bytes, co_await answer->next());
    if (!bytes) co_return all;
    if (all.size() + bytes->size() > limits::kReplyBytes) {
      co_return base::fail(base::ErrorCode::resource_exhausted, "its answer is too large");
    }
    all += *bytes;
  }
}

base::Result<std::string> text_of_answer(std::string_view body) {
  const auto object = contract::parse_json_object(body);
  const auto* text = object ? object->if_contains("text") : nullptr;
  if (text != nullptr && text->is_string()) return std::string(text->get_string());
  auto reply = contract::read_chat_reply(body);
  if (reply) return std::move(reply->text);
  return base::fail(base::ErrorCode::internal,
                    "it answered with JSON that holds no text, where a stream was wanted",
                    std::string(body.substr(0, kExcerptBytes)));
}

}  // namespace opaline::flow
