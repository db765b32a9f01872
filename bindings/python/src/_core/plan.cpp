#include "_core/plan.hpp"

#include <re2/re2.h>

#include <algorithm>

#include "base/limits.hpp"
#include "base/log.hpp"

namespace opaline::python {
namespace {

/// Whether `expression` is found in `name`, as Python's re.search finds it; one that does not
/// compile never is, as in OPEA. RE2: its time is bounded whatever a service sends.
bool found_in(std::string_view expression, std::string_view name) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(limits::kPatternBytes);
  const RE2 pattern(re2::StringPiece(expression.data(), expression.size()), options);
  if (!pattern.ok()) {
    base::log(base::LogLevel::warning, "black_list_pattern_ignored", {{"reason", pattern.error()}});
    return false;
  }
  return RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), pattern);
}

}  // namespace

Graph::Names Plan::start() {
  first_ = graph_.independent();
  started_.insert(first_.begin(), first_.end());
  return first_;
}

Plan::Next Plan::finish(std::string_view name, std::span<const std::string> forbidden) {
  finished_.emplace(name);
  Next next;
  Graph::Names downstream = graph_.downstream(name).value_or(Graph::Names());
  if (!forbidden.empty()) {
    const auto blocked = [&](const std::string& step) {
      const bool match = std::ranges::any_of(
          forbidden, [&](const std::string& expression) { return found_in(expression, step); });
      if (match) (void)graph_.delete_edge(name, step);
      return match;
    };
    std::erase_if(downstream, blocked);
    next.stopped = downstream.empty();
  }
  for (const std::string& step : downstream) {
    const bool ready = std::ranges::all_of(
        graph_.predecessors(step), [this](const std::string& one) { return finished(one); });
    if (ready && started_.insert(step).second) next.ready.push_back(step);
  }
  return next;
}

void Plan::stands_in(std::string_view name, std::string_view next) {
  finished_.emplace(name);
  started_.emplace(next);
}

void Plan::prune() {
  std::set<std::string, std::less<>> reached;
  for (const std::string& name : first_) {
    if (!graph_.contains(name)) continue;
    reached.insert(name);
    for (std::string& below : graph_.all_downstreams(name).value_or(Graph::Names())) {
      reached.insert(std::move(below));
    }
  }
  Graph::Names gone;
  for (const Graph::Node& node : graph_.nodes()) {
    if (!reached.contains(node.name)) gone.push_back(node.name);
  }
  for (const std::string& name : gone) (void)graph_.delete_node(name);
}

}  // namespace opaline::python
