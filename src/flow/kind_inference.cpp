#include "flow/kind_inference.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/assert.hpp"

namespace opaline::flow {

using contract::ServiceKind;

std::optional<ServiceKind> kind_of_name(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c + ('a' - 'A')) : c; });
  constexpr std::array<std::string_view, 3> kEngines = {"tei", "tgi", "vllm"};
  std::optional<ServiceKind> told;
  std::optional<ServiceKind> told_by_engine;
  std::string_view rest = lower;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of("-_."), rest.size());
    std::string_view word = rest.substr(0, end);
    while (!word.empty() && word.back() >= '0' && word.back() <= '9') word.remove_suffix(1);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto kind = contract::service_kind(word);
    if (!kind) continue;
    const bool engine = std::ranges::find(kEngines, word) != kEngines.end();
    std::optional<ServiceKind>& said = engine ? told_by_engine : told;
    if (said && said != kind) return {};
    said = kind;
  }
  return told ? told : told_by_engine;
}

std::optional<ServiceKind> kind_of_endpoint(std::string_view path) {
  constexpr std::array<std::pair<std::string_view, ServiceKind>, 14> kEnds = {{
      {"/embeddings", ServiceKind::embedding},
      {"/embedding", ServiceKind::embedding},
      {"/embed", ServiceKind::embedding},
      {"/embed_all", ServiceKind::embedding},
      {"/retrieval", ServiceKind::retrieval},
      {"/retrieve", ServiceKind::retrieval},
      {"/retriever", ServiceKind::retrieval},
      {"/reranking", ServiceKind::reranking},
      {"/rerank", ServiceKind::reranking},
      {"/completions", ServiceKind::llm},
      {"/generate", ServiceKind::llm},
      {"/generate_stream", ServiceKind::llm},
      {"/dataprep", ServiceKind::dataprep},
      {"/dataprep/ingest", ServiceKind::dataprep},
  }};
  while (path.ends_with('/')) path.remove_suffix(1);
  for (const auto& [end, kind] : kEnds) {
    if (path.ends_with(end)) return kind;
  }
  return {};
}

std::string_view misfit(ServiceKind from, ServiceKind to) {
  constexpr std::string_view kNoStep = "dataprep takes documents in and is no step of a flow";
  if (from == ServiceKind::dataprep) return kNoStep;
  // What passes then is JSON: nothing is known of it before it is there.
  if (from == ServiceKind::custom || to == ServiceKind::custom) return "";
  switch (to) {
    case ServiceKind::embedding:
      return "an embedding is made of the question itself, so nothing leads to it";
    case ServiceKind::retrieval:
      return from == ServiceKind::embedding
                 ? ""
                 : "a retrieval searches for the question as it was asked; only an embedding can "
                   "lead to it";
    case ServiceKind::reranking:
      return from == ServiceKind::retrieval || from == ServiceKind::reranking
                 ? ""
                 : "a reranking orders the passages that a retrieval found; put a retrieval before "
                   "it";
    case ServiceKind::llm:
      return from == ServiceKind::embedding
                 ? "a vector is nothing that an llm could read; put a retrieval between the two"
                 : "";
    case ServiceKind::dataprep: return kNoStep;
    case ServiceKind::custom: break;
  }
  OPALINE_ASSERT(false);
}

}  // namespace opaline::flow
