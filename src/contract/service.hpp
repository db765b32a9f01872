#pragma once

#include <memory>
#include <string>
#include <variant>

#include "base/context.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "contract/chat.hpp"
#include "contract/dataprep.hpp"
#include "contract/embedding.hpp"
#include "contract/json_message.hpp"
#include "contract/retrieval.hpp"

namespace opaline::contract {

/// The kinds of microservice, by the message pair they speak. `custom`: any JSON in, any JSON (or
/// bytes, or a stream of bytes) out; what OPEA calls UNDEFINED.
enum class ServiceKind { embedding, retrieval, reranking, llm, dataprep, custom };

[[nodiscard]] std::string_view name(ServiceKind kind);
/// OPEA's names and their usual spellings ("retriever", "rerank", "chat" …); nothing for others,
/// nor for `custom`, which no name tells.
[[nodiscard]] std::optional<ServiceKind> service_kind(std::string_view name);
/// Whether `text` may name a service or a step: 1 … 64 of A-Z a-z 0-9 _ . -
[[nodiscard]] bool is_service_name(std::string_view text);
[[nodiscard]] bool is_service_name_character(char character);
/// OPEA's endpoint of the kind, e.g. "/v1/embeddings", and its port.
[[nodiscard]] std::string_view default_endpoint(ServiceKind kind);
[[nodiscard]] int default_port(ServiceKind kind);

using Request = std::variant<EmbeddingRequest, RetrievalRequest, RerankingRequest, ChatRequest,
                             DataprepRequest, JsonRequest>;
/// A stream answers a request with `stream` set; everything else is a value.
using Reply = std::variant<EmbeddingReply, RetrievalReply, RerankingReply, ChatReply,
                           std::unique_ptr<ChatStream>, DataprepReply, JsonReply, BytesReply,
                           std::unique_ptr<ByteStream>>;

/// Whether a service can do its work now.
struct Health {
  enum class State { ready, starting, failed } state = State::ready;
  std::string reason;  ///< Of `starting` and `failed`: for people.
};

/// The one interface that carries the product: a message and a context in; a reply or a stream out.
///
/// An implementation computes (services/embedding, …) or asks another process (services/remote);
/// the caller cannot tell. Safe to call from every I/O thread at once; the reply comes on the
/// caller's thread. An implementation honours the context: it ends with `deadline_exceeded` or
/// `cancelled` soon after the deadline or the cancellation. A request of another kind than the
/// service's gets `invalid_argument`.
class Service {
 public:
  virtual ~Service() = default;
  [[nodiscard]] virtual ServiceKind kind() const = 0;
  virtual base::Task<base::Result<Reply>> call(Request request, base::Context context) = 0;
  /// Cheap, any thread.
  [[nodiscard]] virtual Health health() const = 0;
};

/// `service.call`, with the reply's type checked: a reply of another type is `internal`.
template <class T>
base::Task<base::Result<T>> call(Service& service, Request request, base::Context context) {
  auto reply = co_await service.call(std::move(request), std::move(context));
  if (!reply) co_return base::fail(std::move(reply).error());
  if (T* value = std::get_if<T>(&*reply)) co_return std::move(*value);
  co_return base::fail(base::ErrorCode::internal,
                       "the service answered with another kind of reply");
}

}  // namespace opaline::contract
