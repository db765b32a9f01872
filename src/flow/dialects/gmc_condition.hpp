#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace opaline::flow {

/// `model-id==intel`: a member of the request, and the text that it is to be.
struct GmcEquality {
  std::string key;
  std::string value;

  friend bool operator==(const GmcEquality&, const GmcEquality&) = default;
};

/// GMC's short form of a condition, which only its Switch knows; nothing when it is a path.
[[nodiscard]] std::optional<GmcEquality> gmc_equality(std::string_view condition);

/// An expression that holds when the member of `value` (an expression too) is that text. A number
/// is compared by its digits, as GMC does.
[[nodiscard]] std::string equality_expression(const GmcEquality& equality, std::string_view value);

/// An expression that holds when `path`, a path of gjson, is there in `value`. What is read:
/// `a.b.0.c`, `list.#` and `list.#(key=="text")`. @return otherwise what is wrong, for a message.
[[nodiscard]] std::expected<std::string, std::string> presence_expression(std::string_view path,
                                                                          std::string_view value);

}  // namespace opaline::flow
