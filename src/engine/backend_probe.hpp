#pragma once

#include <chrono>
#include <filesystem>
#include <string>

namespace opaline::engine {

/// Loads the CPU module `file` in a forked child and lets it multiply small Q8_0 matrices in each
/// memory layout it offers (AMX and repacked weights are such layouts). @return "" if the products
/// are right, else what went wrong: the machine lacks the instructions, a signal ended it, wrong
/// numbers, or no end within `limit`.
[[nodiscard]] std::string probe_backend(const std::filesystem::path& file,
                                        std::chrono::milliseconds limit);

}  // namespace opaline::engine
