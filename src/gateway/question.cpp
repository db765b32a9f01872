#include "gateway/question.hpp"

#include <fmt/format.h>

#include "base/utf8.hpp"

namespace opaline::gateway {

base::Result<void> check_question(std::string_view text, std::size_t characters) {
  using base::ErrorCode;
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return base::fail(ErrorCode::invalid_argument, "the question is empty");
  }
  if (characters == 0 || text.size() <= characters) return {};
  const std::size_t length = base::utf8_length(text);
  if (length <= characters) return {};
  return base::fail(
      ErrorCode::invalid_argument,
      fmt::format("the question has {} characters; {} are allowed (option --query-characters)",
                  length, characters));
}

}  // namespace opaline::gateway
