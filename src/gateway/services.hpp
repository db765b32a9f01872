#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "contract/service.hpp"

namespace opaline::gateway {

/// The services that routes call. Borrowed: the assembly owns them and they outlive the gateway. A
/// null one answers its routes with a sentence that says so.
struct Services {
  contract::Service* embedding = nullptr;
  contract::Service* retrieval = nullptr;
  contract::Service* reranking = nullptr;
  contract::Service* llm = nullptr;  ///< The model itself, without documents.
  contract::Service* dataprep = nullptr;

  [[nodiscard]] contract::Service* find(contract::ServiceKind kind) const;
  /// @error not_found: this deployment has no such service.
  [[nodiscard]] base::Result<contract::Service*> get(contract::ServiceKind kind) const;
};

/// A service of the user's own that the flow names. Borrowed: it outlives the gateway.
struct CustomService {
  std::string name;
  contract::Service& service;
};

/// "ready", "starting" or "failed".
[[nodiscard]] std::string_view name(contract::Health::State state);

/// A part of the platform and whether it can do its work.
struct Part {
  std::string name;
  contract::Health health;
};

/// A model that a client may name.
struct ModelCard {
  std::string id;
  std::string kind;  ///< "flow", "llm", "embedding" or "reranking".
  std::string description;
  std::string owned_by = "opaline";
  std::int64_t created = 0;  ///< Unix seconds.
};

}  // namespace opaline::gateway
