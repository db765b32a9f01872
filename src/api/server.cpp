#include <fmt/format.h>

#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <opaline/error.hpp>
#include <opaline/version.hpp>

#include "api/failure.hpp"
#include "api/server_state.hpp"
#include "base/log.hpp"
#include "base/task.hpp"
#include "flow/service_address.hpp"
#include "operations/observe/prometheus.hpp"

namespace opaline {

using namespace std::chrono_literals;

Server::Server(std::unique_ptr<detail::ServerState> state) noexcept : state_(std::move(state)) {}
Server::Server(Server&& other) noexcept = default;
Server& Server::operator=(Server&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
Server::~Server() {
  if (state_) stop(1s);
}

std::uint16_t Server::port() const noexcept { return state_->server->port(); }
const std::string& Server::url() const noexcept { return state_->url; }

void Server::wait() {
  base::EventLoop loop(1);
  boost::asio::signal_set signals(loop, SIGINT, SIGTERM);
  signals.async_wait([](const boost::system::error_code& /*error*/, int /*signal*/) {});
  loop.run();
  signals.clear();  // An impatient second one has its usual effect.
  stop(10s);
}

void Server::stop(std::chrono::milliseconds grace) { state_->server->stop(grace); }

namespace api {
namespace {

/// The address to listen on.
std::string address_of(const std::string& host) {
  if (std::string address = flow::local_address(host); !address.empty()) return address;
  if (flow::is_ip_address(host)) return host;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("'{}' is no address to listen on: say \"localhost\", \"0.0.0.0\" or an "
                          "address of this machine",
                          host));
}

std::string url_of(const std::string& address, std::uint16_t port) {
  const bool everywhere = address == "0.0.0.0" || address == "::";
  const bool ipv6 = address.contains(':');
  return fmt::format("http://{}:{}",
                     everywhere ? "127.0.0.1"
                     : ipv6     ? "[" + address + "]"
                                : address,
                     port);
}

gateway::GatewaySettings gateway_settings(const HostSettings& settings) {
  gateway::GatewaySettings made;
  for (const std::string& reference : settings.api_keys) {
    made.keys.push_back(
        {.name = fmt::format("key{}", made.keys.size() + 1), .reference = reference});
  }
  made.body_bytes = settings.body_bytes;
  made.service_body_bytes = settings.body_bytes;
  made.request_time = settings.timeout;
  made.version = version;
  return made;
}

}  // namespace

Server start_server(HostSettings settings, std::vector<gateway::Route> routes,
                    std::vector<std::pair<std::string, const contract::Service*>> parts,
                    std::shared_ptr<void> keep) {
  auto state = std::make_unique<detail::ServerState>();
  state->keep = std::move(keep);
  gateway::SystemView view{
      .title = settings.name,
      .description =
          settings.description.empty() ? "A microservice of Opaline" : settings.description,
      .version = version,
      .readiness =
          [parts = std::move(parts)] {
            std::vector<gateway::Part> found;
            for (const auto& [name, service] : parts) found.push_back({name, service->health()});
            return found;
          },
      .metrics_text = [metrics =
                           &state->metrics] { return operations::prometheus_text(*metrics); }};
  state->gateway = value_or_raise(gateway::MicroserviceGateway::create(
      gateway_settings(settings), std::move(view), std::move(routes), state->metrics));
  http::ServerSettings server;
  server.host = address_of(settings.host);
  server.port = settings.port;
  server.threads = settings.threads;
  state->gateway->install(server);
  const std::string address = server.host;
  state->server = value_or_raise(
      http::Server::create(std::move(server), state->gateway->request_handler(), state->metrics));
  state->server->start();
  state->url = url_of(address, state->server->port());
  base::log(base::LogLevel::info, "listening", {{"name", settings.name}, {"url", state->url}});
  return Server(std::move(state));
}

}  // namespace api
}  // namespace opaline
