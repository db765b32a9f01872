#include "contract/json_shape.hpp"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <ranges>

#include "base/limits.hpp"
#include "contract/json.hpp"

namespace opaline::contract {
namespace json = boost::json;
namespace {

using Types = std::uint8_t;  // A bit a type, as in kTypes.

struct TypeName {
  std::string_view name;
  std::string_view spoken;
};
constexpr std::array<TypeName, 7> kTypes = {{{"null", "null"},
                                             {"boolean", "a boolean"},
                                             {"object", "an object"},
                                             {"array", "an array"},
                                             {"number", "a number"},
                                             {"integer", "an integer"},
                                             {"string", "a string"}}};
constexpr Types kNumber = 1U << 4U;
constexpr Types kInteger = 1U << 5U;

/// The type of that name; nothing of JSON Schema has another.
std::optional<Types> type_named(const json::value& name) {
  if (!name.is_string()) return {};
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    if (kTypes[i].name == std::string_view(name.get_string())) return Types(1U << i);
  }
  return {};
}

/// All types that a value has: an integer is a number too, and so is 3.0 an integer.
Types types_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return 1U << 0U;
    case json::kind::bool_: return 1U << 1U;
    case json::kind::object: return 1U << 2U;
    case json::kind::array: return 1U << 3U;
    case json::kind::int64:
    case json::kind::uint64: return kNumber | kInteger;
    case json::kind::double_: {
      const double number = value.get_double();
      return number == std::trunc(number) ? kNumber | kInteger : kNumber;
    }
    case json::kind::string: return 1U << 6U;
  }
  return 0;
}

std::string_view spoken_kind(const json::value& value) {
  if (value.is_number()) return "a number";
  const Types types = types_of(value);
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    if ((types & (1U << i)) != 0) return kTypes[i].spoken;
  }
  return "nothing";
}

/// "a string or null".
std::string spoken(Types types) {
  std::string all;
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    if ((types & (1U << i)) == 0) continue;
    if (!all.empty()) all += " or ";
    all += kTypes[i].spoken;
  }
  return all;
}

/// Equal as JSON Schema has it: numbers by their value.
bool same(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number() && a.kind() != b.kind()) {
    if (a.is_double() || b.is_double()) return a.to_number<double>() == b.to_number<double>();
    return a == b;
  }
  if (a.kind() != b.kind()) return false;
  if (const json::array* list = a.if_array()) {
    return std::ranges::equal(*list, b.get_array(), same);
  }
  const json::object* object = a.if_object();
  if (object == nullptr) return a == b;
  const json::object& other = b.get_object();
  return object->size() == other.size() && std::ranges::all_of(*object, [&other](const auto& one) {
           const json::value* found = other.if_contains(one.key());
           return found != nullptr && same(one.value(), *found);
         });
}

/// One more step of a JSON pointer (RFC 6901).
std::string below(const std::string& path, std::string_view key) {
  std::string deeper = path + "/";
  for (const char c : key) {
    if (c == '~') {
      deeper += "~0";
    } else if (c == '/') {
      deeper += "~1";
    } else {
      deeper += c;
    }
  }
  return deeper;
}

}  // namespace

struct JsonShape::Node {
  bool nothing = false;  // The schema `false`.
  Types types = 0;       // None: any.
  std::vector<std::pair<std::string, std::unique_ptr<const Node>>> properties;
  std::vector<std::string> required;
  std::unique_ptr<const Node> items;
  std::optional<json::array> allowed;  // `enum`, or `const` as a list of one.
};

/// Reads a schema, and says where it is wrong.
class JsonShape::Reader {
 public:
  std::unique_ptr<const Node> read(const json::object& schema, const std::string& path,
                                   std::size_t depth) {
    auto made = std::make_unique<Node>();
    if (depth >= limits::kJsonDepth) {
      wrong(path, "it is nested too deeply");
    } else {
      keywords(schema, path, depth, *made);
    }
    return made;
  }

  [[nodiscard]] const std::string& mistake() const { return mistake_; }

 private:
  std::unique_ptr<const Node> node(const json::value& schema, const std::string& path,
                                   std::size_t depth) {
    if (const json::object* object = schema.if_object()) return read(*object, path, depth);
    auto made = std::make_unique<Node>();
    if (!schema.is_bool()) reject(path, "a schema", schema);
    made->nothing = schema == json::value(false);
    return made;
  }

  void keywords(const json::object& schema, const std::string& path, std::size_t depth,
                Node& made) {
    if (const json::value* type = schema.if_contains("type"))
      made.types = types(*type, path + "/type");
    if (const json::value* properties = schema.if_contains("properties"))
      read_properties(*properties, path + "/properties", depth, made);
    if (const json::value* required = schema.if_contains("required"))
      read_required(*required, path + "/required", made);
    // A list of schemas, one a place, is of older drafts, and not read.
    if (const json::value* items = schema.if_contains("items"); items && !items->is_array())
      made.items = node(*items, path + "/items", depth + 1);
    if (const json::value* allowed = schema.if_contains("enum")) {
      if (!allowed->is_array()) return reject(path + "/enum", "a list", *allowed);
      made.allowed = allowed->get_array();
    }
    if (const json::value* only = schema.if_contains("const")) made.allowed = json::array{*only};
  }

