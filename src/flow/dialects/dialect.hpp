#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flow/yaml_reader.hpp"

namespace opaline::flow {

/// The forms of files that describe a flow.
enum class Dialect : std::uint8_t {
  opaline,   ///< Ours: `flow`, `steps` (docs/flows.md).
  opea,      ///< OPEA's RFC and ServiceOrchestratorWithYaml: `opea_micro_services`.
  gmc,       ///< A custom resource of OPEA's GenAI Microservices Connector: kind GMConnector.
  exporter,  ///< What OPEA's exporter reads, "mega.yaml": `micro_services`, `mega_service`.
  studio,    ///< A flow of OPEA's GenAIStudio, JSON: its canvas, or its workflow-info.json.
};
inline constexpr std::array kDialects = {Dialect::opaline, Dialect::opea, Dialect::gmc,
                                         Dialect::exporter, Dialect::studio};
/// As the command line has it: "gmc".
[[nodiscard]] std::string_view name(Dialect dialect);
/// "a custom resource of OPEA's GMC", for messages.
[[nodiscard]] std::string_view title(Dialect dialect);

/// The form of a file, told by its keys; nothing when they tell none.
[[nodiscard]] std::optional<Dialect> dialect_of(const YamlNode& root);

/// A file of another form in one of our two.
struct Translation {
  YamlNode root;                   ///< Of the form `opaline` or `opea`; places are in the other.
  std::vector<std::string> notes;  ///< What is not in it, or is not the same; for people.
};

/// A file of a form that is none of our two in one of them; nothing for other files. What is wrong
/// goes to `mistakes`; then the result is worth nothing.
[[nodiscard]] std::optional<Translation> translate(const YamlNode& root, Mistakes& mistakes);
// For each form. REQUIRES: dialect_of(root) is that one.
[[nodiscard]] Translation translate_gmc(const YamlNode& root, Mistakes& mistakes);
[[nodiscard]] Translation translate_exporter(const YamlNode& root, Mistakes& mistakes);
[[nodiscard]] Translation translate_studio(const YamlNode& root, Mistakes& mistakes);

}  // namespace opaline::flow
