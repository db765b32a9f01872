#include "contract/json.hpp"

#include <algorithm>
#include <boost/json/parser.hpp>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "contract/json_writer.hpp"

namespace opaline::contract {
namespace json = boost::json;
namespace {

using base::ErrorCode;

std::string place(std::string_view text, std::size_t offset) {
  offset = std::min(offset, text.size());
  const auto line = 1 + std::ranges::count(text.substr(0, offset), '\n');
  return "line " + std::to_string(line) + ", byte " + std::to_string(offset);
}

std::string_view reason(const boost::system::error_code& error) {
  if (error == json::error::incomplete) return "it ends too early";
  if (error == json::error::extra_data) return "something follows after its end";
  if (error == json::error::too_deep) return "it is nested too deeply";
  if (error == json::error::syntax) return "syntax error";
  return "it is malformed";
}

template <class Number>
std::string spoken(Number number) {
  JsonWriter writer;
  writer.value(number);
  return std::move(writer).take();
}

/// "a number between 0 and 1", "an integer of at least 1", "a number".
template <class Number>
std::string expected(std::string_view what, Number min, Number max) {
  const bool below = min > std::numeric_limits<Number>::lowest();
  const bool above = max < std::numeric_limits<Number>::max();
  std::string text(what);
  if (below && above) return text + " between " + spoken(min) + " and " + spoken(max);
  if (below) return text + " of at least " + spoken(min);
  if (above) return text + " of at most " + spoken(max);
  return text;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

template <class Number>
std::optional<Number> from_text(std::string_view text) {
  text = trimmed(text);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return {};
  return number;
}

std::optional<double> as_number(const json::value& value) {
  if (value.is_string()) return from_text<double>(value.get_string());
  if (value.is_double()) return value.get_double();
  if (value.is_int64()) return static_cast<double>(value.get_int64());
  if (value.is_uint64()) return static_cast<double>(value.get_uint64());
  return {};
}

std::optional<std::int64_t> as_integer(const json::value& value) {
  if (value.is_int64()) return value.get_int64();
  if (value.is_string()) {
    if (const auto integer = from_text<std::int64_t>(value.get_string())) return integer;
  }
  // 5.0 is an integer too; 2^53 and beyond is not known to be one.
  const auto number = as_number(value);
  if (!number || *number != std::floor(*number) || std::abs(*number) > 9007199254740992.0)
    return {};
  return static_cast<std::int64_t>(*number);
}

std::optional<bool> as_flag(const json::value& value) {
  if (value.is_bool()) return value.get_bool();
  if (value.is_string()) {
    std::string text(trimmed(value.get_string()));
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    if (text == "true" || text == "1" || text == "yes" || text == "on") return true;
    if (text == "false" || text == "0" || text == "no" || text == "off") return false;
    return {};
  }
  if (value.is_int64() && (value.get_int64() == 0 || value.get_int64() == 1))
    return value.get_int64() == 1;
  return {};
}

}  // namespace

base::Result<json::value> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = limits::kJsonDepth;
  json::parser parser({}, options);
  boost::system::error_code error;
  const std::size_t consumed = parser.write_some(text.data(), text.size(), error);
  if (!error && consumed < text.size()) error = json::error::extra_data;
  if (!error) return parser.release();
  const std::size_t offset = error == json::error::incomplete ? text.size() : consumed;
  const std::string where = place(text, offset);
  if (error == json::error::syntax && !base::is_utf8(text)) {
    return base::fail(ErrorCode::invalid_argument, "the body is not valid UTF-8 (" + where + ")");
  }
  return base::fail(
      ErrorCode::invalid_argument,
      "the body is not valid JSON: " + std::string(reason(error)) + " (" + where + ")",
      error.message());
}

base::Result<json::object> parse_json_object(std::string_view text) {
  OPALINE_TRY(json::value value, parse_json(text));
  if (!value.is_object()) {
    return base::fail(ErrorCode::invalid_argument,
                      "the body must be a JSON object, got " + quoted(value));
  }
  return std::move(value.get_object());
}

std::string quoted(const json::value& value) {
  constexpr std::size_t kBytes = 40;
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  JsonWriter writer;
  if (value.is_string() && value.get_string().size() > kBytes) {
    writer.value(std::string(base::utf8_prefix(value.get_string(), kBytes)) + "…");
  } else {
    writer.value(value);
  }
  return std::move(writer).take();
}

Fields::Fields(const json::object& object, std::string path)
    : object_(object), path_(std::move(path)) {}

const json::value* Fields::find(std::string_view name) const {
  const json::value* value = object_.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::optional<std::string> Fields::text(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return {};
  if (value->is_string()) return std::string(value->get_string());
  reject(name, "a string", *value);
  return {};
}

std::optional<std::int64_t> Fields::integer(std::string_view name, IntegerRange range) {
  const json::value* value = find(name);
  if (value == nullptr) return {};
  const auto integer = as_integer(*value);
  if (integer && *integer >= range.min && *integer <= range.max) return integer;
  reject(name, expected("an integer", range.min, range.max), *value);
  return {};
}

std::optional<double> Fields::number(std::string_view name, NumberRange range) {
  const json::value* value = find(name);
  if (value == nullptr) return {};
  const auto number = as_number(*value);
  if (number && std::isfinite(*number) && *number >= range.min && *number <= range.max)
    return number;
  reject(name, expected("a number", range.min, range.max), *value);
  return {};
}

std::optional<bool> Fields::flag(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return {};
  const auto flag = as_flag(*value);
  if (!flag) reject(name, "true or false", *value);
  return flag;
}

std::optional<std::vector<std::string>> Fields::texts(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return {};
  if (value->is_string()) return std::vector{std::string(value->get_string())};
  if (!value->is_array()) {
    reject(name, "a string or a list of strings", *value);
    return {};
  }
  std::vector<std::string> list;
  list.reserve(value->get_array().size());
  for (const json::value& item : value->get_array()) {
    if (!item.is_string()) {
      reject(std::string(name) + "[" + std::to_string(list.size()) + "]", "a string", item);
      return {};
    }
    list.emplace_back(item.get_string());
  }
  return list;
}

const json::array* Fields::array(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return nullptr;
  if (value->is_array()) return &value->get_array();
  reject(name, "a list", *value);
  return nullptr;
}

const json::object* Fields::object(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return nullptr;
  if (value->is_object()) return &value->get_object();
  reject(name, "an object", *value);
  return nullptr;
}

void Fields::reject(std::string_view name, std::string_view expected, const json::value& got) {
  reject("field '" + path_ + std::string(name) + "' must be " + std::string(expected) + ", got " +
         quoted(got));
}

void Fields::reject(std::string message) {
  if (!error_) error_ = std::move(message);
}

void Fields::adopt(const base::Result<void>& nested) {
  if (!nested) reject(nested.error().message);
}

base::Result<void> Fields::check() const {
  if (error_) return base::fail(ErrorCode::invalid_argument, *error_);
  return {};
}

}  // namespace opaline::contract
