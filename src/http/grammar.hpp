#pragma once

#include <string_view>

namespace opaline::http {

/// The small rules of RFC 9110, section 5, that several readers share. ASCII only, whatever the
/// locale.

/// One or more of the characters a name or method may have.
[[nodiscard]] bool is_token(std::string_view text);
/// Free of control bytes other than tab; bytes from 0x80 up are let through, as opaque.
[[nodiscard]] bool is_field_value(std::string_view text);
[[nodiscard]] bool is_digits(std::string_view text);
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);
/// Without spaces and tabs at either end.
[[nodiscard]] std::string_view trim(std::string_view text);
/// Whether the comma-separated list names `member`, in any case.
[[nodiscard]] bool list_has(std::string_view list, std::string_view member);
/// A name, an IPv4 address or an IPv6 address in brackets, and perhaps ":port".
[[nodiscard]] bool is_host(std::string_view text);
/// 0 … 15, or -1.
[[nodiscard]] int hex_digit(char c);

}  // namespace opaline::http
