#include "base/random.hpp"

#include <sys/random.h>

#include <vector>

#include "base/assert.hpp"

namespace opaline::base {
namespace {

thread_local SeededRandom* seeded = nullptr;

}  // namespace

SeededRandom::SeededRandom(std::uint64_t seed) : engine_(seed) {
  OPALINE_ASSERT(seeded == nullptr);
  seeded = this;
}

SeededRandom::~SeededRandom() { seeded = nullptr; }

void SeededRandom::fill(std::span<std::uint8_t> bytes) {
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(engine_());
}

void fill_random(std::span<std::uint8_t> bytes) {
  if (seeded != nullptr) {
    seeded->fill(bytes);
    return;
  }
  while (!bytes.empty()) {
    const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0) continue;  // EINTR is the only error of a valid call.
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

std::string random_hex(std::size_t bytes) {
  std::vector<std::uint8_t> raw(bytes);
  fill_random(raw);
  std::string text;
  for (const std::uint8_t byte : raw) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

}  // namespace opaline::base
