// The first byte chooses a format by its name; the rest is the document. The PDF tool is a process
// of its own and not fuzzed here, only what reads its output.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "services/dataprep/formats.hpp"
#include "services/dataprep/parse.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opaline::services::dataprep;
  if (size < 1) return 0;
  constexpr std::array<const char*, 8> kNames = {"a.html", "a.md",    "a.txt",  "a.csv",
                                                 "a.json", "a.jsonl", "a.docx", "a"};
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const PdfReader read_pdf = [](std::string_view pdf) {
    return PdfText{.output = std::string(pdf)};
  };
  const auto document = parse(bytes, {.source = kNames[data[0] % kNames.size()]}, read_pdf);
  if (document) OPALINE_ASSERT(broken_invariant(*document).empty());
  return 0;
}
