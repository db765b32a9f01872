#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "contract/service.hpp"

namespace opaline::flow {

/// Told of each step of a run as it ends, once; of a streamed answer when the stream ends or is
/// dropped.
struct StepReport {
  std::string_view step;
  contract::ServiceKind kind;
  base::Clock::duration took;
  const base::Error* error = nullptr;  ///< Null when it went well.
  /// What a step of a JSON flow cost, if it said so; in a flow of typed messages the reply says it.
  std::optional<contract::Usage> usage = {};
};

/// Called on the request's thread. Must not throw. What it refers to must outlive the run and its
/// stream.
using StepObserver = std::function<void(const StepReport&)>;

}  // namespace opaline::flow
