#pragma once

#include <string>
#include <vector>

#include "flow/step_flow.hpp"
#include "flow/yaml_reader.hpp"

namespace opaline::flow {

/// A flow in a form that can say less than ours.
struct Written {
  YamlNode root;
  /// What the form has no words for, and the file therefore does not say: "step 'a': 'retry'".
  std::vector<std::string> losses;
};

/// `opea_micro_services` and `mega_flow`: services and which follows which.
[[nodiscard]] Written write_opea(const StepFlow& flow);
/// A GMConnector: Sequence, Switch by a member of the request, Ensemble as the end or joined by
/// name.
[[nodiscard]] Written write_gmc(const StepFlow& flow);
/// The exporter's `micro_services` and `mega_service`: OPEA's images and where they find each
/// other.
[[nodiscard]] Written write_exporter(const StepFlow& flow);
/// GenAIStudio's workflow-info.json, which its back end runs.
[[nodiscard]] Written write_studio(const StepFlow& flow);

/// What a service is: of one of the kind custom, as a file of GMC's or Studio's became, its path
/// tells.
[[nodiscard]] contract::ServiceKind kind_told(const ServiceSpec& service);

/// What a step says beside its service and what it follows, by key: "retry", "when" …. An `input`
/// that only hands on the reply before (as GMC's `$response`) is not named.
[[nodiscard]] std::vector<std::string> extras_of(const StepFlow& flow, Graph::Node node);
/// "step 'a': 'retry'", for each but those that the other platform does by itself.
void lose_extras(const StepFlow& flow, Graph::Node node, std::vector<std::string>& losses,
                 const std::vector<std::string>& done_there = {});
/// What a flow as a whole says beside its steps.
void lose_frame(const StepFlow& flow, std::vector<std::string>& losses);

}  // namespace opaline::flow
