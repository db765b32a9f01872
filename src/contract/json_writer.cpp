#include "contract/json_writer.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>
#include <cmath>

#include "base/assert.hpp"
#include "base/json_text.hpp"

namespace opaline::contract {
namespace {

template <class Number>
void append_number(std::string& out, Number number) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number);
  OPALINE_ASSERT(error == std::errc());
  out.append(buffer, end);
}

template <class Real>
void append_real(std::string& out, Real number) {
  if (std::isfinite(number)) {
    append_number(out, number);
  } else {
    out += "null";
  }
}

}  // namespace

void JsonWriter::separate() {
  if (!first_) out_ += ',';
  first_ = false;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  out_ += bracket;
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  out_ += bracket;
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  out_ += '"';
  out_ += name;
  out_ += "\":";
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::null() { return raw("null"); }
JsonWriter& JsonWriter::value(bool flag) { return raw(flag ? "true" : "false"); }

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  separate();
  base::append_json_string(out_, text);
  return *this;
}

JsonWriter& JsonWriter::value(double number) {
  separate();
  append_real(out_, number);
  return *this;
}

JsonWriter& JsonWriter::value(float number) {
  separate();
  append_real(out_, number);
  return *this;
}

JsonWriter& JsonWriter::integer(std::int64_t number) {
  separate();
  append_number(out_, number);
  return *this;
}

JsonWriter& JsonWriter::natural(std::uint64_t number) {
  separate();
  append_number(out_, number);
  return *this;
}

JsonWriter& JsonWriter::value(std::span<const float> numbers) {
  begin_array();
  for (const float number : numbers) value(number);
  return end_array();
}

JsonWriter& JsonWriter::value(const std::vector<std::string>& texts) {
  begin_array();
  for (const std::string& text : texts) value(text);
  return end_array();
}

JsonWriter& JsonWriter::value(const boost::json::object& object) {
  begin_object();
  for (const auto& [name, value] : object) member(name, value);
  return end_object();
}

JsonWriter& JsonWriter::member(std::string_view name, const boost::json::value& v) {
  separate();
  base::append_json_string(out_, name);
  out_ += ':';
  first_ = true;
  return value(v);
}

JsonWriter& JsonWriter::value(const boost::json::value& v) {
  using boost::json::kind;
  switch (v.kind()) {
    case kind::null: return null();
    case kind::bool_: return value(v.get_bool());
    case kind::int64: return value(v.get_int64());
    case kind::uint64: return value(v.get_uint64());
    case kind::double_: return value(v.get_double());
    case kind::string: return value(std::string_view(v.get_string()));
    case kind::object: return value(v.get_object());
    case kind::array:
      begin_array();
      for (const auto& item : v.get_array()) value(item);
      return end_array();
  }
  OPALINE_ASSERT(false);
}

}  // namespace opaline::contract
