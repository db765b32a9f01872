#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace opaline::base {

/// A W3C trace context (https://www.w3.org/TR/trace-context/): the trace a request belongs to and
/// the span it is in.
struct TraceContext {
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
  bool sampled = true;

  /// A new trace with random ids.
  [[nodiscard]] static TraceContext start();
  /// Reads a `traceparent` header; nothing when it is not well formed (the caller then starts a new
  /// trace).
  [[nodiscard]] static std::optional<TraceContext> parse(std::string_view header);
  /// The `traceparent` header: "00-<32 hex>-<16 hex>-01".
  [[nodiscard]] std::string header() const;
  [[nodiscard]] std::string trace_id_hex() const;
  /// Same trace, new span.
  [[nodiscard]] TraceContext child() const;

  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

}  // namespace opaline::base
