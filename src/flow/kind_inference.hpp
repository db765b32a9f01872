#pragma once

#include <optional>
#include <string_view>

#include "contract/service.hpp"

namespace opaline::flow {

/// The kind that a service's name tells: "embedding", "retriever", and names with such a word,
/// numbered or not: "embedding-tei", "my_llm2". The name of an engine (tei, tgi, vllm) counts only
/// where no other word does. Nothing when two words disagree.
[[nodiscard]] std::optional<contract::ServiceKind> kind_of_name(std::string_view name);
/// The kind that an endpoint's path tells: "/embed", "/v1/chat/completions".
[[nodiscard]] std::optional<contract::ServiceKind> kind_of_endpoint(std::string_view path);

/// Why a step of kind `to` cannot follow one of kind `from`, as a sentence; empty when it can.
[[nodiscard]] std::string_view misfit(contract::ServiceKind from, contract::ServiceKind to);

}  // namespace opaline::flow
