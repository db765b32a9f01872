#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/head.hpp"

namespace opaline::http {

/// A request target, decoded exactly once.
struct Target {
  std::string
      path;  ///< Starts with "/", valid UTF-8, no empty, "." or ".." segment but a last empty one.
  std::vector<std::pair<std::string, std::string>> query;
};

/// Reads a target that framing_guard accepted. Refuses with 400 what could mean one path to us and
/// another to a filter or file system: bad percent-encoding, control characters, invalid UTF-8,
/// "//", dot segments (also "..;x" and "..\").
[[nodiscard]] std::expected<Target, Refusal> parse_target(std::string_view target);

}  // namespace opaline::http
