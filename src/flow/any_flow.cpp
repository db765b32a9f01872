#include "flow/any_flow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "flow/dialects/dialect.hpp"
#include "flow/flow_text.hpp"
#include "flow/mistakes.hpp"
#include "flow/step_flow_reader.hpp"
#include "flow/yaml_reader.hpp"

namespace opaline::flow {
namespace {

base::Result<AnyFlow> read(std::string_view yaml, const std::string& name,
                           const SubFlowLoader& load) {
  Mistakes mistakes(yaml);
  auto root = read_yaml(yaml, mistakes);
  if (!root) return base::fail(mistakes.error(name));
  std::vector<std::string> notes;
  if (auto translation = translate(*root, mistakes)) {
    if (!mistakes.empty()) return base::fail(mistakes.error(name));
    root = std::move(translation->root);
    notes = std::move(translation->notes);
  }
  const auto with_notes = [&notes](auto flow) {
    flow.notes.insert(flow.notes.begin(), notes.begin(), notes.end());
    return AnyFlow(std::move(flow));
  };
  if (dialect_of(*root) == Dialect::opaline) {
    OPALINE_TRY(StepFlow flow, read_step_flow(*root, yaml, name, load, std::move(mistakes)));
    return with_notes(std::move(flow));
  }
  // Of OPEA's form, or of none: its reader says what was expected.
  OPALINE_TRY(FlowSpec flow, read_flow(*root, yaml, name, std::move(mistakes)));
  return with_notes(std::move(flow));
}

/// The files of one flow.
class Files {
 public:
  /// @param opened may be null.
  explicit Files(std::vector<std::filesystem::path>* opened) : opened_(opened) {}

  /// @param inside of what it is: the files above it, the outermost first.
  base::Result<AnyFlow> load(const std::filesystem::path& file,
                             std::vector<std::filesystem::path> inside) {
    std::error_code ignored;
    const std::filesystem::path path = std::filesystem::weakly_canonical(file, ignored);
    const auto first = std::ranges::find(inside, path);
    if (first != inside.end()) {
      std::string way;
      for (auto one = first; one != inside.end(); ++one) way += one->filename().string() + " >> ";
      return base::fail(base::ErrorCode::invalid_argument,
                        "this flow is inside of itself: " + way + path.filename().string());
    }
    if (inside.size() > limits::kSubFlowDepth) {
      return base::fail(
          base::ErrorCode::invalid_argument,
          fmt::format("flows are at most {} deep inside of one another", limits::kSubFlowDepth));
    }
    if (++read_ > limits::kFlowSteps) {
      return base::fail(base::ErrorCode::invalid_argument,
                        fmt::format("a flow has at most {} flows inside", limits::kFlowSteps));
    }
    if (opened_ != nullptr) opened_->push_back(file);
    OPALINE_TRY(const std::string text, read_flow_text(file));
    inside.push_back(path);
    return read(text, file.string(),
                [&](const std::string& name) { return load(file.parent_path() / name, inside); });
  }

 private:
  std::vector<std::filesystem::path>* const opened_;
  std::size_t read_ = 0;
};

}  // namespace

base::Result<AnyFlow> read_any_flow(std::string_view yaml, const std::string& name) {
  return read(yaml, name, {});
}

base::Result<AnyFlow> load_any_flow(const std::filesystem::path& file,
                                    std::vector<std::filesystem::path>* opened) {
  return Files(opened).load(file, {});
}

}  // namespace opaline::flow
