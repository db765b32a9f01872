#include "flow/flow_address.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "flow/service_address.hpp"

namespace opaline::flow {

void read_flow_address(const YamlKeys& keys, FlowAddress& address) {
  if (const auto port = keys.port("port")) address.port = *port;
  if (keys.find("port")) address.port_place = keys.place("port");
  if (const auto host = keys.text("host")) {
    if (is_ip_address(*host)) {
      address.host = *host;
    } else if (std::string local = local_address(*host); !local.empty()) {
      address.host = std::move(local);
    } else {
      keys.wrong("host",
                 "expected an IP address to listen on for 'host', as 127.0.0.1 or 0.0.0.0, "
                 "found " +
                     in_quotes(*host));
    }
  }
  if (const auto endpoint = keys.text("endpoint")) {
    if (is_endpoint_path(*endpoint)) {
      address.endpoint = *endpoint;
    } else {
      keys.wrong("endpoint", "expected a path as '/v1/chatqna', found " + in_quotes(*endpoint));
    }
  }
}

void check_ports(std::span<const ServiceEntry> services, const FlowAddress& address,
                 std::string_view what, Mistakes& mistakes) {
  std::map<std::uint16_t, const ServiceEntry*> taken;
  for (const ServiceEntry& entry : services) {
    if (!entry.spec.port) continue;
    const std::uint16_t port = *entry.spec.port;
    const auto [first, is_new] = taken.emplace(port, &entry);
    if (!is_new) {
      mistakes.add(entry.port_place, fmt::format("port {} is taken by {} at {}", port,
                                                 in_quotes(first->second->spec.name),
                                                 mistakes.position(first->second->port_place)));
    } else if (port == address.port && address.port_place) {
      mistakes.add(entry.port_place, fmt::format("port {} is the port of {} at {}", port, what,
                                                 mistakes.position(*address.port_place)));
    } else if (port == address.port) {
      mistakes.add(entry.port_place, fmt::format("port {} is the default port of {}", port, what));
    }
  }
}

}  // namespace opaline::flow
