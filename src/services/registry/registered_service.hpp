#pragma once

#include <functional>
#include <memory>
#include <string>

#include "contract/service.hpp"
#include "services/registry/service_registry.hpp"

namespace opaline::services {

/// A step whose service registers itself: each call goes to the next of its instances, and from one
/// that cannot be reached to the one after it, each once. What it is sent and what it answers is
/// held against the schemas that it registered, as far as a JsonShape goes. Any thread; the
/// registry must outlive it.
class RegisteredService final : public contract::Service {
 public:
  /// Makes the service at a URL for one call, which its streams must be able to outlive: it is gone
  /// then, so that nothing is kept for instances that are.
  using Reach =
      std::function<base::Result<std::unique_ptr<contract::Service>>(const std::string& url)>;

  RegisteredService(std::string name, ServiceRegistry& registry, Reach reach);

  [[nodiscard]] contract::ServiceKind kind() const override {
    return contract::ServiceKind::custom;
  }
  /// @error unavailable: no instance is there, ready or to be reached; invalid_argument: the
  /// request is not what the service takes; internal: the answer is not what it registered;
  /// otherwise the instance's own.
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  /// Ready while an instance is; the flow does not wait for it to start.
  [[nodiscard]] contract::Health health() const override;

 private:
  std::string name_;
  ServiceRegistry& registry_;
  Reach reach_;
};

}  // namespace opaline::services
