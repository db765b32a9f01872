#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flow/mistakes.hpp"

namespace opaline::flow {

/// A piece of a YAML file and where it stands. Scalars stay text: what reads them decides what they
/// mean, so `no`, `1_000` and `0o17` are never anything else.
struct YamlNode {
  enum class Kind { null, scalar, sequence, mapping };
  struct Entry;

  Kind kind = Kind::null;
  std::size_t place = 0;        ///< Byte offset in the file.
  std::string text;             ///< Of a scalar.
  bool quoted = false;          ///< A scalar in quotes, or a block: surely meant as text.
  std::vector<YamlNode> items;  ///< Of a sequence.
  std::vector<Entry> entries;   ///< Of a mapping, in order; every key once.
};

struct YamlNode::Entry {
  std::string key;
  std::size_t place = 0;  ///< Of the key.
  YamlNode value;
};

/// Reads one YAML document. Bounded by limits::kFlowFileBytes, kFlowFileNodes (aliases count for
/// what they repeat) and kFlowFileDepth, whatever the text. Not read, and mistakes: anything but
/// UTF-8, control characters, tabs in indentation, directives, tags, merge keys, a second document,
/// keys that are no plain text, a key twice.
/// @return nothing when the text is not YAML: then there is a mistake that says why. Mistakes may
/// be added either way.
[[nodiscard]] std::optional<YamlNode> read_yaml(std::string_view text, Mistakes& mistakes);

/// Where the characters of a scalar's text stand in the file; exact but for text after an escape.
/// Both must outlive this.
class ScalarPlaces {
 public:
  ScalarPlaces(std::string_view file, const YamlNode& scalar);

  /// The place of character `offset` of the text. REQUIRES: no smaller offset than before.
  [[nodiscard]] std::size_t at(std::size_t offset);

 private:
  void skip_space();

  std::string_view file_;
  std::string_view text_;
  std::size_t place_ = 0;   // In the file, of …
  std::size_t offset_ = 0;  // … this character of the text.
  bool lost_ = false;       // An escape: from here on nothing is known.
};

/// "a mapping", "a list", "nothing" or the text in quotes: for "expected …, found …".
[[nodiscard]] std::string found(const YamlNode& node);

/// The keys of one mapping, asked for by name. Keys that are not known are mistakes from the start;
/// so is a value of another type than asked for. The node and the mistakes must outlive this.
class YamlKeys {
 public:
  /// @param what for messages: "a service". @param known all keys there may be.
  YamlKeys(const YamlNode& mapping, std::string_view what, std::span<const std::string_view> known,
           Mistakes& mistakes);
  YamlKeys(const YamlNode& mapping, std::string_view what,
           std::initializer_list<std::string_view> known, Mistakes& mistakes)
      : YamlKeys(mapping, what, std::span(known.begin(), known.size()), mistakes) {}

  /// Nothing when the key is absent.
  [[nodiscard]] const YamlNode* find(std::string_view key) const;
  /// A text that is not empty.
  [[nodiscard]] std::optional<std::string> text(std::string_view key) const;
  /// A whole number 1 … 65535.
  [[nodiscard]] std::optional<std::uint16_t> port(std::string_view key) const;
  /// Where the key's value stands; the mapping itself when the key is absent.
  [[nodiscard]] std::size_t place(std::string_view key) const;

  void wrong(std::string_view key, std::string message) const;

 private:
  const YamlNode& mapping_;
  Mistakes& mistakes_;
};

}  // namespace opaline::flow
