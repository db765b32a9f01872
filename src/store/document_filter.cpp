#include "store/document_filter.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/system/error_code.hpp>
#include <compare>
#include <optional>

#include "base/limits.hpp"

namespace opaline::store {

namespace json = boost::json;
using base::ErrorCode;
using base::Result;

namespace {

auto wrong(std::string message) {
  return base::fail(ErrorCode::invalid_argument, "the filter is wrong: " + std::move(message));
}

std::string quoted(std::string_view name) { return "'" + std::string(name) + "'"; }

bool is_scalar(const json::value& value) { return !value.is_object() && !value.is_array(); }
bool is_ordered(const json::value& value) { return value.is_number() || value.is_string(); }

std::partial_ordering compare_numbers(const json::value& a, const json::value& b) {
  // Doubles do not hold every 64-bit integer, so integers compare as such; unsigned ones are above
  // INT64_MAX.
  if (a.is_int64() && b.is_int64()) return a.get_int64() <=> b.get_int64();
  if (a.is_uint64() && b.is_uint64()) return a.get_uint64() <=> b.get_uint64();
  if (a.is_int64() && b.is_uint64()) return std::partial_ordering::less;
  if (a.is_uint64() && b.is_int64()) return std::partial_ordering::greater;
  return a.to_number<double>() <=> b.to_number<double>();
}

std::partial_ordering compare(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  if (a.is_string() && b.is_string()) {
    return std::string_view(a.get_string()) <=> std::string_view(b.get_string());
  }
  return std::partial_ordering::unordered;
}

bool same(const json::value& a, const json::value& b) {
  if (is_ordered(a) && is_ordered(b)) return compare(a, b) == std::partial_ordering::equivalent;
  if (a.is_bool() && b.is_bool()) return a.get_bool() == b.get_bool();
  return a.is_null() && b.is_null();
}

// The value itself, or any element of an array.
template <class F>
bool any_of(const json::value* value, F holds) {
  if (!value) return false;
  if (!value->is_array()) return holds(*value);
  return std::ranges::any_of(value->get_array(), holds);
}

bool equal(const json::value* value, const json::value& operand) {
  if (!value) return operand.is_null();
  return any_of(value, [&](const json::value& element) { return same(element, operand); });
}

bool contains_operand(const json::value* value, const json::value& operand) {
  if (!value) return false;
  if (value->is_string()) {
    return operand.is_string() &&
           std::string_view(value->get_string()).find(std::string_view(operand.get_string())) !=
               std::string_view::npos;
  }
  return value->is_array() && equal(value, operand);
}

const json::value* find(const json::object& object, std::string_view field) {
  if (const auto* value = object.if_contains(field)) return value;
  // Each dot may be the one that leads into an object.
  for (auto dot = field.find('.'); dot != std::string_view::npos; dot = field.find('.', dot + 1)) {
    const auto* inner = object.if_contains(field.substr(0, dot));
    if (!inner || !inner->is_object()) continue;
    if (const auto* value = find(inner->get_object(), field.substr(dot + 1))) return value;
  }
  return nullptr;
}

std::optional<std::string_view> own_field(const DocumentFields& fields, std::string_view field) {
  if (field == "source") return fields.source;
  if (field == "title") return fields.title;
  if (field == "mime") return fields.mime;
  if (field == "document_id") return fields.id;
  return std::nullopt;
}

}  // namespace

Result<DocumentFilter> DocumentFilter::parse(std::string_view text) {
  DocumentFilter filter;
  if (text.empty()) return filter;
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = limits::kJsonDepth;
  const json::value value = json::parse(text, error, {}, options);
  if (error) return wrong("it is not JSON: " + error.message());
  if (!value.is_object()) return wrong("it must be a JSON object");
  OPALINE_TRY(filter.condition_, parse_object(value.get_object()));
  return filter;
}

Result<DocumentFilter::Condition> DocumentFilter::parse_object(const json::object& object) {
  Condition all{.kind = Kind::all};
  for (const auto& [key, value] : object) {
    const std::string_view name = key;
    if (name == "$and" || name == "$or") {
      Condition list{.kind = name == "$and" ? Kind::all : Kind::any};
      OPALINE_TRY(list.parts, parse_list(name, value));
      all.parts.push_back(std::move(list));
    } else if (name == "$not") {
      if (!value.is_object()) return wrong("$not needs an object");
      Condition none{.kind = Kind::none};
      OPALINE_TRY(auto inner, parse_object(value.get_object()));
      none.parts.push_back(std::move(inner));
      all.parts.push_back(std::move(none));
    } else if (name.starts_with('$')) {
      return wrong("the operator " + quoted(name) +
                   " is not known here; there are $and, $or and $not");
    } else if (name.empty()) {
      return wrong("a field has no name");
    } else {
      OPALINE_TRY(auto condition, parse_field(name, value));
      all.parts.push_back(std::move(condition));
    }
  }
  return all;
}

Result<std::vector<DocumentFilter::Condition>> DocumentFilter::parse_list(
    std::string_view name, const json::value& value) {
  const std::string operator_name(name);
  if (!value.is_array() || value.get_array().empty())
    return wrong(operator_name + " needs a list of at least one object");
  std::vector<Condition> parts;
  for (const auto& element : value.get_array()) {
    if (!element.is_object()) return wrong(operator_name + " needs a list of objects");
    OPALINE_TRY(auto part, parse_object(element.get_object()));
    parts.push_back(std::move(part));
  }
  return parts;
}

Result<DocumentFilter::Condition> DocumentFilter::parse_field(std::string_view field,
                                                              const json::value& value) {
  if (value.is_array())
    return wrong("the field " + quoted(field) + " is compared with a list: use $in or $contains");
  if (!value.is_object()) {
    return Condition{
        .kind = Kind::equal, .field = std::string(field), .operand = value, .parts = {}};
  }
  if (value.get_object().empty()) return wrong("the field " + quoted(field) + " has no operator");
  Condition all{.kind = Kind::all};
  for (const auto& [key, operand] : value.get_object()) {
    OPALINE_TRY(auto condition, parse_operator(field, key, operand));
    all.parts.push_back(std::move(condition));
  }
  return all;
}

Result<DocumentFilter::Condition> DocumentFilter::parse_operator(std::string_view field,
                                                                 std::string_view name,
                                                                 const json::value& operand) {
  const std::string operator_name(name);
  const auto leaf = [&](Kind kind) {
    return Condition{.kind = kind, .field = std::string(field), .operand = operand, .parts = {}};
  };
  const auto opposite = [](Condition condition) {
    Condition none{.kind = Kind::none};
    none.parts.push_back(std::move(condition));
    return none;
  };
  if (name == "$eq" || name == "$ne" || name == "$contains") {
    if (!is_scalar(operand)) return wrong(operator_name + " needs a text, number, boolean or null");
    if (name == "$contains") return leaf(Kind::contains);
    return name == "$eq" ? leaf(Kind::equal) : opposite(leaf(Kind::equal));
  }
  if (name == "$gt" || name == "$gte" || name == "$lt" || name == "$lte") {
    if (!is_ordered(operand)) return wrong(operator_name + " needs a number or a text");
    if (name == "$gt") return leaf(Kind::greater);
    if (name == "$gte") return leaf(Kind::greater_equal);
    return leaf(name == "$lt" ? Kind::less : Kind::less_equal);
  }
  if (name == "$in" || name == "$nin") {
    if (!operand.is_array() || !std::ranges::all_of(operand.get_array(), is_scalar)) {
      return wrong(operator_name + " needs a list of texts, numbers, booleans or nulls");
    }
    return name == "$in" ? leaf(Kind::in) : opposite(leaf(Kind::in));
  }
  if (name == "$exists") {
    if (!operand.is_bool()) return wrong("$exists needs true or false");
    return leaf(Kind::exists);
  }
  if (name == "$not") {
    if (!operand.is_object()) return wrong("$not needs an object");
    OPALINE_TRY(auto inner, parse_field(field, operand));
    return opposite(std::move(inner));
  }
  return wrong("the operator " + quoted(name) + " of the field " + quoted(field) +
               " is not known; there are $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, "
               "$contains and $not");
}

bool DocumentFilter::admits(const DocumentFields& fields) const {
  return holds(condition_, fields);
}

bool DocumentFilter::holds(const Condition& condition, const DocumentFields& fields) {
  const auto part_holds = [&](const Condition& part) { return holds(part, fields); };
  if (condition.kind == Kind::all) return std::ranges::all_of(condition.parts, part_holds);
  if (condition.kind == Kind::any) return std::ranges::any_of(condition.parts, part_holds);
  if (condition.kind == Kind::none) return std::ranges::none_of(condition.parts, part_holds);
  json::value own;
  const json::value* value = &own;
  if (const auto text = own_field(fields, condition.field)) {
    own = *text;
  } else {
    value = find(fields.metadata, condition.field);
  }
  const json::value& operand = condition.operand;
  const auto ordered = [&](auto accept) {
    return any_of(value,
                  [&](const json::value& element) { return accept(compare(element, operand)); });
  };
  switch (condition.kind) {
    case Kind::equal: return equal(value, operand);
    case Kind::greater: return ordered([](std::partial_ordering order) { return order > 0; });
    case Kind::greater_equal:
      return ordered([](std::partial_ordering order) { return order >= 0; });
    case Kind::less: return ordered([](std::partial_ordering order) { return order < 0; });
    case Kind::less_equal: return ordered([](std::partial_ordering order) { return order <= 0; });
    case Kind::in:
      return std::ranges::any_of(operand.get_array(),
                                 [&](const json::value& one) { return equal(value, one); });
    case Kind::exists: return (value != nullptr) == operand.get_bool();
    case Kind::contains: return contains_operand(value, operand);
    case Kind::all:
    case Kind::any:
    case Kind::none: break;  // Answered above.
  }
  return false;
}

}  // namespace opaline::store
