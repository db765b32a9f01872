// Foreign forms, and forms of ours that carry foreign bodies: those must come back as they were.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "base/utf8.hpp"
#include "http/multipart.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opaline::http;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  if (const auto parts = parse_form("multipart/form-data; boundary=b", bytes)) {
    for (const FormPart& part : *parts) {
      OPALINE_ASSERT(opaline::base::is_utf8(part.name));
      OPALINE_ASSERT(!part.filename || opaline::base::is_utf8(*part.filename));
      OPALINE_ASSERT(part.body.size() < bytes.size());
    }
  }
  static_cast<void>(parse_form(bytes, "--b--"));

  if (bytes.find("--boundary") != bytes.npos) return 0;
  const std::string header = "--boundary\r\nContent-Disposition: form-data; name=f\r\n\r\n";
  const auto parts = parse_form("multipart/form-data; boundary=boundary",
                                header + bytes + "\r\n" + header + "x\r\n" + "--boundary--");
  OPALINE_ASSERT(parts && parts->size() == 2);
  OPALINE_ASSERT((*parts)[0].body == bytes);
  OPALINE_ASSERT((*parts)[1].body == "x");
  return 0;
}
