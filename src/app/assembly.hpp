#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/library.hpp"
#include "app/model_children.hpp"
#include "app/runtime_folder.hpp"
#include "app/settings.hpp"
#include "base/metric.hpp"
#include "base/result.hpp"
#include "contract/service.hpp"
#include "flow/built_flow.hpp"
#include "flow/runner.hpp"
#include "gateway/gateway.hpp"
#include "gateway/microservice_gateway.hpp"
#include "http/client.hpp"
#include "http/server.hpp"
#include "services/registry/service_registry.hpp"

namespace opaline::app {

/// The platform as `opaline up` runs it, built bottom-up: store, model processes, services, flow,
/// gateway, listeners. Members stand in that order, so that destruction is the reverse.
class Assembly {
 public:
  /// Builds everything and listens; nothing is accepted before start(). Models load behind.
  /// @error a sentence for whatever is wrong: the flow file, a missing model, a folder in use, a
  /// busy port.
  [[nodiscard]] static base::Result<std::unique_ptr<Assembly>> create(const UpSettings& settings);
  ~Assembly();

  void start();
  /// Listeners first, then services, then model processes. Idempotent.
  void stop();

  [[nodiscard]] std::string url() const;
  [[nodiscard]] const flow::FlowSpec& flow() const { return flow_; }
  [[nodiscard]] bool ready() const;
  /// What is not ready yet, and why.
  [[nodiscard]] std::vector<gateway::Part> parts() const;
  /// Null when the flow has no documents of its own.
  [[nodiscard]] const Library* library() const { return library_.get(); }
  [[nodiscard]] AnswerMode answer_mode() const { return answer_; }

 private:
  Assembly();

  base::Result<void> build(const UpSettings& settings);
  base::Result<void> build_models(const UpSettings& settings, const flow::FlowSpec& spec);
  base::Result<contract::Service*> build_service(const flow::ServiceSpec& spec);
  contract::Service& make_registered(const std::string& name);
  base::Result<contract::Service*> build_llm(const flow::ServiceSpec& spec);
  base::Result<contract::Service*> build_remote(const flow::ServiceSpec& spec);
  base::Result<contract::Service*> find_service(const flow::ServiceSpec& spec);
  base::Result<void> build_flow(const flow::AnyFlow& file);
  base::Result<void> build_gateway();
  base::Result<void> listen(const UpSettings& settings);
  base::Result<void> listen_for_service(const UpSettings& settings, const flow::ServiceSpec& spec,
                                        contract::Service& service);
  [[nodiscard]] std::vector<gateway::ModelCard> model_cards() const;
  contract::Service& keep(std::unique_ptr<contract::Service> service);

  base::MetricRegistry metrics_;
  http::Client client_;
  services::ServiceRegistry registry_;
  gateway::GatewaySettings gateway_settings_;
  AnswerMode answer_ = AnswerMode::extract;
  bool instructed_ = false;  // Our own language model has a chat template.
  std::string host_;
  std::unique_ptr<RuntimeFolder> sockets_;
  std::unique_ptr<ModelChildren> models_;
  std::unique_ptr<Library> library_;  // Null when the flow retrieves elsewhere or not at all.
  std::vector<std::unique_ptr<contract::Service>> made_;
  gateway::Services services_;
  flow::FlowSpec flow_;       // As it is served; of a flow of steps without its graph.
  bool passes_json_ = false;  // Its steps hand on JSON, so services elsewhere are asked for any.
  std::vector<std::pair<flow::ServiceSpec, contract::Service*>> services_built_;
  std::vector<contract::Service*> steps_;  // One a step of the flow.
  std::unique_ptr<flow::Runner> runner_;   // One of the two, as the flow passes its messages.
  std::unique_ptr<flow::BuiltFlow> json_flow_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::vector<std::unique_ptr<gateway::MicroserviceGateway>> service_gateways_;
  std::vector<std::unique_ptr<http::Server>> service_servers_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace opaline::app
