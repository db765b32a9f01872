#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace opaline::app {

/// Sees when a flow file, or one that it runs, is written. On one thread.
class FlowWatch {
 public:
  /// @param file empty: there is nothing to watch.
  explicit FlowWatch(std::filesystem::path file);
  /// Whether a file was written since the last time this was true, and not again since the last
  /// call: a half-written one is not looked at.
  [[nodiscard]] bool changed();

 private:
  /// The file, and those of flows inside of it, as they are now.
  void remember();
  [[nodiscard]] std::string stamps() const;

  std::filesystem::path file_;
  std::vector<std::filesystem::path> files_;
  std::string known_;
  std::string seen_;
};

}  // namespace opaline::app
