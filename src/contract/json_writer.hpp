#pragma once

#include <boost/json/value.hpp>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace opaline::contract {

/// Writes JSON text in the order of the calls, compact, with the shortest numbers that read back
/// the same (0.95, not 9.5E-1). Commas and colons are its business; that begin and end match is the
/// caller's. Strings that are not UTF-8 get U+FFFD; numbers that JSON cannot say (NaN, infinities)
/// become null.
class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }

  /// `name` is one of ours: it is written as it is.
  JsonWriter& key(std::string_view name);

  JsonWriter& null();
  JsonWriter& value(std::string_view text);
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool flag);
  JsonWriter& value(double number);
  JsonWriter& value(float number);
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool>)
  JsonWriter& value(Integer number) {
    if constexpr (std::is_signed_v<Integer>) return integer(static_cast<std::int64_t>(number));
    return natural(static_cast<std::uint64_t>(number));
  }
  JsonWriter& value(const boost::json::value& value);
  JsonWriter& value(const boost::json::object& object);
  JsonWriter& value(std::span<const float> numbers);
  JsonWriter& value(const std::vector<std::string>& texts);
  /// Text that is JSON already.
  JsonWriter& raw(std::string_view json);

  template <class Value>
  JsonWriter& field(std::string_view name, const Value& v) {
    return key(name).value(v);
  }
  JsonWriter& null_field(std::string_view name) { return key(name).null(); }
  /// A member whose name a stranger chose: it is escaped.
  JsonWriter& member(std::string_view name, const boost::json::value& value);

  void reserve(std::size_t bytes) { out_.reserve(bytes); }
  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  JsonWriter& integer(std::int64_t number);
  JsonWriter& natural(std::uint64_t number);
  void separate();

  std::string out_;
  bool first_ = true;  ///< Nothing stands yet in the innermost bracket, or a key was just written.
};

}  // namespace opaline::contract
