// Holds hostile JSON against hostile schemas: the first line is the schema, the rest the value.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "contract/json.hpp"
#include "contract/json_shape.hpp"

using namespace opaline::contract;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return 0;
  const auto schema = parse_json_object(text.substr(0, end));
  const auto value = parse_json(text.substr(end + 1));
  if (!schema || !value) return 0;
  const auto shape = JsonShape::read(*schema);
  if (!shape) {
    OPALINE_ASSERT(!shape.error().message.empty());
    return 0;
  }
  const auto misfit = shape->misfit(*value);
  OPALINE_ASSERT(!misfit || !misfit->empty());
  // Whatever a value is, it has the shape that allows just it.
  const auto only = JsonShape::read({{"const", *value}});
  OPALINE_ASSERT(only.has_value());
  OPALINE_ASSERT(!only->misfit(*value));
  return 0;
}
