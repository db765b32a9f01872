#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "contract/embedding.hpp"

namespace opaline::contract {

/// How an embedding request came, and hence how its reply is written.
///   openai  POST /v1/embeddings {"input": "…" | ["…"], "encoding_format"?, "dimensions"?} →
///   {"object":"list","data":[…]} tei     POST /embed         {"inputs": "…" | ["…"]} → [[…], …]
struct EmbeddingForm {
  enum class Dialect { openai, tei } dialect = Dialect::openai;
  enum class Encoding { numbers, base64 } encoding = Encoding::numbers;  ///< openai only.
  std::optional<std::size_t> dimensions;  ///< Asked for; the model's own or an error.
};

struct EmbeddingCall {
  EmbeddingRequest request;
  EmbeddingForm form;
};

/// Reads either dialect: "inputs" makes it TEI. Extension: "priority": "query" | "bulk".
/// @error invalid_argument: bad JSON, no text, token arrays, too many texts, a wrong type; names
/// the field.
[[nodiscard]] base::Result<EmbeddingCall> read_embedding_request(std::string_view body);

/// The request in `form`. TEI: exactly {"inputs": "…"} for one text; several ask for cutting
/// ("truncate": true). OpenAI: extensions only where they differ from their defaults.
[[nodiscard]] std::string write_embedding_request(const EmbeddingRequest& request,
                                                  const EmbeddingForm& form);

/// The reply in `form`; OpenAI with the extension field "warnings" when there are any.
/// @error invalid_argument: other dimensions were asked for than the model has.
[[nodiscard]] base::Result<std::string> write_embedding_reply(const EmbeddingReply& reply,
                                                              const EmbeddingForm& form);

}  // namespace opaline::contract
