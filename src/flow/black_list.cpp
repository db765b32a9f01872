#include "flow/black_list.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/limits.hpp"

namespace opaline::flow {
namespace {

constexpr std::string_view kField = "downstream_black_list";
// Names of steps are short, and no flow has more than kFlowSteps of them.
constexpr std::size_t kPatternTextBytes = 4096;

std::unexpected<base::Error> unreadable(const std::string& what) {
  return base::fail(base::ErrorCode::failed_precondition,
                    "the '" + std::string(kField) + "' of its answer " + what);
}

}  // namespace

base::Result<std::optional<std::vector<Graph::Node>>> black_listed(const boost::json::value& output,
                                                                   const Graph& graph,
                                                                   Graph::Node node) {
  const auto* object = output.if_object();
  const auto* list = object ? object->if_contains(kField) : nullptr;
  if (list == nullptr || list->is_null()) return std::nullopt;
  const auto* patterns = list->if_array();
  if (patterns == nullptr) return unreadable("is no list of regular expressions");
  if (patterns->empty()) return std::nullopt;
  if (patterns->size() > limits::kFlowSteps) {
    return unreadable("has more than " + std::to_string(limits::kFlowSteps) + " patterns");
  }
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(limits::kPatternBytes);
  std::vector<Graph::Node> found;
  for (const boost::json::value& one : *patterns) {
    if (!one.is_string()) return unreadable("has a pattern that is no text");
    const std::string_view text = one.get_string();
    if (text.size() > kPatternTextBytes) {
      return unreadable("has a pattern above " + std::to_string(kPatternTextBytes) + " bytes");
    }
    const RE2 pattern(re2::StringPiece(text.data(), text.size()), options);
    if (!pattern.ok()) {
      return unreadable("has the pattern '" + std::string(text) +
                        "', which is no regular expression of RE2: " + pattern.error());
    }
    for (const Graph::Node next : graph.successors(node)) {
      if (std::ranges::find(found, next) != found.end()) continue;
      if (RE2::PartialMatch(graph.name(next), pattern)) found.push_back(next);
    }
  }
  return found;
}

}  // namespace opaline::flow
