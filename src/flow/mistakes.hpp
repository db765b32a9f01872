#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace opaline::flow {

/// What is wrong with a short text, such as one line of a flow, before anybody knows the file.
struct Mistake {
  std::size_t place = 0;  ///< Byte offset in the text.
  std::string message;
};

/// What is wrong with a file, collected, so that one reading shows all of it. Places are byte
/// offsets into the text, which must outlive this; people get to see lines and columns.
class Mistakes {
 public:
  /// More than these are counted, not shown.
  static constexpr std::size_t kShown = 50;

  explicit Mistakes(std::string_view text) : text_(text) {}

  void add(std::size_t place, std::string message);

  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// What is added now is only counted: its message need not be made.
  [[nodiscard]] bool full() const { return count_ >= kShown; }
  /// "4:7", for a message that names a second place: line and column from 1, the column in
  /// characters.
  [[nodiscard]] std::string position(std::size_t place) const;
  /// invalid_argument; one mistake a line, in order of their places: "name:line:column: message".
  /// REQUIRES: !empty().
  [[nodiscard]] base::Error error(std::string_view name) const;

 private:
  std::string_view text_;
  std::multimap<std::size_t, std::string> found_;  // By place; at most kShown.
  std::size_t count_ = 0;
};

/// Text of a file for a message: in quotes, cut when long, without characters that could steer a
/// terminal.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// "; did you mean 'port'?" with the candidate nearest to `wrong`, or nothing when none is near.
[[nodiscard]] std::string suggestion(std::string_view wrong,
                                     std::span<const std::string_view> candidates);

/// "a, b and c".
[[nodiscard]] std::string listed(std::span<const std::string_view> names);

}  // namespace opaline::flow
