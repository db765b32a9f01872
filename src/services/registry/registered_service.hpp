#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "contract/service.hpp"
#include "http/client.hpp"
#include "services/registry/service_registry.hpp"

namespace opaline::services {

/// A step whose service registers itself: each call goes to the next of its instances. Its answers
/// are held against the output schema that it declared, as far as `type` and `required` go. Any
/// thread; the registry must outlive it; the service that `reach` makes must outlive its streams.
class RegisteredService final : public contract::Service {
 public:
  /// Makes the service at a URL; called once for each URL.
  using Reach =
      std::function<base::Result<std::unique_ptr<contract::Service>>(const std::string& url)>;

  RegisteredService(std::string name, ServiceRegistry& registry, Reach reach);

  [[nodiscard]] contract::ServiceKind kind() const override {
    return contract::ServiceKind::custom;
  }
  /// @error unavailable: no instance is there or ready; internal: the answer is not what the
  /// service declared; otherwise the instance's own.
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  /// Ready while an instance is; the flow does not wait for it to start.
  [[nodiscard]] contract::Health health() const override;

 private:
  base::Result<contract::Service*> at(const std::string& url);

  std::string name_;
  ServiceRegistry& registry_;
  Reach reach_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<contract::Service>> reached_;  // By url; none is dropped.
};

/// What of `value` is not as `schema` says (its `type` and `required`); empty when it fits.
[[nodiscard]] std::string misfit(const boost::json::object& schema,
                                 const boost::json::value& value);

}  // namespace opaline::services
