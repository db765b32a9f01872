#pragma once

#include <memory>
#include <string>

#include "contract/service.hpp"
#include "http/client.hpp"
#include "services/remote/upstream_error.hpp"

namespace opaline::services {

struct RemoteSettings {
  contract::ServiceKind kind = contract::ServiceKind::llm;
  http::Endpoint endpoint;
  /// Chooses the dialect, see RemoteService. Empty: OPEA's endpoint of the kind.
  std::string path;
  /// Sent in place of the request's; empty: the request's own. In JSON where the body names none.
  std::string model;
  std::string api_key;  ///< By reference, see resolve_api_key(); empty: no Authorization header.
  enum class Peer {
    foreign,  ///< Any server of the dialect: gets nothing that it might not know.
    opaline,  ///< A process of ours: vectors as base64, extension fields, its errors passed on.
  } peer = Peer::foreign;
  std::string label;  ///< How errors name it; empty: "the <kind> service at <url>".
};

/// Asks another process over HTTP, in the dialect of its endpoint's path:
///
///   kind       path ends in                 dialect
///   embedding  /embed                       TEI, at most 32 texts a call
///              anything else                OpenAI's embeddings
///   retrieval  anything                     OPEA {"text", "embedding", …}
///   reranking  /v1/rerank, /v2/rerank       Cohere, Jina
///              /rerank                      TEI, at most 32 texts a call
///              anything else                OPEA {"input", "retrieved_docs", "top_n"}
///   llm        anything                     OpenAI's chat completions; a prompt goes to
///   /completions beside it
///   custom     anything                     the JSON as it is, and the answer as it comes
///
/// Sends the trace, and what is left of the deadline in x-request-deadline-ms. Never retries: a
/// retry needs the budget of the whole request, which only the caller knows. Any thread; the client
/// must outlive it and its streams.
class RemoteService final : public contract::Service {
 public:
  /// @error invalid_argument: dataprep has no remote dialect, or the key is given in clear;
  /// failed_precondition: the key's variable or file is missing.
  [[nodiscard]] static base::Result<std::unique_ptr<RemoteService>> create(RemoteSettings settings,
                                                                           http::Client& client);

  [[nodiscard]] contract::ServiceKind kind() const override { return settings_.kind; }
  /// @error as upstream_error.hpp says; unavailable: refused, reset, or an answer that broke off;
  /// internal: it answered with something else; invalid_argument: a request of another kind;
  /// deadline_exceeded; cancelled.
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  /// Always ready: what another machine is able to do shows when it is asked.
  [[nodiscard]] contract::Health health() const override { return {}; }

 private:
  enum class Dialect { openai, tei, cohere, opea };
  /// A reply of status 2xx whose body is still to come, and what ends it.
  struct OpenStream {
    std::unique_ptr<http::ClientStream> stream;
    std::shared_ptr<base::Cancellation> cancellation;
    base::Cancellation::Registration follows;
  };

  RemoteService(RemoteSettings settings, std::string api_key, http::Client& client);

  base::Task<base::Result<contract::Reply>> embed(contract::EmbeddingRequest request,
                                                  base::Context context);
  base::Task<base::Result<contract::EmbeddingReply>> embed_batch(contract::EmbeddingRequest request,
                                                                 base::Context context);
  base::Task<base::Result<contract::Reply>> retrieve(contract::RetrievalRequest request,
                                                     base::Context context);
  base::Task<base::Result<contract::Reply>> rerank(contract::RerankingRequest request,
                                                   base::Context context);
  base::Task<base::Result<contract::RerankingReply>> rerank_batch(
      contract::RerankingRequest request, base::Context context);
  base::Task<base::Result<contract::Reply>> chat(contract::ChatRequest request,
                                                 base::Context context);
  base::Task<base::Result<contract::Reply>> open_stream(http::ClientRequest request,
                                                        base::Context context);
  base::Task<base::Result<contract::Reply>> ask(contract::JsonRequest request,
                                                base::Context context);
  base::Task<base::Result<OpenStream>> open(http::ClientRequest request, base::Context context);

  /// The body of a reply of status 200.
  base::Task<base::Result<std::string>> post(std::string body, base::Context context);
  [[nodiscard]] http::ClientRequest post_request(std::string path, std::string body,
                                                 const base::Context& context) const;
  [[nodiscard]] std::size_t batch_texts() const;
  void choose_model(std::string& model) const;
  /// The model, where the body names none, and the usage of a stream in OpenAI's dialect.
  void complete(contract::JsonRequest& request) const;
  [[nodiscard]] bool ours() const { return settings_.peer == RemoteSettings::Peer::opaline; }

  RemoteSettings settings_;
  std::string api_key_;
  http::Client& client_;
  Upstream upstream_;
  Dialect dialect_;
};

}  // namespace opaline::services
