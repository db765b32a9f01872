#include "flow/dialects/tree.hpp"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <utility>

#include "base/assert.hpp"
#include "contract/service.hpp"

namespace opaline::flow {
namespace {

constexpr std::size_t kNameBytes = 64;

bool is_word(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !text.empty() && letter(text[0]) &&
         std::ranges::all_of(text, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

YamlNode text_node(std::string text, std::size_t place) {
  YamlNode node = plain_node(std::move(text), place);
  node.quoted = true;
  return node;
}

YamlNode plain_node(std::string text, std::size_t place) {
  YamlNode node;
  node.kind = YamlNode::Kind::scalar;
  node.place = place;
  node.text = std::move(text);
  return node;
}

YamlNode list_node(std::vector<YamlNode> items, std::size_t place) {
  YamlNode node;
  node.kind = YamlNode::Kind::sequence;
  node.place = place;
  node.items = std::move(items);
  return node;
}

YamlNode names_node(const std::vector<std::string>& names, std::size_t place) {
  if (names.size() == 1) return text_node(names.front(), place);
  std::vector<YamlNode> items;
  for (const std::string& name : names) items.push_back(text_node(name, place));
  return list_node(std::move(items), place);
}

YamlNode mapping_node(std::size_t place) {
  YamlNode node;
  node.kind = YamlNode::Kind::mapping;
  node.place = place;
  return node;
}

YamlNode& put(YamlNode& mapping, std::string key, YamlNode value) {
  OPALINE_ASSERT(mapping.kind == YamlNode::Kind::mapping);
  OPALINE_ASSERT(find_member(mapping, key) == nullptr);
  const std::size_t place = value.place;
  mapping.entries.push_back({.key = std::move(key), .place = place, .value = std::move(value)});
  return mapping;
}

YamlNode& put(YamlNode& mapping, std::string key, std::string text) {
  const std::size_t place = mapping.place;
  return put(mapping, std::move(key), text_node(std::move(text), place));
}

const YamlNode* find_member(const YamlNode& node, std::string_view key) {
  const auto entry = std::ranges::find(node.entries, key, &YamlNode::Entry::key);
  return entry == node.entries.end() ? nullptr : &entry->value;
}

std::string text_member(const YamlNode& node, std::string_view key) {
  const YamlNode* const member = find_member(node, key);
  return member != nullptr && member->kind == YamlNode::Kind::scalar ? member->text : "";
}

std::string template_of(std::string_view expression) {
  return "${" + std::string(expression) + "}";
}

std::string member_of(std::string_view value, std::string_view key) {
  constexpr std::array<std::string_view, 3> kValues = {"true", "false", "null"};
  if (is_word(key) && std::ranges::find(kValues, key) == kValues.end()) {
    return std::string(value) + "." + std::string(key);
  }
  return std::string(value) + "[" + literal_text(key) + "]";
}

std::string literal_text(std::string_view text) {
  const bool plain = std::ranges::all_of(
      text, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\'' && c != '\\'; });
  if (plain) return "'" + std::string(text) + "'";
  return boost::json::serialize(boost::json::string(text));
}

std::string StepNames::take(std::string_view wanted) {
  std::string name;
  for (const char c : wanted.substr(0, kNameBytes - 5)) {
    name += contract::is_service_name_character(c) ? c : '-';
  }
  // What `on_error` says in the place of a step.
  if (name.empty() || name == "skip" || name == "fail") name += "step";
  std::string free = name;
  for (std::size_t number = 2; !taken_.insert(free).second; ++number) {
    free = name + "-" + std::to_string(number);
  }
  return free;
}

}  // namespace opaline::flow
