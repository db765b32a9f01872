#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "flow/any_flow.hpp"

namespace opaline::app {

/// The flow file of a server: reads it, and sees when it, or one that it runs, is written. On one
/// thread.
class FlowWatch {
 public:
  /// @param file empty: the built-in flow, which never changes.
  explicit FlowWatch(std::filesystem::path file);
  /// Reads it. @error as flow::load_any_flow; the files that were watched before still are.
  [[nodiscard]] base::Result<flow::AnyFlow> load();
  /// Whether a file was written since it was read, and not again since the last call: a
  /// half-written one is not looked at.
  [[nodiscard]] bool changed();

 private:
  using Stamps = std::map<std::filesystem::path, std::string>;  // When and how large, by file.

  [[nodiscard]] Stamps stamps() const;

  std::filesystem::path file_;
  std::vector<std::filesystem::path> files_;  // It, and those of flows inside of it.
  Stamps known_;
  Stamps seen_;
};

}  // namespace opaline::app
