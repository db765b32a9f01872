#include "base/trace.hpp"

#include <algorithm>
#include <span>

#include "base/random.hpp"

namespace opaline::base {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

/// Lower-case hex only, as the specification demands, and not all zero.
bool read_hex(std::string_view text, std::span<std::uint8_t> bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto high = kDigits.find(text[2 * i]);
    const auto low = kDigits.find(text[2 * i + 1]);
    if (high == kDigits.npos || low == kDigits.npos) return false;
    bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return std::ranges::any_of(bytes, [](std::uint8_t byte) { return byte != 0; });
}

}  // namespace

TraceContext TraceContext::start() {
  TraceContext made;
  fill_random(made.trace_id);
  fill_random(made.span_id);
  return made;
}

std::optional<TraceContext> TraceContext::parse(std::string_view header) {
  // version-traceid-spanid-flags; later versions may append fields after another dash.
  if (header.size() < 55 || header[2] != '-' || header[35] != '-' || header[52] != '-') return {};
  if (header.substr(0, 2) == "ff") return {};
  if (header.size() > 55 && (header.substr(0, 2) == "00" || header[55] != '-')) return {};
  TraceContext parsed;
  if (!read_hex(header.substr(3, 32), parsed.trace_id)) return {};
  if (!read_hex(header.substr(36, 16), parsed.span_id)) return {};
  const auto flags = kDigits.find(header[54]);
  if (flags == kDigits.npos || kDigits.find(header[53]) == kDigits.npos) return {};
  parsed.sampled = (flags & 1) != 0;
  return parsed;
}

std::string TraceContext::header() const {
  return "00-" + hex(trace_id) + "-" + hex(span_id) + (sampled ? "-01" : "-00");
}

std::string TraceContext::trace_id_hex() const { return hex(trace_id); }

TraceContext TraceContext::child() const {
  TraceContext deeper = *this;
  fill_random(deeper.span_id);
  return deeper;
}

}  // namespace opaline::base
