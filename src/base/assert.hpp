#pragma once

namespace opaline::base {

/// Prints the failed condition with its place and ends the process.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace opaline::base

/// For our own mistakes, on in every build; never for input.
#define OPALINE_ASSERT(condition) \
  (static_cast<bool>(condition)   \
       ? static_cast<void>(0)     \
       : ::opaline::base::assertion_failed(#condition, __FILE__, __LINE__))

/// Marks a function whose returned reference or view lives only as long as the object asked.
#define OPALINE_LIFETIME_BOUND [[clang::lifetimebound]]
