#pragma once

#include <string>

#include "contract/service.hpp"

namespace opaline::flow {

/// A service of ours as a step of a JSON flow: takes and gives the JSON of its own endpoint.
///
///   embedding  {"input"} or {"inputs"} → OpenAI's or TEI's reply; {"text"}, {"query"} or
///              {"messages"} → the same object with "text" and "embedding" (OPEA's EmbedDoc)
///   retrieval, reranking  each style of OPEA
///   llm        {"messages"}, {"prompt"}, {"query", "documents"}, or {"text"} alone → OpenAI's
///              completion with "text" beside it, or its chunks
///
/// Any thread; the service must outlive it and its streams.
class JsonFace final : public contract::Service {
 public:
  /// @param service of another kind than dataprep and custom.
  explicit JsonFace(contract::Service& service);

  [[nodiscard]] contract::ServiceKind kind() const override {
    return contract::ServiceKind::custom;
  }
  /// @error invalid_argument: not what the service's endpoint takes; otherwise the service's own.
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  [[nodiscard]] contract::Health health() const override { return service_.health(); }

 private:
  base::Task<base::Result<boost::json::value>> embed(boost::json::value body,
                                                     base::Context context);
  base::Task<base::Result<boost::json::value>> retrieve(std::string body, base::Context context);
  base::Task<base::Result<boost::json::value>> rerank(std::string body, base::Context context);
  base::Task<base::Result<contract::Reply>> chat(contract::JsonRequest request,
                                                 base::Context context);

  contract::Service& service_;
};

}  // namespace opaline::flow
