#include "flow/value_template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "flow/expression_functions.hpp"
#include "flow/expression_tree.hpp"

namespace opaline::flow {
namespace {

namespace json = boost::json;

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

base::Error too_large_error() {
  Refusal refusal = too_large();
  return {.code = refusal.code, .message = std::move(refusal.message), .detail = {}};
}

}  // namespace

std::expected<ValueTemplate, Mistake> ValueTemplate::parse_text(std::string_view text) {
  Text parts;
  std::string literal;
  const auto end_literal = [&parts, &literal] {
    if (!literal.empty()) parts.emplace_back(std::exchange(literal, {}));
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t dollar = std::min(text.find('$', at), text.size());
    literal += text.substr(at, dollar - at);
    at = dollar;
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("$${")) {
      literal += "${";
      at += 3;
    } else if (rest.starts_with("${")) {
      end_literal();
      const std::size_t begin = at + 2;
      auto prefix = Expression::parse_prefix(text.substr(begin));
      if (!prefix) {
        prefix.error().place += begin;
        return std::unexpected(std::move(prefix).error());
      }
      parts.emplace_back(Part{.expression = std::move(prefix->expression), .place = begin});
      at = begin + prefix->length + 1;
    } else if (!rest.empty()) {
      literal += '$';
      ++at;
    }
  }
  end_literal();
  if (parts.empty()) return ValueTemplate(json::value(""));
  if (parts.size() > 1) return ValueTemplate(std::move(parts));
  if (Part* const single = std::get_if<Part>(&parts.front())) {
    return ValueTemplate(std::move(*single));
  }
  return ValueTemplate(json::value(std::get<std::string>(parts.front())));
}

base::Result<ValueTemplate> ValueTemplate::parse(const json::value& value) {
  return parse_at(value, "");
}

base::Result<ValueTemplate> ValueTemplate::parse_at(const json::value& value,
                                                    const std::string& path) {
  if (value.is_string()) {
    const std::string_view text = value.get_string();
    auto parsed = parse_text(text);
    if (parsed) return *std::move(parsed);
    const std::size_t column = 1 + base::utf8_length(text.substr(0, parsed.error().place));
    return base::fail(base::ErrorCode::invalid_argument,
                      fmt::format("{}{}column {}: {}", path, path.empty() ? "" : ", ", column,
                                  parsed.error().message));
  }
  if (value.is_array()) {
    std::vector<ValueTemplate> list;
    for (const json::value& one : value.get_array()) {
      OPALINE_TRY(ValueTemplate part, parse_at(one, fmt::format("{}[{}]", path, list.size())));
      list.push_back(std::move(part));
    }
    return ValueTemplate(std::move(list));
  }
  if (value.is_object()) {
    std::vector<Member> object;
    for (const auto& member : value.get_object()) {
      std::string key(member.key());
      OPALINE_TRY(ValueTemplate part,
                  parse_at(member.value(), path.empty() ? key : path + "." + key));
      object.emplace_back(std::move(key), std::move(part));
    }
    return ValueTemplate(std::move(object));
  }
  return ValueTemplate(value);
}

base::Result<json::value> ValueTemplate::render(const Scope& scope) const {
  Budget budget(limits::kExpressionResultBytes);
  return render(scope, budget);
}

base::Result<json::value> ValueTemplate::render(const Scope& scope, Budget& budget) const {
  return std::visit(Overloaded{
                        [&](const json::value& value) -> base::Result<json::value> {
                          if (!budget.spend(weight(value))) return base::fail(too_large_error());
                          return value;
                        },
                        [&](const Part& part) { return part.expression.evaluate(scope, budget); },
                        [&](const Text& parts) -> base::Result<json::value> {
                          std::string text;
                          for (const auto& part : parts) {
                            std::string piece;
                            if (const auto* const literal = std::get_if<std::string>(&part)) {
                              piece = *literal;
                            } else {
                              OPALINE_TRY(const json::value value,
                                          std::get<Part>(part).expression.evaluate(scope, budget));
                              piece = text_of(value);
                            }
                            if (!budget.spend(piece.size())) return base::fail(too_large_error());
                            text += piece;
                          }
                          return json::value(text);
                        },
                        [&](const std::vector<ValueTemplate>& list) -> base::Result<json::value> {
                          json::array elements;
                          elements.reserve(list.size());
                          for (const ValueTemplate& one : list) {
                            OPALINE_TRY(json::value value, one.render(scope, budget));
                            elements.push_back(std::move(value));
                          }
                          return json::value(std::move(elements));
                        },
                        [&](const std::vector<Member>& object) -> base::Result<json::value> {
                          json::object members;
                          members.reserve(object.size());
                          for (const auto& [key, one] : object) {
                            OPALINE_TRY(json::value value, one.render(scope, budget));
                            members.insert_or_assign(key, std::move(value));
                          }
                          return json::value(std::move(members));
                        },
                    },
                    form_);
}

std::vector<ValueTemplate::Part> ValueTemplate::expressions() const {
  std::vector<Part> all;
  const auto append = [&all](std::vector<Part> more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
  };
  std::visit(Overloaded{
                 [](const json::value&) {},
                 [&all](const Part& part) { all.push_back(part); },
                 [&all](const Text& parts) {
                   for (const auto& part : parts) {
                     if (const auto* const one = std::get_if<Part>(&part)) all.push_back(*one);
                   }
                 },
                 [&append](const std::vector<ValueTemplate>& list) {
                   for (const ValueTemplate& one : list) append(one.expressions());
                 },
                 [&append](const std::vector<Member>& object) {
                   for (const auto& [key, one] : object) append(one.expressions());
                 },
             },
             form_);
  return all;
}

Shape ValueTemplate::type(const TypeScope& scope, std::vector<Mistake>& mistakes) const {
  const auto type_of_part = [&](const Part& part) {
    const std::size_t known = mistakes.size();
    Shape shape = part.expression.type(scope, mistakes);
    for (std::size_t i = known; i < mistakes.size(); ++i) mistakes[i].place += part.place;
    return shape;
  };
  return std::visit(Overloaded{
                        [](const json::value& value) {
                          Shape shape;
                          shape.type = type_of(value);
                          return shape;
                        },
                        type_of_part,
                        [&](const Text& parts) {
                          for (const auto& part : parts) {
                            if (const auto* const one = std::get_if<Part>(&part))
                              type_of_part(*one);
                          }
                          Shape shape;
                          shape.type = Type::string;
                          return shape;
                        },
                        [&](const std::vector<ValueTemplate>& list) {
                          for (const ValueTemplate& one : list) (void)one.type(scope, mistakes);
                          Shape shape;
                          shape.type = Type::list;
                          return shape;
                        },
                        [&](const std::vector<Member>& object) {
                          Shape shape;
                          shape.type = Type::object;
                          shape.rest = Shape::Rest::none;
                          for (const auto& [key, one] : object) {
                            shape.members.insert_or_assign(key, one.type(scope, mistakes));
                          }
                          return std::move(shape).bounded();
                        },
                    },
                    form_);
}

}  // namespace opaline::flow
