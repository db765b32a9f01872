#include "services/dataprep/token_estimate.hpp"

#include <array>
#include <cstdint>

namespace opaline::services::dataprep {
namespace {

/// Mean pieces of a word with this many letters, in thousandths.
constexpr std::array<std::uint32_t, 17> kWord = {0,    1000, 1010, 1090, 1090, 1140,
                                                 1160, 1220, 1240, 1300, 1640, 1500,
                                                 1700, 2000, 2750, 3300, 5000};
constexpr std::array<std::uint32_t, 7> kDigits = {0, 1000, 1000, 1400, 1650, 2400, 3100};

std::uint64_t word(std::size_t letters) {
  return letters < kWord.size() ? kWord[letters] : std::uint64_t{letters} * 360;
}
std::uint64_t digits(std::size_t count) {
  return count < kDigits.size() ? kDigits[count] : std::uint64_t{count} * 550;
}

enum class Class : std::uint8_t { space, letter, digit, mark };

Class class_of(unsigned char c) {
  if (c <= ' ' || c == 0x7F) return Class::space;
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return Class::letter;
  if (c >= '0' && c <= '9') return Class::digit;
  return Class::mark;
}

}  // namespace

std::size_t token_estimate(std::string_view text) {
  std::uint64_t thousandths = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x80) {
      // Accented Latin letters (C3 to C9) lose their accents and are part of a word; all else is a
      // token a character.
      const bool latin = c >= 0xC3 && c <= 0xC9;
      thousandths += latin ? 450 : 1000;
      ++at;
      while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
      continue;
    }
    const Class kind = class_of(c);
    const std::size_t begin = at;
    ++at;
    if (kind == Class::letter || kind == Class::digit) {
      while (at < text.size() && class_of(static_cast<unsigned char>(text[at])) == kind &&
             static_cast<unsigned char>(text[at]) < 0x80) {
        ++at;
      }
    }
    switch (kind) {
      case Class::space: break;
      case Class::letter: thousandths += word(at - begin); break;
      case Class::digit: thousandths += digits(at - begin); break;
      case Class::mark: thousandths += 1000; break;
    }
  }
  return static_cast<std::size_t>((thousandths * 985 / 1000 + 999) / 1000);
}

}  // namespace opaline::services::dataprep
