#include "gateway/services.hpp"

#include <fmt/format.h>

#include "base/assert.hpp"

namespace opaline::gateway {

std::string_view name(contract::Health::State state) {
  switch (state) {
    case contract::Health::State::ready: return "ready";
    case contract::Health::State::starting: return "starting";
    case contract::Health::State::failed: return "failed";
  }
  OPALINE_ASSERT(false);
}

contract::Service* Services::find(contract::ServiceKind kind) const {
  switch (kind) {
    case contract::ServiceKind::embedding: return embedding;
    case contract::ServiceKind::retrieval: return retrieval;
    case contract::ServiceKind::reranking: return reranking;
    case contract::ServiceKind::llm: return llm;
    case contract::ServiceKind::dataprep: return dataprep;
    case contract::ServiceKind::custom: return nullptr;
  }
  OPALINE_ASSERT(false);
}

base::Result<contract::Service*> Services::get(contract::ServiceKind kind) const {
  if (contract::Service* service = find(kind)) return service;
  return base::fail(base::ErrorCode::not_found,
                    fmt::format("this deployment has no {} service", contract::name(kind)));
}

}  // namespace opaline::gateway
