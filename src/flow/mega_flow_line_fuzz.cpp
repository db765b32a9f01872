#include <cstdint>

#include "base/assert.hpp"
#include "contract/service.hpp"
#include "flow/mega_flow_line.hpp"

/// Any bytes are either an expression, all of whose names stand where it says, or a mistake at a
/// place of the text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto parsed = opaline::flow::parse_mega_flow_line(text);
  if (!parsed) {
    OPALINE_ASSERT(parsed.error().place <= size);
    OPALINE_ASSERT(!parsed.error().message.empty());
    return 0;
  }
  OPALINE_ASSERT(!parsed->stages.empty());
  for (const auto& stage : parsed->stages) {
    OPALINE_ASSERT(!stage.empty());
    for (const auto& name : stage) {
      OPALINE_ASSERT(opaline::contract::is_service_name(name.text));
      OPALINE_ASSERT(text.substr(name.place, name.text.size()) == name.text);
    }
  }
  return 0;
}
