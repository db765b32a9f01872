#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flow/mistakes.hpp"
#include "flow/step_flow.hpp"
#include "flow/yaml_reader.hpp"

namespace opaline::flow {

// The keys there may be, which docs/flow.schema.json repeats.
inline constexpr std::array<std::string_view, 16> kStepKeys = {
    "uses",    "switch", "needs", "when",  "input",    "output",   "merge", "map",
    "timeout", "retry",  "hedge", "cache", "fallback", "on_error", "run",   "description"};
inline constexpr std::array<std::string_view, 3> kRetryKeys = {"attempts", "on", "backoff"};
inline constexpr std::array<std::string_view, 1> kHedgeKeys = {"after"};
inline constexpr std::array<std::string_view, 3> kMapKeys = {"over", "as", "concurrency"};
inline constexpr std::array<std::string_view, 3> kArmKeys = {"when", "then", "else"};
inline constexpr std::array<std::string_view, 3> kMerges = {"update", "list", "first"};
/// What may pass when a call is repeated.
inline constexpr std::array<std::string_view, 4> kRetriedErrors = {
    "unavailable", "deadline_exceeded", "resource_exhausted", "internal"};

/// A name that something else must have, and where it stands.
struct PlacedName {
  std::string name;
  std::size_t place = 0;
};

/// A text of the file that has expressions.
struct PlacedText {
  ValueTemplate value;
  const YamlNode* node = nullptr;  ///< The scalar. Must outlive this.
};

/// A step as the file has it: `spec` all but what names other things.
struct StepEntry {
  /// What an expression is for, which decides what it may read and must give.
  enum class Purpose : std::uint8_t { condition, list, input, output };
  struct Reading {
    Purpose purpose = Purpose::input;
    PlacedText text;
  };
  struct Arm {
    std::optional<Expression> when;
    PlacedName then;
  };

  StepSpec spec;
  std::size_t place = 0;  ///< Of the name.
  const YamlNode* input = nullptr;
  std::optional<PlacedName> uses;
  std::vector<PlacedName> needs;
  std::vector<Arm> arms;
  std::optional<PlacedName> fallback;
  std::optional<PlacedName> error_step;
  std::optional<PlacedName> run;
  std::vector<Reading> readings;
};

/// Reads one step, all but what concerns several of them. What is wrong goes to `mistakes`.
/// @param step a mapping's entry; must outlive the result. @param file its whole text.
[[nodiscard]] StepEntry read_step(const YamlNode::Entry& step, std::string_view file,
                                  Mistakes& mistakes);

/// A value of the file whose texts may have expressions: plain `true`, `null` and numbers are what
/// they look like, everything else is text. @param texts gets those that have expressions.
[[nodiscard]] ValueTemplate read_template(const YamlNode& node, std::string_view file,
                                          std::vector<PlacedText>& texts, Mistakes& mistakes);

/// Where character `offset` of a scalar's text stands in the file.
[[nodiscard]] std::size_t place_in(std::string_view file, const YamlNode& scalar,
                                   std::size_t offset);

/// A duration above 0 and at most `most`. What is wrong is noted.
[[nodiscard]] std::optional<std::chrono::milliseconds> read_duration(
    const YamlKeys& keys, std::string_view key, std::chrono::milliseconds most);

}  // namespace opaline::flow
