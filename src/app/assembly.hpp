#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "app/model_choice.hpp"
#include "app/platform.hpp"
#include "app/served_flow.hpp"
#include "app/settings.hpp"
#include "base/result.hpp"
#include "flow/any_flow.hpp"
#include "gateway/microservice_gateway.hpp"
#include "http/server.hpp"

namespace opaline::app {

/// The platform as `opaline up` runs it, built bottom-up: store, model processes, services, flow,
/// gateway, listeners. Members stand in that order, so that destruction is the reverse.
class Assembly {
 public:
  /// Builds everything and listens; nothing is accepted before start(). Models load behind.
  /// @error a sentence for whatever is wrong: a missing model, a folder in use, a busy port.
  [[nodiscard]] static base::Result<std::unique_ptr<Assembly>> create(const UpSettings& settings,
                                                                      const flow::AnyFlow& flow);
  ~Assembly();

  void start();
  /// New requests go the way of this flow, those under way keep theirs. Any thread, one at a time.
  /// @error whatever is wrong; nothing has changed then.
  base::Result<void> serve(const flow::AnyFlow& flow);
  /// Listeners first, then services, then model processes. Idempotent.
  void stop();

  [[nodiscard]] std::string url() const;
  [[nodiscard]] const flow::FlowSpec& flow() const { return first_->flow(); }
  [[nodiscard]] bool ready() const;
  /// What is not ready yet, and why.
  [[nodiscard]] std::vector<gateway::Part> parts() const;
  /// Null when the flow has no documents of its own.
  [[nodiscard]] const Library* library() const { return platform_.library.get(); }
  [[nodiscard]] AnswerMode answer_mode() const { return platform_.answer; }

 private:
  Assembly();

  base::Result<void> build(const UpSettings& settings, const flow::AnyFlow& flow);
  base::Result<void> build_models(const UpSettings& settings, const flow::FlowSpec& spec);
  base::Result<void> listen(const UpSettings& settings);
  base::Result<void> listen_for_service(const UpSettings& settings, const flow::ServiceSpec& spec,
                                        contract::Service& service);
  base::Task<http::Response> answer(http::Request request, base::Context context);

  Platform platform_;
  ModelChoice usual_models_;
  ModelChoice running_models_;
  std::string host_;
  /// The one the server was started with: services with ports of their own stay its.
  std::shared_ptr<ServedFlow> first_;
  /// The one that new requests get. Owners: this, and the requests under way.
  std::atomic<std::shared_ptr<ServedFlow>> current_;
  std::vector<std::unique_ptr<gateway::MicroserviceGateway>> service_gateways_;
  std::vector<std::unique_ptr<http::Server>> service_servers_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace opaline::app
