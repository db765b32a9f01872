#include "flow/dialects/dialect.hpp"

#include "base/assert.hpp"
#include "flow/dialects/tree.hpp"

namespace opaline::flow {

std::string_view name(Dialect dialect) {
  switch (dialect) {
    case Dialect::opaline: return "opaline";
    case Dialect::opea: return "opea";
    case Dialect::gmc: return "gmc";
    case Dialect::exporter: return "exporter";
    case Dialect::studio: return "studio";
  }
  OPALINE_ASSERT(false);
}

std::string_view title(Dialect dialect) {
  switch (dialect) {
    case Dialect::opaline: return "a flow of steps";
    case Dialect::opea: return "a flow file of OPEA's RFC";
    case Dialect::gmc: return "a custom resource of OPEA's GMC";
    case Dialect::exporter: return "a file of OPEA's exporter";
    case Dialect::studio: return "a flow of OPEA's GenAIStudio";
  }
  OPALINE_ASSERT(false);
}

std::optional<Dialect> dialect_of(const YamlNode& root) {
  const auto has = [&root](std::string_view key) { return find_member(root, key) != nullptr; };
  if (has("opea_micro_services") || has("opea_mega_service")) return Dialect::opea;
  if (has("steps") || has("flow")) return Dialect::opaline;
  if (text_member(root, "kind") == "GMConnector") return Dialect::gmc;
  if (has("micro_services") || has("mega_service")) return Dialect::exporter;
  const YamlNode* const canvas = find_member(root, "flowData");
  if (has("nodes") || (canvas != nullptr && find_member(*canvas, "nodes") != nullptr)) {
    return Dialect::studio;
  }
  return {};
}

std::optional<Translation> translate(const YamlNode& root, Mistakes& mistakes) {
  const auto dialect = dialect_of(root);
  if (!dialect) return {};
  switch (*dialect) {
    case Dialect::opaline:
    case Dialect::opea: return {};
    case Dialect::gmc: return translate_gmc(root, mistakes);
    case Dialect::exporter: return translate_exporter(root, mistakes);
    case Dialect::studio: return translate_studio(root, mistakes);
  }
  OPALINE_ASSERT(false);
}

}  // namespace opaline::flow
