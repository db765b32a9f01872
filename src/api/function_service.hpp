#pragma once

#include <memory>
#include <opaline/service.hpp>

#include "api/workers.hpp"
#include "base/context.hpp"
#include "contract/service.hpp"

namespace opaline::detail {

/// What a Call tells about.
struct CallState {
  base::Context context;
  bool stream = false;
};

}  // namespace opaline::detail

namespace opaline::api {

/// A service of the application's, as one of ours. Any thread; outlives its calls and streams.
class FunctionService final : public contract::Service {
 public:
  explicit FunctionService(ServiceFunction function) : function_(std::move(function)) {}
  /// @param object asked for its health too.
  explicit FunctionService(std::unique_ptr<opaline::Service> object);

  [[nodiscard]] contract::ServiceKind kind() const override {
    return contract::ServiceKind::custom;
  }
  /// @error what it threw.
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  [[nodiscard]] contract::Health health() const override;

 private:
  std::unique_ptr<opaline::Service> object_;  // Null for a function.
  ServiceFunction function_;
  Workers workers_;
};

/// The same as a step of a flow, which takes a stream only when it has asked for one: otherwise the
/// whole of it, as bytes.
class StepService final : public contract::Service {
 public:
  explicit StepService(contract::Service& service) : service_(service) {}

  [[nodiscard]] contract::ServiceKind kind() const override { return service_.kind(); }
  /// @error the service's own; resource_exhausted: a stream above limits::kReplyBytes.
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  [[nodiscard]] contract::Health health() const override { return service_.health(); }

 private:
  contract::Service& service_;
};

}  // namespace opaline::api
