#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace opaline::contract {

/// Reads JSON that a stranger wrote: at most limits::kJsonDepth deep, valid UTF-8; of equal keys
/// the last one holds.
/// @error invalid_argument: says what was expected and the line and byte where it went wrong.
[[nodiscard]] base::Result<boost::json::value> parse_json(std::string_view text);
/// The same, for a message that must be an object. @error invalid_argument as above, or "… must be
/// a JSON object, got …".
[[nodiscard]] base::Result<boost::json::object> parse_json_object(std::string_view text);

/// How a value is quoted in an error message: JSON text, cut after 40 bytes.
[[nodiscard]] std::string quoted(const boost::json::value& value);

/// Reads the fields of one object, forgiving in form (numbers and booleans as strings, null =
/// absent, unknown fields ignored) and strict in meaning (types and ranges). It remembers the first
/// field that is wrong, so that a message is read from top to bottom and asked once at the end:
///   Fields fields(object);
///   sampling.top_p = fields.number("top_p", {.min = 0, .max = 1});
///   OPALINE_TRY_DO(fields.check());
/// Borrows the object: it must outlive the Fields.
class Fields {
 public:
  struct IntegerRange {
    std::int64_t min = std::numeric_limits<std::int64_t>::min();
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
  };
  struct NumberRange {
    double min = std::numeric_limits<double>::lowest();
    double max = std::numeric_limits<double>::max();
  };

  /// @param path is put before each field's name in errors, e.g. "messages[0].".
  explicit Fields(const boost::json::object& object, std::string path = {});

  // Each returns nothing when the field is absent, null or wrong; only the last is an error.
  std::optional<std::string> text(std::string_view name);
  std::optional<std::int64_t> integer(std::string_view name, IntegerRange range);
  std::optional<double> number(std::string_view name, NumberRange range);
  std::optional<bool> flag(std::string_view name);
  /// A list of strings; a single string counts as a list of one.
  std::optional<std::vector<std::string>> texts(std::string_view name);
  /// Borrowed from the object; null when absent.
  const boost::json::array* array(std::string_view name);
  const boost::json::object* object(std::string_view name);
  /// Whatever it is; null when absent or JSON null.
  [[nodiscard]] const boost::json::value* find(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }

  /// Records "field 'PATHNAME' must be EXPECTED, got VALUE", unless something went wrong before.
  void reject(std::string_view name, std::string_view expected, const boost::json::value& got);
  /// Records a sentence of the caller's own.
  void reject(std::string message);
  /// Records what a nested reader found.
  void adopt(const base::Result<void>& nested);
  /// @error invalid_argument: the first field that was wrong.
  [[nodiscard]] base::Result<void> check() const;
  [[nodiscard]] bool good() const { return !error_.has_value(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  const boost::json::object& object_;
  std::string path_;
  std::optional<std::string> error_;
};

}  // namespace opaline::contract
