// Reads hostile bytes as a chat request, as each other request, and as replies; what is taken must
// survive being written and read again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "contract/chat_json.hpp"
#include "contract/chat_reply_json.hpp"
#include "contract/chatqna_event.hpp"
#include "contract/embedding_json.hpp"
#include "contract/reranking_json.hpp"
#include "contract/retrieval_json.hpp"

using namespace opaline::contract;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(bytes), size);
  if (const auto call = read_chat_request(body, {})) {
    for (const ChatPeer peer : {ChatPeer::opaline, ChatPeer::openai}) {
      const auto again = read_chat_request(write_chat_request(call->request, peer), {});
      OPALINE_ASSERT(again.has_value());
      if (peer == ChatPeer::opaline)
        OPALINE_ASSERT(again->request.messages == call->request.messages);
    }
  }
  if (const auto call = read_embedding_request(body)) {
    OPALINE_ASSERT(
        read_embedding_request(write_embedding_request(call->request, call->form)).has_value());
  }
  if (const auto call = read_retrieval_request(body)) (void)write_retrieval_reply({}, call->form);
  if (const auto call = read_reranking_request(body)) {
    (void)write_reranking_reply({.query = call->request.query, .hits = call->request.hits},
                                call->form);
  }
  (void)read_chat_reply(body);
  (void)read_chat_chunk(body);
  (void)read_retrieval_reply(body);
  (void)read_reranking_reply(body, {});
  OPALINE_ASSERT(read_python_bytes(python_bytes(body)) == body);
  (void)read_python_bytes(body);
  return 0;
}
