#pragma once

#include <string>
#include <string_view>

namespace opaline::flow {

/// `text` with the letters of the Latin, Greek and Cyrillic alphabets in one case, letter by
/// letter; what has no single counterpart (ß), other alphabets and ill-formed bytes stay.
[[nodiscard]] std::string lower_case(std::string_view text);
[[nodiscard]] std::string upper_case(std::string_view text);

}  // namespace opaline::flow
