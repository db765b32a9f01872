#include "gateway/services.hpp"

#include <fmt/format.h>

#include "base/assert.hpp"

namespace opaline::gateway {

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
