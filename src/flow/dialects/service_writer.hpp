#pragma once

#include <string>

#include "flow/flow_file.hpp"
#include "flow/yaml_reader.hpp"

namespace opaline::flow {

/// An entry of `services` or `opea_micro_services` that reads back as the same service.
[[nodiscard]] YamlNode service_node(const ServiceSpec& service);

/// A typed flow as one of steps. What the typed runner does between two services that are elsewhere
/// is written out as `input` and `output`. @param notes gets what is not the same.
[[nodiscard]] YamlNode steps_of(const FlowSpec& flow, std::vector<std::string>& notes);

}  // namespace opaline::flow