  Types types(const json::value& type, const std::string& path) {
    constexpr std::string_view kExpected =
        "null, boolean, object, array, number, integer, string, or a list of them";
    const json::array* list = type.if_array();
    Types all = 0;
    for (const json::value& one : list != nullptr ? *list : json::array{type}) {
      const auto named = type_named(one);
      if (!named) reject(path, kExpected, one);
      all |= named.value_or(0);
    }
    if (list != nullptr && list->empty()) reject(path, kExpected, type);
    return all;
  }

  void read_properties(const json::value& properties, const std::string& path, std::size_t depth,
                       Node& made) {
    const json::object* object = properties.if_object();
    if (object == nullptr) return reject(path, "an object", properties);
    for (const auto& [name, schema] : *object)
      made.properties.emplace_back(name, node(schema, below(path, name), depth + 1));
  }

  void read_required(const json::value& required, const std::string& path, Node& made) {
    const json::array* list = required.if_array();
    if (list == nullptr) return reject(path, "a list of names", required);
    for (const json::value& name : *list) {
      if (!name.is_string()) return reject(path, "a list of names", name);
      made.required.emplace_back(name.get_string());
    }
  }

  void reject(const std::string& path, std::string_view expected, const json::value& found) {
    wrong(path, "expected " + std::string(expected) + ", found " + quoted(found));
  }
  void wrong(const std::string& path, const std::string& why) {
    if (mistake_.empty()) mistake_ = path + ": " + why;
  }

  std::string mistake_;  // The first one.
};

/// Goes down a value along a shape; as deep as the shape is.
class JsonShape::Check {
 public:
  bool fits(const Node& shape, const json::value& value) {
    if (shape.nothing) return wrong("nothing may be here");
    if (shape.types != 0 && (types_of(value) & shape.types) == 0) return other_type(shape, value);
    if (shape.allowed && std::ranges::none_of(*shape.allowed, [&value](const json::value& one) {
          return same(one, value);
        }))
      return wrong("expected " + choice(*shape.allowed) + ", found " + quoted(value));
    if (const json::object* object = value.if_object()) return object_fits(shape, *object);
    const json::array* list = value.if_array();
    return list == nullptr || !shape.items || list_fits(*shape.items, *list);
  }

  [[nodiscard]] std::string misfit() const {
    std::string path;
    for (const std::string& key : path_ | std::views::reverse) path = below(path, key);
    return path.empty() ? why_ : path + ": " + why_;
  }

 private:
  bool object_fits(const Node& shape, const json::object& object) {
    for (const std::string& name : shape.required) {
      if (object.contains(name)) continue;
      why_ = "is required, and missing";
      return at(name);
    }
    for (const auto& [name, property] : shape.properties) {
      const json::value* found = object.if_contains(name);
      if (found != nullptr && !fits(*property, *found)) return at(name);
    }
    return true;
  }

  bool list_fits(const Node& items, const json::array& list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!fits(items, list[i])) return at(std::to_string(i));
    }
    return true;
  }

  bool other_type(const Node& shape, const json::value& value) {
    const bool fraction = value.is_double() && (shape.types & kInteger) != 0;
    return wrong("expected " + spoken(shape.types) + ", found " +
                 (fraction ? quoted(value) : std::string(spoken_kind(value))));
  }

  static std::string choice(const json::array& allowed) {
    constexpr std::size_t kBytes = 100;
    std::string all;
    for (const json::value& one : allowed) {
      if (!all.empty()) all += ", ";
      if (all.size() > kBytes) return "one of " + all + "…";
      all += one.is_structured() ? json::serialize(one) : quoted(one);
    }
    return (allowed.size() == 1 ? "" : "one of ") + all;
  }

  bool wrong(std::string why) {
    why_ = std::move(why);
    return false;
  }
  bool at(std::string key) {
    path_.push_back(std::move(key));
    return false;
  }

  std::string why_;
  std::vector<std::string> path_;  // Innermost first.
};

base::Result<JsonShape> JsonShape::read(const json::object& schema) {
  JsonShape shape;
  if (schema.empty()) return shape;
  Reader reader;
  shape.root_ = reader.read(schema, "", 0);
  if (!reader.mistake().empty())
    return base::fail(base::ErrorCode::invalid_argument, reader.mistake());
  return shape;
}

std::optional<std::string> JsonShape::misfit(const json::value& value) const {
  if (!root_) return {};
  Check check;
  if (check.fits(*root_, value)) return {};
  return check.misfit();
}

}  // namespace opaline::contract
