#include <cstdint>

#include "base/assert.hpp"
#include "flow/flow_file.hpp"
#include "flow/kind_inference.hpp"

/// Any bytes are either a flow that keeps what FlowSpec promises, or mistakes with a place each.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace opaline::flow;
  const auto spec = read_flow({reinterpret_cast<const char*>(bytes), size}, "f");
  if (!spec) {
    OPALINE_ASSERT(spec.error().code == opaline::base::ErrorCode::invalid_argument);
    OPALINE_ASSERT(spec.error().message.starts_with("f:"));
    return 0;
  }
  const Graph& graph = spec->graph;
  OPALINE_ASSERT(!spec->services.empty());
  OPALINE_ASSERT(graph.size() <= spec->services.size());
  for (Graph::Node node = 0; node < graph.size(); ++node) {
    OPALINE_ASSERT(graph.name(node) == spec->services[node].name);
    for (const Graph::Node next : graph.successors(node)) {
      OPALINE_ASSERT(misfit(spec->services[node].kind, spec->services[next].kind).empty());
    }
  }
  for (const ServiceSpec& service : spec->services) {
    OPALINE_ASSERT(service.endpoint.starts_with('/'));
    OPALINE_ASSERT(service.url.empty() || !service.port);
  }
  return 0;
}
