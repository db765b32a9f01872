#include "contract/service.hpp"

#include <algorithm>
#include <array>

namespace opaline::contract {
namespace {

struct Kind {
  ServiceKind kind;
  std::string_view name;
  std::string_view endpoint;
  int port;
};

// OPEA's ports inside its containers.
constexpr std::array kKinds = {
    Kind{ServiceKind::embedding, "embedding", "/v1/embeddings", 6000},
    Kind{ServiceKind::retrieval, "retrieval", "/v1/retrieval", 7000},
    Kind{ServiceKind::reranking, "reranking", "/v1/reranking", 8000},
    Kind{ServiceKind::llm, "llm", "/v1/chat/completions", 9000},
    Kind{ServiceKind::dataprep, "dataprep", "/v1/dataprep", 5000},
    Kind{ServiceKind::custom, "custom", "/", 8080},
};

constexpr std::array<std::pair<std::string_view, ServiceKind>, 12> kOtherNames = {{
    {"embeddings", ServiceKind::embedding},
    {"embed", ServiceKind::embedding},
    {"tei", ServiceKind::embedding},
    {"retriever", ServiceKind::retrieval},
    {"retrievers", ServiceKind::retrieval},
    {"rerank", ServiceKind::reranking},
    {"reranker", ServiceKind::reranking},
    {"rerankings", ServiceKind::reranking},
    {"llms", ServiceKind::llm},
    {"chat", ServiceKind::llm},
    {"vllm", ServiceKind::llm},
    {"tgi", ServiceKind::llm},
}};

const Kind& entry(ServiceKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

}  // namespace

std::string_view name(ServiceKind kind) { return entry(kind).name; }
std::string_view default_endpoint(ServiceKind kind) { return entry(kind).endpoint; }
int default_port(ServiceKind kind) { return entry(kind).port; }

bool is_service_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

bool is_service_name(std::string_view text) {
  constexpr std::size_t kBytes = 64;
  return !text.empty() && text.size() <= kBytes &&
         std::ranges::all_of(text, is_service_name_character);
}

std::optional<ServiceKind> service_kind(std::string_view name) {
  for (const Kind& one : kKinds) {
    if (one.name == name && one.kind != ServiceKind::custom) return one.kind;
  }
  for (const auto& [other, kind] : kOtherNames) {
    if (other == name) return kind;
  }
  return {};
}

}  // namespace opaline::contract
