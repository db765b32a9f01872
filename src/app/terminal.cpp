#include "app/terminal.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "app/command.hpp"
#include "base/utf8.hpp"

namespace opaline::app {

int failed(const base::Error& error) {
  fmt::print(stderr, "opaline: {}\n", printable(error.message));
  if (!error.detail.empty()) fmt::print(stderr, "         ({})\n", printable(error.detail));
  return kFailed;
}

int failed(std::string_view message) {
  fmt::print(stderr, "opaline: {}\n", printable(message));
  return kFailed;
}

bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

namespace {

std::string styled(std::string_view text, std::string_view code) {
  const char* no_colour = std::getenv("NO_COLOR");
  if (!stdout_is_terminal() || (no_colour != nullptr && *no_colour != '\0'))
    return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

}  // namespace

std::string bold(std::string_view text) { return styled(text, "1"); }
std::string dim(std::string_view text) { return styled(text, "2"); }

std::string readable_bytes(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string readable_time(std::chrono::seconds time) {
  const auto seconds = time.count();
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
}

std::string printable(std::string_view text) {
  std::string clean = base::to_utf8(text);
  std::erase_if(clean, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F;
  });
  return clean;
}

std::string shortened(std::string_view text, std::size_t columns) {
  std::string line;
  std::size_t used = 0;
  while (!text.empty()) {
    if (used == columns) return line + "…";
    const std::size_t length = std::max<std::size_t>(base::utf8_sequence(text), 1);
    const std::string_view character = text.substr(0, length);
    line += character == "\n" || character == "\t" ? std::string_view(" ") : character;
    text.remove_prefix(length);
    ++used;
  }
  return line;
}

ProgressLine::ProgressLine(std::string what, std::string unit)
    : what_(std::move(what)), unit_(std::move(unit)) {}

ProgressLine::~ProgressLine() { end(); }

void ProgressLine::update(std::uint64_t done, std::uint64_t total) {
  const auto now = Clock::now();
  const auto pause =
      stderr_is_terminal() ? std::chrono::milliseconds(100) : std::chrono::milliseconds(5000);
  if (drawn_ != Clock::time_point{} && now - drawn_ < pause) return;
  drawn_ = now;
  const double seconds = std::chrono::duration<double>(now - started_).count();
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string left;
  if (rate > 0 && total > done && seconds > 1) {
    const auto remaining = static_cast<std::int64_t>(static_cast<double>(total - done) / rate);
    left = ", " + readable_time(std::chrono::seconds(remaining)) + " left";
  }
  const std::string line =
      fmt::format("{} {}/{} {} ({:.1f}/s{})", what_, done, total, unit_, rate, left);
  if (!stderr_is_terminal()) {
    fmt::print(stderr, "{}\n", line);
    return;
  }
  constexpr std::size_t kWidth = 24;
  const std::size_t filled = total == 0 ? 0 : kWidth * done / total;
  std::string bar;
  for (std::size_t i = 0; i < kWidth; ++i) bar += i < filled ? "█" : "░";
  fmt::print(stderr, "\r\033[K{} {}", bar, line);
  std::fflush(stderr);
  visible_ = true;
}

void ProgressLine::end() {
  if (!visible_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  visible_ = false;
}

}  // namespace opaline::app
