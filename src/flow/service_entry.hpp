#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "flow/flow_file.hpp"
#include "flow/mistakes.hpp"
#include "flow/yaml_reader.hpp"

namespace opaline::flow {

/// The keys of a service, which docs/flow.schema.json repeats.
inline constexpr std::array<std::string_view, 14> kServiceKeys = {
    "endpoint",     "port",  "host",    "protocol", "url",  "kind", "type",
    "service_type", "model", "api_key", "run",      "mode", "mcp",  "tool"};

/// A service as the file has it, with the places that later checks point at.
struct ServiceEntry {
  ServiceSpec spec;
  bool kind_known = false;  ///< Otherwise a mistake says so, and checks of the kind are pointless.
  std::size_t place = 0;    ///< Of the name.
  std::size_t port_place = 0;  ///< Of the port.
};

/// Reads one entry of opea_micro_services, all but what concerns several of them. What is wrong
/// goes to `mistakes`.
/// @param place of the name. @param body a mapping, or nothing: then the service is the default one
/// of its name.
[[nodiscard]] ServiceEntry read_service(std::string name, std::size_t place, const YamlNode& body,
                                        Mistakes& mistakes);

/// Why a service of ours cannot run where `run` ("here" or "child") says; empty: it does.
[[nodiscard]] std::string misplaced(const ServiceSpec& service, std::string_view run);

}  // namespace opaline::flow
