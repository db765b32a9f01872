#pragma once

#include <exception>
#include <opaline/error.hpp>
#include <utility>

#include "base/error.hpp"
#include "base/result.hpp"

namespace opaline::api {

/// Throws what an error of ours is to an application.
[[noreturn]] void raise(base::Error error);

/// The value, or raise().
template <class T>
T value_or_raise(base::Result<T> result) {
  if (!result) raise(std::move(result).error());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// What an application's exception is to us. Other than opaline::Error it is logged, and its text
/// stays in `detail`: internal.
[[nodiscard]] base::Error to_error(const std::exception_ptr& thrown);

}  // namespace opaline::api
