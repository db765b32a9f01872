#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.hpp"

struct sock_filter;

namespace opaline::services::dataprep {

/// The rights that a process gives up for good before it touches foreign bytes.
///
/// | program  | may                                                   | may not |
/// |----------|-------------------------------------------------------|-----------------------------------------------|
/// | parser   | read and write what is open, allocate memory, exit    | everything else (an
/// allow-list)               | | pdf_tool | be executed, and read below /usr, /lib, /etc          |
/// network, write to files, new processes, ptrace |
///
/// Prepared ahead because apply() runs between fork and exec, where nothing may be allocated.
class Confinement {
 public:
  enum class Program { parser, pdf_tool };
  /// @param child of `parser`: a process it may still wait for and kill; 0: none.
  /// @error unavailable: the kernel lacks what is needed (detail says what).
  [[nodiscard]] static base::Result<Confinement> prepare(Program program, int child = 0);
  Confinement(Confinement&& other) noexcept;
  Confinement& operator=(Confinement&&) = delete;
  ~Confinement();

  /// Binds the calling thread and all it starts. Async-signal-safe. @return false: nothing is
  /// confined, do not go on.
  [[nodiscard]] bool apply() const noexcept;

 private:
  Confinement() = default;

  std::vector<sock_filter> filter_;
  int ruleset_ = -1;  ///< Landlock, where the kernel has it: the second wall around files.
};

struct ResourceLimits {
  std::size_t memory_bytes = 0;
  std::chrono::seconds processor_time{0};
};
/// Memory, processor time, no core file, no large files, few open ones; lower priority. Of the
/// calling process.
void limit_resources(const ResourceLimits& limits);

}  // namespace opaline::services::dataprep
