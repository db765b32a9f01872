#include "flow/letter_case.hpp"

#include <array>
#include <cstdint>

#include "base/utf8.hpp"

namespace opaline::flow {
namespace {

/// Capitals `first` … `last` and how far behind them their small letters stand; alternating where
/// that is 1.
struct Alphabet {
  std::uint32_t first;
  std::uint32_t last;
  std::uint32_t distance;
};
// Below U+0800, so that a letter and its counterpart are one or two bytes.
constexpr std::array<Alphabet, 11> kAlphabets = {{
    {'A', 'Z', 32},
    {0x00C0, 0x00D6, 32},
    {0x00D8, 0x00DE, 32},
    {0x0100, 0x012E, 1},
    {0x0132, 0x0136, 1},
    {0x0139, 0x0147, 1},
    {0x014A, 0x0176, 1},
    {0x0179, 0x017D, 1},
    {0x0391, 0x03A9, 32},
    {0x0400, 0x040F, 80},
    {0x0410, 0x042F, 32},
}};
constexpr std::uint32_t kFinalSigma = 0x03C2;  // Its place among the capitals is empty.

std::uint32_t lower(std::uint32_t letter) {
  for (const Alphabet& one : kAlphabets) {
    if (letter < one.first || letter > one.last || letter + one.distance == kFinalSigma) continue;
    if (one.distance > 1 || (letter - one.first) % 2 == 0) return letter + one.distance;
  }
  return letter;
}

std::uint32_t upper(std::uint32_t letter) {
  for (const Alphabet& one : kAlphabets) {
    if (letter < one.first + one.distance || letter > one.last + one.distance) continue;
    if (letter == kFinalSigma) return 0x03A3;
    const std::uint32_t capital = letter - one.distance;
    if (one.distance > 1 || (capital - one.first) % 2 == 0) return capital;
  }
  return letter;
}

std::string converted(std::string_view text, std::uint32_t (*convert)(std::uint32_t)) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = base::utf8_sequence(text.substr(at));
    const auto byte = [&text, at](std::size_t i) {
      return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at + i]));
    };
    if (length == 1) {
      out += static_cast<char>(convert(byte(0)));
    } else if (length == 2) {
      const std::uint32_t letter = convert((byte(0) & 0x1F) << 6 | (byte(1) & 0x3F));
      out += static_cast<char>(0xC0 | letter >> 6);
      out += static_cast<char>(0x80 | (letter & 0x3F));
    } else {
      out += text.substr(at, length == 0 ? 1 : length);
    }
    at += length == 0 ? 1 : length;
  }
  return out;
}

}  // namespace

std::string lower_case(std::string_view text) { return converted(text, lower); }
std::string upper_case(std::string_view text) { return converted(text, upper); }

}  // namespace opaline::flow
