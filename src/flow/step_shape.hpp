#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "flow/expression.hpp"
#include "flow/graph.hpp"

/// What a flow file says of a step, and its run does.
namespace opaline::flow {

/// A step that is run once for each element of a list; its reply is the list of the replies.
struct MapPolicy {
  Expression over;          ///< Gives the list, at most limits::kMapItems; null is an empty one.
  std::string as = "item";  ///< What an element is called; its number is `index`.
  static constexpr std::size_t kConcurrency = 4;
  std::size_t concurrency = kConcurrency;  ///< At once; 1 … limits::kMapConcurrency.

  friend bool operator==(const MapPolicy&, const MapPolicy&) = default;
};

/// One way of a switch. The first whose condition holds is taken.
struct SwitchArm {
  std::optional<Expression> when;  ///< Nothing in the last one: otherwise.
  Graph::Node then = 0;

  friend bool operator==(const SwitchArm&, const SwitchArm&) = default;
};

/// What becomes of the flow when a step fails after all its attempts, and so does its fallback.
enum class OnError : std::uint8_t {
  fail,  ///< The flow fails.
  skip,  ///< The step's reply is null; what needs it runs.
  step,  ///< Another step is run instead of all else that follows; without a failure it is not.
};
[[nodiscard]] std::string_view name(OnError on_error);

/// What a step without `input` gets of several that it needs.
enum class Merge : std::uint8_t {
  update,  ///< One object; of equal keys the last step's holds.
  list,    ///< The list of their replies, in the order of `needs`.
  first,   ///< The first reply that is not null.
};
[[nodiscard]] std::string_view name(Merge merge);

}  // namespace opaline::flow
