#pragma once

#include "base/limits.hpp"

namespace opaline::base {

/// How often one request may ask again what it asked already, retries and second askings alike: so
/// that those of steps in flows inside of flows do not multiply. On the request's thread.
class AttemptBudget {
 public:
  [[nodiscard]] bool spent() const { return left_ == 0; }
  /// Takes one of what is left. @return false when nothing is.
  [[nodiscard]] bool take() {
    if (spent()) return false;
    --left_;
    return true;
  }

 private:
  int left_ = limits::kExtraAttempts;
};

}  // namespace opaline::base
