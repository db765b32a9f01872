#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "_core/graph.hpp"

namespace opaline::python {

/// Which steps of one request may run now. Pure: told what finished, answers what starts. The graph
/// is the request's own and may be edited between the calls, by hooks and by the plan itself.
class Plan {
 public:
  struct Next {
    Graph::Names ready;
    bool stopped = false;  ///< The step's reply forbade all that follows it.
  };

  explicit Plan(Graph& graph) : graph_(graph) {}

  /// The steps that wait for none.
  [[nodiscard]] Graph::Names start();

  /// `name` has answered. @param forbidden regular expressions: of what follows `name`, steps whose
  /// names one of them matches lose their edge to it (a guardrail says ".*").
  [[nodiscard]] Next finish(std::string_view name, std::span<const std::string> forbidden);

  /// `name`, which streams, hands its text to `next`, which answers in its place.
  void stands_in(std::string_view name, std::string_view next);

  /// At the end: removes what the request no longer reached from its first steps.
  void prune();

  [[nodiscard]] bool finished(std::string_view name) const { return finished_.contains(name); }

 private:
  Graph& graph_;
  Graph::Names first_;
  std::set<std::string, std::less<>> started_;
  std::set<std::string, std::less<>> finished_;
};

}  // namespace opaline::python
