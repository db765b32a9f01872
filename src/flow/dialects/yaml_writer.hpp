#pragma once

#include <string>

#include "flow/yaml_reader.hpp"

namespace opaline::flow {

/// A tree as the text of a file that reads back as the same tree: what is short on one line, texts
/// in quotes where they must be.
[[nodiscard]] std::string write_yaml(const YamlNode& root);
/// The same as JSON, indented.
[[nodiscard]] std::string write_json(const YamlNode& root);

}  // namespace opaline::flow
