#include "flow/dialects/yaml_writer.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace opaline::flow {
namespace {

constexpr std::size_t kLine = 110;

std::string in_double_quotes(std::string_view text) {
  std::string quoted = boost::json::serialize(boost::json::string(text));
  // The one control character that JSON leaves as it is, and a flow file may not have.
  for (std::size_t at = quoted.find('\x7f'); at != std::string::npos; at = quoted.find('\x7f')) {
    quoted.replace(at, 1, "\\u007f");
  }
  return quoted;
}

/// Whether the text means the same without quotes, everywhere.
bool is_plain(std::string_view text) {
  constexpr std::array<std::string_view, 9> kNoTexts = {"true", "false", "null", "yes", "no",
                                                        "on",   "off",   "y",    "n"};
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (text.empty() || !(letter(text[0]) || text[0] == '/' || text[0] == '_')) return false;
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c + ('a' - 'A')) : c; });
  if (std::ranges::find(kNoTexts, lower) != kNoTexts.end() || text.ends_with(' ')) return false;
  return std::ranges::all_of(text, [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || std::string_view("_-./> ").contains(c);
  });
}

std::string scalar(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::null) return "null";
  if (!node.quoted && !node.text.empty()) {
    // A text that was written without quotes may still hold what the one line of a flow ends at.
    const bool safe = node.text.find_first_of(",[]{}#&*!|>'\"%@`:\n") == std::string::npos;
    if (safe) return node.text;
  }
  return is_plain(node.text) ? node.text : in_double_quotes(node.text);
}

std::string key_text(const std::string& key) { return is_plain(key) ? key : in_double_quotes(key); }

/// All of it on one line.
std::string flat(const YamlNode& node) {
  std::string text;
  switch (node.kind) {
    case YamlNode::Kind::null:
    case YamlNode::Kind::scalar: return scalar(node);
    case YamlNode::Kind::sequence:
      for (const YamlNode& item : node.items) text += (text.empty() ? "" : ", ") + flat(item);
      return "[" + text + "]";
    case YamlNode::Kind::mapping:
      for (const YamlNode::Entry& entry : node.entries) {
        text += (text.empty() ? "" : ", ") + key_text(entry.key) + ": " + flat(entry.value);
      }
      return "{" + text + "}";
  }
  return text;
}

bool has_inside(const YamlNode& node) {
  const auto deep = [](const YamlNode& one) { return !one.items.empty() || !one.entries.empty(); };
  return std::ranges::any_of(node.items, deep) ||
         std::ranges::any_of(node.entries, deep, &YamlNode::Entry::value);
}

class YamlText {
 public:
  std::string write(const YamlNode& root) {
    entries(root, 0);
    return std::move(text_);
  }

 private:
  /// @param column of the text before the value on its line.
  void value(const YamlNode& node, std::size_t indent, std::size_t column) {
    const std::string line = flat(node);
    const bool leaf = node.items.empty() && node.entries.empty();
    // The parts of a file stand below one another even where they would fit on a line.
    const bool part = indent <= 2 && has_inside(node);
    if (leaf || (!part && column + line.size() <= kLine)) {
      text_ += " " + line + "\n";
    } else if (node.kind == YamlNode::Kind::mapping) {
      text_ += "\n";
      entries(node, indent);
    } else {
      text_ += "\n";
      for (const YamlNode& item : node.items) {
        text_ += std::string(indent, ' ') + "-";
        if (item.kind == YamlNode::Kind::mapping && !item.entries.empty() &&
            indent + flat(item).size() + 2 > kLine) {
          std::string inner = YamlText().nested(item, indent + 2);
          inner.erase(0, indent + 2);
          text_ += " " + inner;
        } else {
          value(item, indent + 2, indent + 2);
        }
      }
    }
  }

  std::string nested(const YamlNode& node, std::size_t indent) {
    entries(node, indent);
    return std::move(text_);
  }

  void entries(const YamlNode& node, std::size_t indent) {
    for (const YamlNode::Entry& entry : node.entries) {
      const std::string key = std::string(indent, ' ') + key_text(entry.key) + ":";
      text_ += key;
      value(entry.value, indent + 2, key.size() + 1);
    }
  }

  std::string text_;
};

bool is_json_value(std::string_view text) {
  if (text == "true" || text == "false" || text == "null") return true;
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const std::size_t dot = std::min(digits.find('.'), digits.size());
  const std::string_view whole = digits.substr(0, dot);
  const std::string_view rest = digits.substr(std::min(dot + 1, digits.size()));
  return !whole.empty() && std::ranges::all_of(whole, digit) && (whole == "0" || whole[0] != '0') &&
         std::ranges::all_of(rest, digit) && (dot == digits.size() || !rest.empty());
}

void json_text(const YamlNode& node, std::size_t indent, std::string& text) {
  const auto open = [&](std::size_t column) { text += "\n" + std::string(column, ' '); };
  switch (node.kind) {
    case YamlNode::Kind::null: text += "null"; return;
    case YamlNode::Kind::scalar:
      text += !node.quoted && is_json_value(node.text) ? node.text : in_double_quotes(node.text);
      return;
    case YamlNode::Kind::sequence:
      text += "[";
      for (const YamlNode& item : node.items) {
        if (&item != &node.items.front()) text += ",";
        open(indent + 2);
        json_text(item, indent + 2, text);
      }
      if (!node.items.empty()) open(indent);
      text += "]";
      return;
    case YamlNode::Kind::mapping:
      text += "{";
      for (const YamlNode::Entry& entry : node.entries) {
        if (&entry != &node.entries.front()) text += ",";
        open(indent + 2);
        text += in_double_quotes(entry.key) + ": ";
        json_text(entry.value, indent + 2, text);
      }
      if (!node.entries.empty()) open(indent);
      text += "}";
      return;
  }
}

}  // namespace

std::string write_yaml(const YamlNode& root) { return YamlText().write(root); }

std::string write_json(const YamlNode& root) {
  std::string text;
  json_text(root, 0, text);
  return text + "\n";
}

}  // namespace opaline::flow
