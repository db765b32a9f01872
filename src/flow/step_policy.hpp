#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "contract/service.hpp"

namespace opaline::flow {

/// What is done for a step beside calling its service once.
struct StepPolicy {
  /// For the step with all its attempts; never more than what is left of the request's time.
  std::optional<std::chrono::milliseconds> timeout;
  int attempts = 1;  ///< 1 … limits::kStepAttempts.
  std::vector<base::ErrorCode> retry_on{base::ErrorCode::unavailable};
  /// Before the second attempt; doubled for each further one, and varied by up to a half.
  std::chrono::milliseconds backoff{100};
  /// When no answer came by then, the service is asked a second time; the first good answer
  /// counts. Streams are not hedged.
  std::optional<std::chrono::milliseconds> hedge_after;

  friend bool operator==(const StepPolicy&, const StepPolicy&) = default;
};

/// Keeps what is asked again from multiplying the load on a service that is down: at most one for
/// ten calls, and a few at the start. Any thread.
class RetryBudget {
 public:
  void called();
  /// @return whether asking once more is within the budget.
  [[nodiscard]] bool take();

 private:
  static constexpr int kOnce = 10;
  static constexpr int kMost = 10 * kOnce;
  std::atomic<int> left_ = kMost;
};

/// A service that is asked more than once as a policy says: within its own budget and the request's
/// (Context::extra_attempts), and not when the time is over. Any thread; the service must outlive
/// it and its streams. The policy's timeout is the step's business, see StepCall.
class PolicyService final : public contract::Service {
 public:
  PolicyService(contract::Service& service, StepPolicy policy);

  [[nodiscard]] contract::ServiceKind kind() const override { return service_.kind(); }
  /// @error the last attempt's; cancelled: between two attempts.
  base::Task<base::Result<contract::Reply>> call(contract::Request request,
                                                 base::Context context) override;
  [[nodiscard]] contract::Health health() const override { return service_.health(); }

 private:
  base::Task<base::Result<contract::Reply>> attempt(contract::Request request,
                                                    base::Context context);
  base::Task<base::Result<contract::Reply>> race(contract::Request request, base::Context context);
  [[nodiscard]] bool may_ask_again(const base::Context& context);
  [[nodiscard]] bool worth_retrying(const base::Error& error, int attempts) const;

  contract::Service& service_;
  const StepPolicy policy_;
  RetryBudget budget_;
};

}  // namespace opaline::flow
