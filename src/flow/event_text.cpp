#include "flow/event_text.hpp"

#include "contract/chat_reply_json.hpp"
#include "contract/chatqna_event.hpp"
#include "contract/json.hpp"

namespace opaline::flow {

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
  return std::move(chunk.text);
}

}  // namespace opaline::flow
