#pragma once

#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "flow/yaml_reader.hpp"

namespace opaline::flow {

// Pieces of a flow file that nobody wrote: what a file of another form comes to in one of ours.
// `place` is where the other file says so, for messages.

/// A text as it is: `quoted` is set, so that "true" and "12" stay texts.
[[nodiscard]] YamlNode text_node(std::string text, std::size_t place);
/// A scalar that is what it looks like: a number, true, false.
[[nodiscard]] YamlNode plain_node(std::string text, std::size_t place);
[[nodiscard]] YamlNode list_node(std::vector<YamlNode> items, std::size_t place);
/// A list of texts; of a single one just that text.
[[nodiscard]] YamlNode names_node(const std::vector<std::string>& names, std::size_t place);
[[nodiscard]] YamlNode mapping_node(std::size_t place);
/// Appends a key. @return `mapping`. REQUIRES: it does not have the key.
YamlNode& put(YamlNode& mapping, std::string key, YamlNode value);
YamlNode& put(YamlNode& mapping, std::string key, std::string text);

/// Null: not a mapping, or without the key.
[[nodiscard]] const YamlNode* find_member(const YamlNode& node, std::string_view key);
/// The text of a member; empty when it is absent or no scalar.
[[nodiscard]] std::string text_member(const YamlNode& node, std::string_view key);

/// `${expression}`.
[[nodiscard]] std::string template_of(std::string_view expression);
/// A member of a value in an expression: `request.user`, `steps["llm-small"]`.
[[nodiscard]] std::string member_of(std::string_view value, std::string_view key);
/// A text as it stands in an expression: in single quotes where it can, for the file has it in
/// double ones.
[[nodiscard]] std::string literal_text(std::string_view text);

/// Names of steps, each once.
class StepNames {
 public:
  /// `wanted` with every character that a name cannot have replaced by '-', and a number behind it
  /// when it is taken.
  [[nodiscard]] std::string take(std::string_view wanted);

 private:
  std::set<std::string, std::less<>> taken_;
};

}  // namespace opaline::flow
