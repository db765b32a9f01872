#include "flow/expression_functions.hpp"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "contract/json.hpp"
#include "contract/json_writer.hpp"
#include "contract/retrieval_json.hpp"
#include "flow/expression_tree.hpp"
#include "flow/letter_case.hpp"

namespace opaline::flow {
namespace {

namespace json = boost::json;
using Arguments = std::span<Operand>;

constexpr std::string_view kSpace = " \t\r\n";

std::unexpected<Refusal> refuse(std::string message) {
  return std::unexpected(Refusal{.message = std::move(message)});
}

std::string_view text(const Operand& operand) { return operand.get().get_string(); }

/// A text that was built; the budget pays for it.
Outcome built(std::string_view text, Budget& budget) {
  if (!budget.spend(text.size())) return std::unexpected(too_large());
  return Operand(json::value(text));
}

/// Where `what` stands in `text` at or after `from`. Linear, unlike std::string_view::find.
std::size_t find_from(std::string_view text, std::string_view what, std::size_t from) {
  if (what.empty()) return from <= text.size() ? from : std::string_view::npos;
  if (from >= text.size()) return std::string_view::npos;
  if (what.size() == 1) return text.find(what[0], from);
  const void* const at = ::memmem(text.data() + from, text.size() - from, what.data(), what.size());
  if (at == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(at) - text.data());
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::expected<std::int64_t, Refusal> whole(const json::value& value) {
  if (value.is_int64()) return value.get_int64();
  if (value.is_double() && std::abs(value.get_double()) <= 9e15 &&
      std::trunc(value.get_double()) == value.get_double()) {
    return static_cast<std::int64_t>(value.get_double());
  }
  return refuse("expected a whole number for a position");
}

// --- Of any value.

Outcome len(Arguments arguments, Budget& /*budget*/) {
  const json::value& value = arguments[0].get();
  std::size_t size = 0;
  if (value.is_string()) {
    size = base::utf8_length(value.get_string());
  } else if (value.is_array()) {
    size = value.get_array().size();
  } else {
    size = value.get_object().size();
  }
  return Operand(json::value(static_cast<std::int64_t>(size)));
}

bool is_empty(const json::value& value) {
  return value.is_null() || (value.is_string() && value.get_string().empty()) ||
         (value.is_array() && value.get_array().empty()) ||
         (value.is_object() && value.get_object().empty());
}

Outcome default_(Arguments arguments, Budget& /*budget*/) {
  return std::move(arguments[is_empty(arguments[0].get()) ? 1 : 0]);
}

Outcome string(Arguments arguments, Budget& budget) {
  if (arguments[0].get().is_string()) return std::move(arguments[0]);
  return built(text_of(arguments[0].get()), budget);
}

Outcome number(Arguments arguments, Budget& /*budget*/) {
  if (!arguments[0].get().is_string()) return std::move(arguments[0]);
  std::string_view digits = trimmed(text(arguments[0]));
  const char* const last = digits.data() + digits.size();
  std::int64_t integer = 0;
  if (const auto [end, error] = std::from_chars(digits.data(), last, integer);
      error == std::errc() && end == last) {
    return Operand(json::value(integer));
  }
  double real = 0;
  if (const auto [end, error] = std::from_chars(digits.data(), last, real);
      error == std::errc() && end == last && std::isfinite(real)) {
    return Operand(json::value(real));
  }
  return refuse("this text is no number; number() reads texts as 12, -3 and 0.5");
}

Outcome boolean(Arguments arguments, Budget& /*budget*/) {
  if (!arguments[0].get().is_string()) return std::move(arguments[0]);
  const std::string_view word = trimmed(text(arguments[0]));
  if (word == "true" || word == "false") return Operand(json::value(word == "true"));
  return refuse("this text is neither 'true' nor 'false'; compare it, as in x == \"yes\"");
}

Outcome to_json(Arguments arguments, Budget& budget) {
  contract::JsonWriter writer;
  writer.value(arguments[0].get());
  return built(std::move(writer).take(), budget);
}

Outcome parse_json(Arguments arguments, Budget& budget) {
  auto value = contract::parse_json(text(arguments[0]));
  if (!value) return refuse("this text is no JSON: " + value.error().message);
  if (!budget.spend(weight(*value))) return std::unexpected(too_large());
  return Operand(*std::move(value));
}

Outcome contains(Arguments arguments, Budget& /*budget*/) {
  const json::value& where = arguments[0].get();
  const json::value& what = arguments[1].get();
  if (where.is_array()) {
    return Operand(json::value(std::ranges::any_of(
        where.get_array(), [&what](const json::value& one) { return equal(one, what); })));
  }
  if (!what.is_string()) {
    return refuse(fmt::format("contains() looks for a string in {}, found {}; write string(x)",
                              name(type_of(where)), name(type_of(what))));
  }
  if (where.is_object())
    return Operand(json::value(where.get_object().contains(what.get_string())));
  return Operand(
      json::value(find_from(where.get_string(), what.get_string(), 0) != std::string_view::npos));
}

/// Positions `from` and `to` of something that has `size` of them, cut to it.
struct Range {
  std::size_t from = 0;
  std::size_t to = 0;
};
std::expected<Range, Refusal> range_of(Arguments arguments, std::size_t size) {
  const auto bound = [size](std::int64_t position) {
    const auto length = static_cast<std::int64_t>(size);
    if (position < 0) position = std::max<std::int64_t>(0, position + length);
    return static_cast<std::size_t>(std::min(position, length));
  };
  OPALINE_TRY(const std::int64_t from, whole(arguments[1].get()));
  Range range{.from = bound(from), .to = size};
  if (arguments.size() > 2 && !arguments[2].get().is_null()) {
    OPALINE_TRY(const std::int64_t to, whole(arguments[2].get()));
    range.to = bound(to);
  }
  range.to = std::max(range.from, range.to);
  return range;
}

Outcome slice(Arguments arguments, Budget& budget) {
  const json::value& value = arguments[0].get();
  if (value.is_string()) {
    const std::string_view whole_text = value.get_string();
    OPALINE_TRY(const Range range, range_of(arguments, base::utf8_length(whole_text)));
    std::size_t at = 0;
    std::size_t begin = 0;
    for (std::size_t position = 0; position < range.to; ++position) {
      if (position == range.from) begin = at;
      at += std::max<std::size_t>(1, base::utf8_sequence(whole_text.substr(at)));
    }
    if (range.from >= range.to) begin = at;
    return built(whole_text.substr(begin, at - begin), budget);
  }
  const json::array& list = value.get_array();
  OPALINE_TRY(const Range range, range_of(arguments, list.size()));
  json::array part;
  for (std::size_t i = range.from; i < range.to; ++i) {
    if (!budget.spend(weight(list[i]))) return std::unexpected(too_large());
    part.push_back(list[i]);
  }
  return Operand(json::value(std::move(part)));
}

// --- Of texts.

Outcome lower(Arguments arguments, Budget& budget) {
  return built(lower_case(text(arguments[0])), budget);
}
Outcome upper(Arguments arguments, Budget& budget) {
  return built(upper_case(text(arguments[0])), budget);
}
Outcome trim(Arguments arguments, Budget& budget) {
  return built(trimmed(text(arguments[0])), budget);
}
Outcome starts_with(Arguments arguments, Budget& /*budget*/) {
  return Operand(json::value(text(arguments[0]).starts_with(text(arguments[1]))));
}
Outcome ends_with(Arguments arguments, Budget& /*budget*/) {
  return Operand(json::value(text(arguments[0]).ends_with(text(arguments[1]))));
}

Outcome replace(Arguments arguments, Budget& budget) {
  const std::string_view whole_text = text(arguments[0]);
  const std::string_view what = text(arguments[1]);
  const std::string_view with = text(arguments[2]);
  if (what.empty()) return refuse("replace() cannot look for an empty text");
  std::string out;
  std::size_t from = 0;
  for (;;) {
    const std::size_t at = find_from(whole_text, what, from);
    const std::string_view kept = whole_text.substr(from, at - from);  // npos - from is enough.
    if (!budget.spend(kept.size() + with.size())) return std::unexpected(too_large());
    out += kept;
    if (at == std::string_view::npos) break;
    out += with;
    from = at + what.size();
  }
  return Operand(json::value(out));
}

Outcome split(Arguments arguments, Budget& budget) {
  const std::string_view whole_text = text(arguments[0]);
  const std::string_view separator = text(arguments[1]);
  if (separator.empty()) return refuse("split() cannot cut at an empty text");
  json::array parts;
  for (std::size_t from = 0;;) {
    const std::size_t at = find_from(whole_text, separator, from);
    const std::string_view part = whole_text.substr(from, at - from);
    if (!budget.spend(sizeof(json::value) + part.size())) return std::unexpected(too_large());
    parts.emplace_back(part);
    if (at == std::string_view::npos) break;
    from = at + separator.size();
  }
  return Operand(json::value(std::move(parts)));
}

Outcome join(Arguments arguments, Budget& budget) {
  const std::string_view separator = arguments.size() > 1 ? text(arguments[1]) : std::string_view();
  std::string out;
  bool first = true;
  for (const json::value& one : arguments[0].get().get_array()) {
    const std::string part = text_of(one);
    if (!budget.spend(part.size() + separator.size())) return std::unexpected(too_large());
    if (!std::exchange(first, false)) out += separator;
    out += part;
  }
  return Operand(json::value(out));
}

/// A pattern: '*' any characters, '?' one, everything else itself. Its states are bits (how many
/// characters of the pattern were matched), so a text is read once whatever the pattern.
class Pattern {
 public:
  /// @return whether it is short enough.
  [[nodiscard]] bool read(std::string_view pattern) {
    for (std::size_t at = 0; at < pattern.size();) {
      const std::string_view character = first_character(pattern.substr(at));
      at += character.size();
      if (character == "*") {
        loops_ |= last_;
        continue;
      }
      if (size_++ == limits::kPatternCharacters) return false;
      if (character == "?") {
        any_ |= last_;
      } else {
        steps_[character] |= last_;
      }
      last_ <<= 1;
    }
    return true;
  }

  [[nodiscard]] bool matches(std::string_view text) const {
    std::uint64_t states = 1;
    for (std::size_t at = 0; at < text.size() && states != 0;) {
      const std::string_view character = first_character(text.substr(at));
      at += character.size();
      const auto step = steps_.find(character);
      const std::uint64_t goes_on = any_ | (step == steps_.end() ? 0 : step->second);
      states = ((states & goes_on) << 1) | (states & loops_);
    }
    return (states & last_) != 0;
  }

 private:
  static_assert(limits::kPatternCharacters < 64);

  static std::string_view first_character(std::string_view text) {
    return text.substr(0, std::max<std::size_t>(1, base::utf8_sequence(text)));
  }

  std::map<std::string_view, std::uint64_t> steps_;  // States that a character leads on from.
  std::uint64_t any_ = 0;                            // … that any character does.
  std::uint64_t loops_ = 0;                          // … that a star keeps.
  std::uint64_t last_ = 1;                           // The state in which all was matched.
  std::size_t size_ = 0;
};

Outcome matches(Arguments arguments, Budget& /*budget*/) {
  Pattern pattern;
  if (!pattern.read(text(arguments[1]))) {
    return refuse(fmt::format("a pattern has at most {} characters besides its stars",
                              limits::kPatternCharacters));
  }
  return Operand(json::value(pattern.matches(text(arguments[0]))));
}

// --- Of lists and objects.

/// An element or member: taken out of a value of one's own, borrowed from a borrowed one.
Operand part_of(Operand& whole_value, const json::value& part) {
  // The part is of `whole_value`, which is ours to take apart.
  if (!whole_value.is_borrowed()) return Operand(std::move(const_cast<json::value&>(part)));
  return Operand::borrowed(part);
}

Outcome first(Arguments arguments, Budget& /*budget*/) {
  const json::array& list = arguments[0].get().get_array();
  return list.empty() ? Operand() : part_of(arguments[0], list.front());
}
Outcome last(Arguments arguments, Budget& /*budget*/) {
  const json::array& list = arguments[0].get().get_array();
  return list.empty() ? Operand() : part_of(arguments[0], list.back());
}

Outcome keys(Arguments arguments, Budget& budget) {
  json::array list;
  for (const auto& member : arguments[0].get().get_object()) {
    if (!budget.spend(sizeof(json::value) + member.key().size())) {
      return std::unexpected(too_large());
    }
    list.emplace_back(member.key());
  }
  return Operand(json::value(std::move(list)));
}

Outcome values(Arguments arguments, Budget& budget) {
  if (!budget.spend(weight(arguments[0].get()))) return std::unexpected(too_large());
  json::array list;
  for (const auto& member : arguments[0].get().get_object()) list.push_back(member.value());
  return Operand(json::value(std::move(list)));
}

Outcome merge(Arguments arguments, Budget& budget) {
  json::object all;
  for (const Operand& argument : arguments) {
    if (argument.get().is_null()) continue;
    if (!budget.spend(weight(argument.get()))) return std::unexpected(too_large());
    for (const auto& member : argument.get().get_object()) {
      all.insert_or_assign(member.key(), member.value());
    }
  }
  return Operand(json::value(std::move(all)));
}

Outcome question(Arguments arguments, Budget& budget) {
  std::string asked = contract::question_of_messages(arguments[0].get());
  if (!budget.spend(asked.size())) return std::unexpected(too_large());
  return Operand(json::value(std::move(asked)));
}

Outcome pluck(Arguments arguments, Budget& budget) {
  const std::string_view field = text(arguments[1]);
  json::array list;
  for (const json::value& one : arguments[0].get().get_array()) {
    const json::value* value = nullptr;
    if (one.is_object()) {
      value = one.get_object().if_contains(field);
    } else if (!one.is_null()) {
      return refuse(
          fmt::format("pluck() takes a list of objects, found {} in it", name(type_of(one))));
    }
    if (!budget.spend(value ? weight(*value) : sizeof(json::value))) {
      return std::unexpected(too_large());
    }
    list.push_back(value ? *value : json::value());
  }
  return Operand(json::value(std::move(list)));
}

constexpr Types kString = {Type::string};
constexpr Types kList = {Type::list};
constexpr Types kObject = {Type::object};
constexpr Types kNumber = {Type::number};
constexpr Types kNumberOrNull = {Type::number, Type::null};
constexpr Types kObjectOrNull = {Type::object, Type::null};
constexpr Types kTextOrList = {Type::string, Type::list};
constexpr Types kCollection = {Type::string, Type::list, Type::object};
constexpr Types kScalar = {Type::string, Type::number};
constexpr Types kFlag = {Type::string, Type::boolean};
constexpr Types kAny = Types::any();
using OfNull = ExpressionFunction::OfNull;

// In order of their names.
constexpr std::array kFunctions = std::to_array<ExpressionFunction>({
    {"bool", "bool(value)", 1, 1, {kFlag, kAny, kAny}, Type::boolean, OfNull::no, boolean},
    {"contains",
     "contains(text | list | object, what)",
     2,
     2,
     {kCollection, kAny, kAny},
     Type::boolean,
     OfNull::no,
     contains},
    {"default",
     "default(value, otherwise)",
     2,
     2,
     {kAny, kAny, kAny},
     Type::unknown,
     OfNull::is_called,
     default_},
    {"ends_with",
     "ends_with(text, end)",
     2,
     2,
     {kString, kString, kString},
     Type::boolean,
     OfNull::no,
     ends_with},
    {"first", "first(list)", 1, 1, {kList, kAny, kAny}, Type::unknown, OfNull::null, first},
    {"join",
     "join(list, separator)",
     1,
     2,
     {kList, kString, kString},
     Type::string,
     OfNull::null,
     join},
    {"json", "json(value)", 1, 1, {kAny, kAny, kAny}, Type::string, OfNull::is_called, to_json},
    {"keys", "keys(object)", 1, 1, {kObject, kAny, kAny}, Type::list, OfNull::null, keys},
    {"last", "last(list)", 1, 1, {kList, kAny, kAny}, Type::unknown, OfNull::null, last},
    {"len",
     "len(text | list | object)",
     1,
     1,
     {kCollection, kAny, kAny},
     Type::number,
     OfNull::zero,
     len},
    {"lower", "lower(text)", 1, 1, {kString, kAny, kAny}, Type::string, OfNull::null, lower},
    {"matches",
     "matches(text, pattern)",
     2,
     2,
     {kString, kString, kString},
     Type::boolean,
     OfNull::no,
     matches},
    {"merge",
     "merge(object, object, …)",
     1,
     ExpressionFunction::kUnlimited,
     {kObjectOrNull, kObjectOrNull, kObjectOrNull},
     Type::object,
     OfNull::is_called,
     merge},
    {"number", "number(text)", 1, 1, {kScalar, kAny, kAny}, Type::number, OfNull::null, number},
    {"parse_json",
     "parse_json(text)",
     1,
     1,
     {kString, kAny, kAny},
     Type::unknown,
     OfNull::null,
     parse_json},
    {"pluck",
     "pluck(list, field)",
     2,
     2,
     {kList, kString, kString},
     Type::list,
     OfNull::null,
     pluck},
    {"question",
     "question(text | messages)",
     1,
     1,
     {kTextOrList, kAny, kAny},
     Type::string,
     OfNull::null,
     question},
    {"replace",
     "replace(text, what, with)",
     3,
     3,
     {kString, kString, kString},
     Type::string,
     OfNull::null,
     replace},
    {"slice",
     "slice(text | list, from, to)",
     2,
     3,
     {kTextOrList, kNumber, kNumberOrNull},
     Type::unknown,
     OfNull::null,
     slice},
    {"split",
     "split(text, separator)",
     2,
     2,
     {kString, kString, kString},
     Type::list,
     OfNull::null,
     split},
    {"starts_with",
     "starts_with(text, begin)",
     2,
     2,
     {kString, kString, kString},
     Type::boolean,
     OfNull::no,
     starts_with},
    {"string", "string(value)", 1, 1, {kAny, kAny, kAny}, Type::string, OfNull::is_called, string},
    {"trim", "trim(text)", 1, 1, {kString, kAny, kAny}, Type::string, OfNull::null, trim},
    {"upper", "upper(text)", 1, 1, {kString, kAny, kAny}, Type::string, OfNull::null, upper},
    {"values", "values(object)", 1, 1, {kObject, kAny, kAny}, Type::list, OfNull::null, values},
});

bool equal_numbers(const json::value& a, const json::value& b) {
  if (a.is_double() || b.is_double()) return a.to_number<double>() == b.to_number<double>();
  if (a.is_uint64() && b.is_uint64()) return a.get_uint64() == b.get_uint64();
  if (a.is_uint64()) return std::cmp_equal(a.get_uint64(), b.get_int64());
  if (b.is_uint64()) return std::cmp_equal(a.get_int64(), b.get_uint64());
  return a.get_int64() == b.get_int64();
}

}  // namespace

Refusal too_large() {
  return {.code = base::ErrorCode::resource_exhausted,
          .message = fmt::format("the result is larger than {} bytes, the most an expression may "
                                 "build",
                                 limits::kExpressionResultBytes)};
}

std::size_t weight(const json::value& value) {
  std::size_t bytes = sizeof(json::value);
  if (value.is_string()) {
    bytes += value.get_string().size();
  } else if (value.is_array()) {
    for (const json::value& one : value.get_array()) bytes += weight(one);
  } else if (value.is_object()) {
    for (const auto& member : value.get_object()) {
      bytes += sizeof(json::key_value_pair) + member.key().size() + weight(member.value());
    }
  }
  return bytes;
}

std::expected<json::value, Refusal> taken(Operand operand, Budget& budget) {
  if (!operand.is_borrowed()) return std::move(operand.own());
  if (!budget.spend(weight(operand.get()))) return std::unexpected(too_large());
  return operand.get();
}

std::string text_of(const json::value& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return std::string(value.get_string());
  contract::JsonWriter writer;
  writer.value(value);
  return std::move(writer).take();
}

bool equal(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.kind() != b.kind()) return false;
  if (a.is_array()) return std::ranges::equal(a.get_array(), b.get_array(), equal);
  if (!a.is_object()) return a == b;
  const json::object& other = b.get_object();
  return a.get_object().size() == other.size() &&
         std::ranges::all_of(a.get_object(), [&other](const auto& member) {
           const json::value* const match = other.if_contains(member.key());
           return match && equal(member.value(), *match);
         });
}

std::string Types::text() const {
  std::vector<std::string_view> names;
  for (const Type type :
       {Type::null, Type::boolean, Type::number, Type::string, Type::list, Type::object}) {
    // null may stand anywhere: it is worth no word.
    if (contains(type) && type != Type::null) names.push_back(name(type));
  }
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

std::string ExpressionFunction::misfit(std::size_t index, Type found) const {
  return fmt::format("{}: expected {} for argument {}, found {}", usage,
                     type_of_argument(index).text(), index + 1, flow::name(found));
}

std::span<const ExpressionFunction> expression_functions() { return kFunctions; }

const ExpressionFunction* find_function(std::string_view name) {
  const auto* const function = std::ranges::find(kFunctions, name, &ExpressionFunction::name);
  return function == kFunctions.end() ? nullptr : function;
}

}  // namespace opaline::flow
