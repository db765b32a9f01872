#include <boost/json/parse.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "store/document_filter.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const auto metadata =
      boost::json::parse(
          R"({"a": 1, "b": "text", "c": [1, "x", null], "d": {"e": 2.5}, "f": null})")
          .as_object();
  const auto filter =
      opaline::store::DocumentFilter::parse({reinterpret_cast<const char*>(bytes), size});
  if (filter) (void)filter->admits({"id", "source", "title", "mime", metadata});
  return 0;
}
