#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/platform.hpp"
#include "base/result.hpp"
#include "contract/service.hpp"
#include "flow/any_flow.hpp"
#include "flow/built_flow.hpp"
#include "flow/runner.hpp"
#include "gateway/gateway.hpp"
#include "services/registry/registered_service.hpp"

namespace opaline::app {

/// One flow and all that was made for it: its services, what runs it, and the gateway before it.
/// Shared by the server and by the requests that it answers: when the file changes, those under way
/// keep theirs.
class ServedFlow {
 public:
  /// @param platform must outlive it. @error a sentence for whatever is wrong; failed_precondition:
  /// the platform was started without something that the flow needs.
  [[nodiscard]] static base::Result<std::shared_ptr<ServedFlow>> create(const flow::AnyFlow& file,
                                                                        Platform& platform);
  ServedFlow(const ServedFlow&) = delete;
  ServedFlow& operator=(const ServedFlow&) = delete;

  [[nodiscard]] gateway::Gateway& gateway() const { return *gateway_; }
  /// As it is served; of a flow of steps without its graph.
  [[nodiscard]] const flow::FlowSpec& flow() const { return flow_; }
  [[nodiscard]] base::Result<contract::Service*> find_service(const flow::ServiceSpec& spec);
  /// What is not ready yet, and why.
  [[nodiscard]] std::vector<gateway::Part> parts() const;

 private:
  explicit ServedFlow(Platform& platform) : platform_(platform) {}

  base::Result<void> build(const flow::AnyFlow& file);
  base::Result<contract::Service*> build_service(const flow::ServiceSpec& spec);
  base::Result<contract::Service*> build_llm(const flow::ServiceSpec& spec);
  base::Result<contract::Service*> build_remote(const flow::ServiceSpec& spec);
  base::Result<void> build_flow(const flow::AnyFlow& file);
  base::Result<void> build_gateway(const flow::AnyFlow& file);
  [[nodiscard]] std::vector<gateway::ModelCard> model_cards() const;
  /// A service elsewhere that gets the JSON of the steps before it as it is, instead of a message
  /// of its kind.
  [[nodiscard]] bool takes_any_json(const flow::ServiceSpec& spec) const;
  contract::Service& make_registered(const std::string& name);
  /// Asks those that registered themselves.
  [[nodiscard]] services::RegisteredService::Reach reach();
  /// Those that anybody may call past the flow, see Collaborators.
  [[nodiscard]] std::vector<gateway::CustomService> customs(const flow::AnyFlow& file) const;
  contract::Service& keep(std::unique_ptr<contract::Service> service);

  Platform& platform_;
  flow::FlowSpec flow_;
  bool passes_json_ = false;  // Its steps hand on JSON.
  bool maps_json_ = false;    // Its file says itself what each step is asked.
  std::vector<std::unique_ptr<contract::Service>> made_;
  std::vector<std::pair<flow::ServiceSpec, contract::Service*>> services_built_;
  gateway::Services services_;
  std::vector<contract::Service*> steps_;  // One a step of a typed flow.
  std::unique_ptr<flow::Runner> runner_;   // One of the two, as the flow passes its messages.
  std::unique_ptr<flow::BuiltFlow> json_flow_;
  std::unique_ptr<flow::ChatFace> chats_;  // Of json_flow_.
  std::unique_ptr<gateway::Gateway> gateway_;
};

/// Where a flow is served, and all its services.
[[nodiscard]] flow::FlowSpec served_part(const flow::AnyFlow& file);
/// An option of a flow file's service, or "".
[[nodiscard]] std::string option(const flow::ServiceSpec& spec, const std::string& key);
/// How an llm of ours answers: as the flow file says, else as all do.
[[nodiscard]] AnswerMode mode_of(const flow::ServiceSpec& spec, AnswerMode usual);

}  // namespace opaline::app
