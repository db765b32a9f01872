#include "api/failure.hpp"

#include "base/log.hpp"

namespace opaline {

std::string_view name(ErrorCode code) { return base::name(static_cast<base::ErrorCode>(code)); }

Error::Error(ErrorCode code, const std::string& message, std::string detail)
    : std::runtime_error(message), code_(code), detail_(std::move(detail)) {}
Error::~Error() = default;

// The two lists are one: each code has the same place in both.
static_assert(static_cast<int>(ErrorCode::invalid_argument) ==
              static_cast<int>(base::ErrorCode::invalid_argument));
static_assert(static_cast<int>(ErrorCode::resource_exhausted) ==
              static_cast<int>(base::ErrorCode::resource_exhausted));
static_assert(static_cast<int>(ErrorCode::cancelled) ==
              static_cast<int>(base::ErrorCode::cancelled));
static_assert(static_cast<int>(ErrorCode::internal) == static_cast<int>(base::ErrorCode::internal));

}  // namespace opaline

namespace opaline::api {

void raise(base::Error error) {
  throw Error(static_cast<ErrorCode>(error.code), error.message, std::move(error.detail));
}

base::Error to_error(const std::exception_ptr& thrown) {
  base::Error error{
      .code = base::ErrorCode::internal, .message = "something went wrong in it", .detail = {}};
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& told) {
    return {.code = static_cast<base::ErrorCode>(told.code()),
            .message = told.what(),
            .detail = told.detail()};
  } catch (const std::exception& surprise) {
    error.detail = surprise.what();
  } catch (...) {
    error.detail = "an exception of a type that is no std::exception";
  }
  base::log(base::LogLevel::error, "application_threw", {{"error", error.detail}});
  return error;
}

}  // namespace opaline::api
