#include "flow/dialects/yaml_writer.hpp"

#include <gtest/gtest.h>

#include "flow/dialects/tree.hpp"

namespace opaline::flow {
namespace {

/// Without places, which a written file has of its own.
std::string shape(const YamlNode& node) {
  std::string text;
  switch (node.kind) {
    case YamlNode::Kind::null: return "null";
    case YamlNode::Kind::scalar: return "<" + node.text + ">";
    case YamlNode::Kind::sequence:
      for (const YamlNode& one : node.items) text += shape(one);
      return "[" + text + "]";
    case YamlNode::Kind::mapping:
      for (const YamlNode::Entry& one : node.entries) text += one.key + "=" + shape(one.value);
      return "{" + text + "}";
  }
  return text;
}

std::string again(const YamlNode& root, std::string text) {
  Mistakes mistakes(text);
  const auto read = read_yaml(text, mistakes);
  if (!read) return mistakes.error("f").message + "\n" + text;
  EXPECT_EQ(shape(*read), shape(root)) << text;
  return text;
}

TEST(YamlWriter, WhatIsShortStandsOnOneLine) {
  YamlNode root = mapping_node(0);
  put(root, "flow", "a");
  YamlNode step = mapping_node(0);
  put(step, "uses", "b");
  put(step, "input", "${request}");
  YamlNode steps = mapping_node(0);
  put(steps, "x", std::move(step));
  put(root, "steps", std::move(steps));
  EXPECT_EQ(again(root, write_yaml(root)),
            "flow: a\nsteps:\n  x: {uses: b, input: \"${request}\"}\n");
}

TEST(YamlWriter, EveryTextReadsBackAsItself) {
  YamlNode root = mapping_node(0);
  int number = 0;
  for (const char* const text :
       {"",          " ",   "a",     "a b",  "a: b",      "- a",   "true",
        "No",        "12",  "1.5e3", "null", "~",         "a#b",   "a #b",
        "{a",        "[a",  "a, b",  "'a'",  "\"a\"",     "a\nb",  "tab\tin",
        "ü 你好",    "*a",  "&a",    "!a",   "%a",        "@a",    "`a",
        "a >> b",    "> a", "| a",   "?",    "? a",       ":",     "a:",
        "$response", "\\",  "a\\nb", "\x7f", "Embedding", "/v1/x", "http://h:1/p"}) {
    std::string key = "k";
    key += std::to_string(number++);
    put(root, key, text);
  }
  again(root, write_yaml(root));
  EXPECT_EQ(again(root, write_json(root)).front(), '{');
}

TEST(YamlWriter, WhatIsLongStandsBelow) {
  const std::string many(60, 'a');
  YamlNode inner = mapping_node(0);
  put(inner, "first", many);
  put(inner, "second", many);
  YamlNode empty = mapping_node(0);
  YamlNode deep = list_node({inner, list_node({inner, plain_node("1", 0)}, 0), empty}, 0);
  YamlNode root = mapping_node(0);
  put(root, "list", deep);
  put(root, "empty", list_node({}, 0));
  put(root, "nothing", YamlNode());
  again(root, write_yaml(root));
  again(root, write_json(root));
}

TEST(YamlWriter, JsonKeepsNumbersAndTextsApart) {
  YamlNode root = mapping_node(0);
  put(root, "number", plain_node("-12.5", 0));
  put(root, "text", "12");
  put(root, "octal", plain_node("012", 0));
  put(root, "on", plain_node("true", 0));
  EXPECT_EQ(
      write_json(root),
      "{\n  \"number\": -12.5,\n  \"text\": \"12\",\n  \"octal\": \"012\",\n  \"on\": true\n}\n");
}

}  // namespace
}  // namespace opaline::flow
