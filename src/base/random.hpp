#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>

namespace opaline::base {

/// Fills `bytes` from the system's random source (getrandom). Fit for keys and ids.
void fill_random(std::span<std::uint8_t> bytes);

/// For tests. What fill_random() gives on this thread while it lives: the same for the same seed.
class SeededRandom {
 public:
  explicit SeededRandom(std::uint64_t seed);
  ~SeededRandom();
  SeededRandom(const SeededRandom&) = delete;
  SeededRandom& operator=(const SeededRandom&) = delete;

  void fill(std::span<std::uint8_t> bytes);

 private:
  std::mt19937_64 engine_;
};

/// `bytes` random bytes as lower-case hex: twice as many characters. For ids.
[[nodiscard]] std::string random_hex(std::size_t bytes);

}  // namespace opaline::base
