#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "flow/chat_face.hpp"
#include "flow/orchestrator.hpp"
#include "flow/runner.hpp"
#include "gateway/console_files.hpp"
#include "gateway/ledger.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/services.hpp"
#include "gateway/settings.hpp"
#include "http/server.hpp"
#include "services/registry/registered_service.hpp"
#include "services/registry/service_registry.hpp"

namespace opaline::gateway {

/// What the gateway works with. All of it must outlive the gateway; functions are called on any I/O
/// thread.
struct Collaborators {
  const flow::FlowSpec& flow;
  const flow::Runner* runner = nullptr;           ///< Of a flow of typed messages, or …
  flow::ChatFace* chats = nullptr;                ///< … of one that passes JSON, for questions.
  const flow::Orchestrator* json_flow = nullptr;  ///< A flow that passes JSON; else null.
  Services services;
  /// Of the flow, those that anybody may call past it: no step stands before them, and no key of
  /// ours goes with the call.
  std::vector<CustomService> customs = {};
  std::string flow_description = {};  ///< As the flow file has it; may be empty.
  services::ServiceRegistry& registry;
  services::RegisteredService::Reach reach = {};  ///< How those in it are asked; empty: by nobody.
  Ledger& ledger;
  std::function<std::string()> metrics_text;
  std::function<std::vector<Part>()> readiness;
  std::function<std::vector<ModelCard>()>
      models;            ///< Besides the flow's own names, which are added.
  ConsoleFiles console;  ///< Empty: no console.
};

/// The edge of the platform: every public route, behind one pipeline. It turns bytes into messages
/// and messages into bytes; how an answer is made is the flow's business. Safe on every I/O thread
/// at once; must outlive the server.
class Gateway {
 public:
  /// @error invalid_argument: a key that cannot be read, see Authenticator::create.
  [[nodiscard]] static base::Result<std::unique_ptr<Gateway>> create(GatewaySettings settings,
                                                                     Collaborators collaborators);

  /// For http::Server::create and http::ServerSettings. Each refers to this gateway.
  [[nodiscard]] http::Handler request_handler();
  void install(http::ServerSettings& server);

  /// What request_handler() does; the gateway must outlive the task and the reply's stream.
  base::Task<http::Response> answer(http::Request request, base::Context context) {
    return pipeline_->answer(std::move(request), std::move(context));
  }
  /// What a request may cost, by its route.
  [[nodiscard]] http::RequestLimits limits_for(const http::Request& request) const {
    return pipeline_->limits_for(request);
  }

  [[nodiscard]] const std::vector<Route>& routes() const { return pipeline_->router().routes(); }

 private:
  Gateway() = default;

  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace opaline::gateway
