#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "flow/mistakes.hpp"
#include "flow/service_entry.hpp"
#include "flow/yaml_reader.hpp"

namespace opaline::flow {

/// Where a flow is served.
struct FlowAddress {
  std::string host;
  std::uint16_t port = 0;
  std::string endpoint;
  std::optional<std::size_t> port_place;  ///< Where the file says it.
};

/// Replaces what the keys `port`, `host` and `endpoint` say. What is wrong is noted.
void read_flow_address(const YamlKeys& keys, FlowAddress& address);

/// No port is there twice. @param what holds the flow's own port, for messages.
void check_ports(std::span<const ServiceEntry> services, const FlowAddress& address,
                 std::string_view what, Mistakes& mistakes);

}  // namespace opaline::flow
