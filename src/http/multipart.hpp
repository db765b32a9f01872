#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace opaline::http {

/// One part of a multipart/form-data body.
struct FormPart {
  std::string name;
  std::optional<std::string> filename;  ///< As the client sent it: never a path to be trusted.
  std::string content_type;             ///< "" when the client gave none.
  std::string body;
};

/// All parts, in order: several of one name all arrive. Names are valid UTF-8; bodies are any
/// bytes.
/// @param content_type the request's header, which names the boundary.
/// @error invalid_argument: no boundary, a part without a name, the closing boundary missing (a
/// cut-off upload), a part in a transfer encoding; resource_exhausted: more than
/// limits::kFormParts.
[[nodiscard]] base::Result<std::vector<FormPart>> parse_form(std::string_view content_type,
                                                             std::string body);

}  // namespace opaline::http
