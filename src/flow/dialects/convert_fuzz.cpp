#include <cstdint>

#include "base/assert.hpp"
#include "flow/any_flow.hpp"
#include "flow/dialects/convert.hpp"

/// Any bytes are mistakes, or a flow that can be written in every form; what says all of it reads
/// back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace opaline::flow;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  for (const Dialect to : kDialects) {
    const auto made = convert(text, "f", to);
    if (!made) return 0;
    // A flow inside is a file, which is not there.
    const bool alone = !text.contains(".y") && !text.contains('/');
    const bool all = made->losses.empty() && (to == Dialect::opaline || to == Dialect::opea);
    if (all && alone) OPALINE_ASSERT(read_any_flow(made->text, "f").has_value());
  }
  return 0;
}
