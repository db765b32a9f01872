#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace opaline::engine {

/// llama.cpp's process-wide state: its CPU module. One a process; models refer to it, so it is made
/// first and dies last.
///
/// Chooses the fastest CPU level this machine really runs: the candidates are tried best first by a
/// small matrix product in a forked child, so that a level which the hypervisor hides or breaks
/// (SIGILL) is passed over.
class Backend {
 public:
  /// @param level "" to choose, or a level by name ("x64", "haswell", "zen4", "sapphirerapids" …).
  /// @error failed_precondition: no module found beside the program, or none runs; names the folder
  /// it looked in.
  [[nodiscard]] static base::Result<std::unique_ptr<Backend>> create(std::string level = {});
  ~Backend();

  [[nodiscard]] const std::string& level() const { return level_; }
  /// Levels whose modules are there, best first.
  [[nodiscard]] static std::vector<std::string> available_levels();

 private:
  explicit Backend(std::string level);
  std::string level_;
};

}  // namespace opaline::engine
