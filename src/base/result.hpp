#pragma once

#include <expected>
#include <string>
#include <utility>

#include "base/error.hpp"

namespace opaline::base {

/// A value or the reason why there is none. Functions that return it are [[nodiscard]].
template <class T>
using Result = std::expected<T, Error>;

/// The failing side of a Result: `return base::fail(ErrorCode::not_found, "…");`.
[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message,
                                                 std::string detail = {}) {
  return std::unexpected(Error{code, std::move(message), std::move(detail)});
}

/// Passes an Error on unchanged: `return base::fail(std::move(result).error());`.
[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected(std::move(error));
}

}  // namespace opaline::base

#define OPALINE_JOIN_(a, b) a##b
#define OPALINE_JOIN(a, b) OPALINE_JOIN_(a, b)
#define OPALINE_TRY_(keyword, result, declaration, ...)                \
  auto result = (__VA_ARGS__);                                         \
  if (!result) keyword ::std::unexpected(::std::move(result).error()); \
  declaration = *::std::move(result)
#define OPALINE_TRY_DO_(keyword, result, ...) \
  if (auto result = (__VA_ARGS__); !result) keyword ::std::unexpected(::std::move(result).error())

/// Statements that return the error of a failed Result from the enclosing function:
///   OPALINE_TRY(auto plan, parse(text));        declares `plan`
///   OPALINE_TRY_DO(check(plan));                for Result<void>
/// and, in a coroutine, OPALINE_CO_TRY(auto reply, co_await call(x)); and
/// OPALINE_CO_TRY_DO(co_await f());
#define OPALINE_TRY(declaration, ...) \
  OPALINE_TRY_(return, OPALINE_JOIN(opaline_result_, __COUNTER__), declaration, __VA_ARGS__)
#define OPALINE_CO_TRY(declaration, ...) \
  OPALINE_TRY_(co_return, OPALINE_JOIN(opaline_result_, __COUNTER__), declaration, __VA_ARGS__)
#define OPALINE_TRY_DO(...) \
  OPALINE_TRY_DO_(return, OPALINE_JOIN(opaline_result_, __COUNTER__), __VA_ARGS__)
#define OPALINE_CO_TRY_DO(...) \
  OPALINE_TRY_DO_(co_return, OPALINE_JOIN(opaline_result_, __COUNTER__), __VA_ARGS__)
