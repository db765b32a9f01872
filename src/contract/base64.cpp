#include "contract/base64.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace opaline::contract {
namespace {

static_assert(std::endian::native == std::endian::little,
              "floats are copied as they lie in memory");

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 0xFF;

constexpr std::array<std::uint8_t, 256> values() {
  std::array<std::uint8_t, 256> table{};
  table.fill(kNoDigit);
  for (std::size_t i = 0; i < kDigits.size(); ++i)
    table[static_cast<std::uint8_t>(kDigits[i])] = static_cast<std::uint8_t>(i);
  return table;
}
constexpr auto kValues = values();

}  // namespace

std::string base64_of_floats(std::span<const float> numbers) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(numbers.data());
  const std::size_t size = numbers.size_bytes();
  std::string text((size + 2) / 3 * 4, '=');
  std::size_t out = 0;
  for (std::size_t i = 0; i < size; i += 3) {
    const std::size_t left = size - i;
    const std::uint32_t group =
        bytes[i] << 16 | (left > 1 ? bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
    text[out] = kDigits[group >> 18];
    text[out + 1] = kDigits[group >> 12 & 63];
    if (left > 1) text[out + 2] = kDigits[group >> 6 & 63];
    if (left > 2) text[out + 3] = kDigits[group & 63];
    out += 4;
  }
  return text;
}

std::optional<std::vector<float>> floats_of_base64(std::string_view text) {
  if (text.size() % 4 != 0) return {};
  std::size_t padding = 0;
  if (text.ends_with("==")) {
    padding = 2;
  } else if (text.ends_with('=')) {
    padding = 1;
  }
  const std::size_t size = text.size() / 4 * 3 - padding;
  if (size % sizeof(float) != 0) return {};
  std::vector<float> numbers(size / sizeof(float));
  auto* bytes = reinterpret_cast<std::uint8_t*>(numbers.data());
  const std::size_t digits = text.size() - padding;
  std::uint32_t group = 0;
  std::size_t out = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::uint8_t value = i < digits ? kValues[static_cast<std::uint8_t>(text[i])] : 0;
    if (value == kNoDigit) return {};
    group = group << 6 | value;
    if (i % 4 != 3) continue;
    for (int shift = 16; shift >= 0 && out < size; shift -= 8)
      bytes[out++] = static_cast<std::uint8_t>(group >> shift);
    group = 0;
  }
  return numbers;
}

}  // namespace opaline::contract
