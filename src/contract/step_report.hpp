#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "contract/service.hpp"

namespace opaline::contract {

/// Told of each step of a flow's run as it ends, once; of a streamed answer when the stream ends or
/// is dropped.
struct StepReport {
  std::string_view step;  ///< Its name; of a flow inside of another "outer.inner".
  ServiceKind kind;
  base::Clock::duration took;
  const base::Error* error = nullptr;  ///< Null when it went well.
  /// What a step of a JSON flow cost, if it said so; in a flow of typed messages the reply says it.
  std::optional<Usage> usage = {};
};

}  // namespace opaline::contract
