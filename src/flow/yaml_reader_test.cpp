#include "flow/yaml_reader.hpp"

#include <gtest/gtest.h>

#include "base/limits.hpp"

namespace opaline::flow {
namespace {

/// The mistakes of a text that is read with the name "f".
std::string mistakes_of(std::string_view text) {
  Mistakes mistakes(text);
  const auto node = read_yaml(text, mistakes);
  EXPECT_TRUE(node || !mistakes.empty()) << "neither a tree nor a mistake: " << text;
  return mistakes.empty() ? "" : mistakes.error("f").message;
}

YamlNode tree(std::string_view text) {
  Mistakes mistakes(text);
  auto node = read_yaml(text, mistakes);
  EXPECT_TRUE(node && mistakes.empty()) << text;
  return node.value_or(YamlNode());
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(YamlReader, ReadsBlockAndFlowStyleAlike) {
  for (const std::string_view text :
       {"a:\n  b: 1\n  c:\n    - x\n    - y\n", "{a: {b: 1, c: [x, y]}}"}) {
    const YamlNode root = tree(text);
    ASSERT_EQ(root.kind, YamlNode::Kind::mapping);
    ASSERT_EQ(root.entries.size(), 1U);
    EXPECT_EQ(root.entries[0].key, "a");
    const YamlNode& a = root.entries[0].value;
    ASSERT_EQ(a.entries.size(), 2U);
    EXPECT_EQ(a.entries[0].value.text, "1");
    EXPECT_EQ(a.entries[1].value.items[1].text, "y");
  }
}

TEST(YamlReader, LeavesScalarsAsTheyAreWritten) {
  for (const std::string text : {"no", "on", "0o17", "1_000", "1:30", ".inf", "2020-01-01"}) {
    EXPECT_EQ(tree("a: " + text).entries[0].value.text, text);
  }
  EXPECT_EQ(tree("a: ~").entries[0].value.kind, YamlNode::Kind::null);
  EXPECT_EQ(tree("a: '~'").entries[0].value.text, "~");
}

TEST(YamlReader, KnowsThePlaceOfEverything) {
  const YamlNode root = tree("# é\nä: [ö, {k: v}]\n");
  EXPECT_EQ(root.entries[0].place, 5U);
  EXPECT_EQ(root.entries[0].value.items[0].place, 10U);
  EXPECT_EQ(root.entries[0].value.items[1].entries[0].value.place, 18U);
}

TEST(YamlReader, FollowsAliases) {
  const YamlNode root = tree("a: &x {p: 1}\nb: *x\n");
  EXPECT_EQ(root.entries[1].value.entries[0].value.text, "1");
}

TEST(YamlReader, SaysWhatIsNotRead) {
  const struct {
    std::string text, expected;
  } cases[] = {
      {"", "f:1:1: the file is empty"},
      {"# nothing\n", "f:1:1: the file is empty"},
      {"a: 1\na: 2\n", "f:2:1: the key 'a' is here twice; the first is at 1:1"},
      {"{x: {b: 1, b: 2, b: 3}}",
       "f:1:12: the key 'b' is here twice; the first is at 1:6\n"
       "f:1:18: the key 'b' is here twice; the first is at 1:6"},
      {"a: 1\n---\nb: 2\n", "f:2:1: a flow file is one YAML document; a second one begins here"},
      {"%YAML 1.1\n---\na: 1\n", "f:1:1: YAML directives ('%') are not read; leave the line out"},
      {"# x\n\n%TAG ! x\n---\na", "f:3:1: YAML directives ('%') are not read; leave the line out"},
      {"a: !!python/object:os.system x",
       "f:1:4: YAML tags are not read; write the value without one"},
      {"a: !mine {b: 1}", "f:1:4: YAML tags are not read; write the value without one"},
      {"a: &x {p: 1}\nb:\n  <<: *x\n", "f:3:3: merge keys ('<<') are not read; write the keys out"},
      {"? [a]\n: 1\n", "f:1:3: expected a key, a plain text, found a list"},
      {"? {a: b}\n: 1\n", "f:1:3: expected a key, a plain text, found a mapping"},
      {"~: 1\n", "f:1:1: expected a key, a plain text, found nothing"},
      {"&a [*a]", "f:1:5: this alias stands inside of what it repeats"},
      {"a: *x", "f:1:4: this alias repeats an anchor that is not there"},
      {"a: 1\n b: 2\n",
       "f:2:3: a ':' that cannot stand here; is the line indented as its neighbours are, and text "
       "with ': ' in quotes?"},
      {"a: {b: 1\nc: 2\n", "f:2:2: a '{' before this is not closed, or a ',' is missing"},
      {"a: [1, 2\n", "f:2:1: a '[' before this is not closed, or a ',' is missing"},
      {"a:\n  - >> b\n",
       "f:2:6: a '>' or '|' that cannot stand here; put a text that has one at an end into quotes"},
      {"a: \"x\n", "f:1:4: this quote is not closed"},
      {"a: 'it''s\n", "f:1:4: this quote is not closed"},
      {"a: \"x\\\"\n", "f:1:4: this quote is not closed"},
      {"a:\n\tb: 1\n", "f:2:1: a tab in the indentation; use spaces"},
      {"a: {\n  \tb: 1}\n", "f:2:3: a tab in the indentation; use spaces"},
      {std::string("a: b\0c", 6), "f:1:5: a control character; a flow file is plain text"},
      {"a: \x04", "f:1:4: a control character; a flow file is plain text"},
      {"a: \x1b[31m", "f:1:4: a control character; a flow file is plain text"},
      {"a: 1\nb: \xff", "f:2:4: the file is not UTF-8 here"},
      {"a: \xc3", "f:1:4: the file is not UTF-8 here"},
      {"a: \xed\xa0\x80", "f:1:4: the file is not UTF-8 here"},
      {std::string("\xff\xfe\x61\0", 4), "f:1:1: the file is UTF-16; save it as UTF-8"},
      {"\xef\xbb\xbf"
       "a: 1",
       "f:1:1: the file starts with a byte order mark; save it as UTF-8 without one"},
  };
  for (const auto& one : cases) EXPECT_EQ(mistakes_of(one.text), one.expected) << one.text;
}

TEST(YamlReader, BoundsTheSize) {
  const std::string fits = "a: " + std::string(limits::kFlowFileBytes - 3, 'x');
  EXPECT_EQ(mistakes_of(fits), "");
  EXPECT_EQ(mistakes_of(fits + "x"),
            "f:1:1: a flow file has at most 1048576 bytes, this one has 1048577");
}

TEST(YamlReader, BoundsTheDepth) {
  EXPECT_EQ(mistakes_of(repeated("[", 32) + repeated("]", 32)), "");
  const std::string deep = "a flow file is at most 32 levels deep";
  EXPECT_EQ(mistakes_of(repeated("[", 33) + repeated("]", 33)), "f:1:33: " + deep);
  EXPECT_TRUE(mistakes_of(repeated("[", 100'000)).ends_with(deep));
  EXPECT_EQ(mistakes_of(repeated("- ", 100'000)), "f:1:65: " + deep);
  EXPECT_TRUE(mistakes_of(repeated("{a: ", 50'000)).ends_with(deep));
}

TEST(YamlReader, BoundsTheNumberOfValuesAndWhatAliasesMakeOfThem) {
  const std::string many = "a flow file has at most 20000 values, repeated ones included";
  EXPECT_TRUE(mistakes_of("[" + repeated("a,", 100'000) + "]").ends_with(many));
  std::string laughs = "a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n";
  for (int i = 1; i < 20; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    const std::string name = "a" + std::to_string(i);
    laughs += name + ": &" + name + " [" + before + repeated("," + before, 8) + "]\n";
  }
  EXPECT_TRUE(mistakes_of(laughs).ends_with(many)) << mistakes_of(laughs);
}

TEST(YamlReader, AliasesDoNotHideDepth) {
  std::string deep = "a0: &a0 [x]\n";
  for (int i = 1; i < 60; ++i) {
    deep += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) +
            "]\n";
  }
  EXPECT_TRUE(mistakes_of(deep).ends_with("at most 32 levels deep"));
}

TEST(ScalarPlaces, FollowsTheTextThroughQuotesFoldsAndBlocks) {
  const std::string_view files[] = {
      "- a >> b",           "- \"a >> b\"",        "- '  a >> b'",         "- a\n  >> b",
      "- \"a\n   >>   b\"", "- >-\n  a\n  >> b\n", "- |\n   a >>\n   b\n",
  };
  for (const std::string_view file : files) {
    const YamlNode scalar = tree(file).items[0];
    ScalarPlaces places(file, scalar);
    EXPECT_EQ(places.at(scalar.text.find('a')), file.find('a')) << file;
    EXPECT_EQ(places.at(scalar.text.find('b')), file.find('b')) << file;
    EXPECT_EQ(ScalarPlaces(file, scalar).at(scalar.text.find('b')), file.find('b')) << file;
  }
}

TEST(ScalarPlaces, StopsAtAnEscape) {
  const std::string_view file = "- \"a \\u003e> b\"";
  const YamlNode scalar = tree(file).items[0];
  EXPECT_EQ(scalar.text, "a >> b");
  ScalarPlaces places(file, scalar);
  EXPECT_EQ(places.at(5), file.find('\\'));
  EXPECT_EQ(places.at(1000), file.find('\\'));
  EXPECT_EQ(places.at(1000), file.find('\\'));
}

class KeysOf {
 public:
  explicit KeysOf(std::string_view text) : mistakes_(text), node_(*read_yaml(text, mistakes_)) {}
  YamlKeys keys() { return {node_, "a service", {"endpoint", "port", "host"}, mistakes_}; }
  std::string mistakes() const { return mistakes_.empty() ? "" : mistakes_.error("f").message; }

 private:
  Mistakes mistakes_;
  YamlNode node_;
};

TEST(YamlKeys, FindWhatIsThere) {
  KeysOf file("{port: 6000, host: '0.0.0.0'}");
  const YamlKeys keys = file.keys();
  EXPECT_EQ(keys.port("port"), 6000);
  EXPECT_EQ(keys.text("host"), "0.0.0.0");
  EXPECT_EQ(keys.find("endpoint"), nullptr);
  EXPECT_EQ(keys.text("endpoint"), std::nullopt);
  EXPECT_EQ(keys.place("host"), 19U);
  EXPECT_EQ(keys.place("endpoint"), 0U);
  EXPECT_EQ(file.mistakes(), "");
}

TEST(YamlKeys, NameUnknownKeysAndWhatWasProbablyMeant) {
  KeysOf file("{prot: 1, image: x, port:6000, endpoint: /}");
  (void)file.keys();
  EXPECT_EQ(file.mistakes(),
            "f:1:2: unknown key 'prot'; did you mean 'port'?\n"
            "f:1:11: unknown key 'image'; a service has the keys endpoint, port and host\n"
            "f:1:21: unknown key 'port:6000'; a space is missing after the ':'");
}

TEST(YamlKeys, WantText) {
  for (const auto& [text, found] :
       {std::pair("host: [a]", "a list"), std::pair("host: {a: b}", "a mapping"),
        std::pair("host:", "nothing"), std::pair("host: ''", "''")}) {
    KeysOf file(text);
    EXPECT_EQ(file.keys().text("host"), std::nullopt);
    EXPECT_TRUE(
        file.mistakes().ends_with(std::string("expected a text for 'host', found ") + found))
        << file.mistakes();
  }
}

TEST(YamlKeys, WantPortsInDigits) {
  for (const std::string text :
       {"0", "65536", "-1", "70000", "99999999999999999999", "6000.0", "1_000", "0o17", "017",
        "0x10", "6e3", "http", "''", "~", "[1]", "+80", "1:30"}) {
    const std::string yaml = "port: " + text;
    KeysOf file(yaml);
    EXPECT_EQ(file.keys().port("port"), std::nullopt) << text;
    EXPECT_TRUE(file.mistakes().starts_with(
        "f:1:7: expected a port, a whole number 1 … 65535, for 'port', found"))
        << file.mistakes();
  }
  KeysOf quoted("port: '65535'");
  EXPECT_EQ(quoted.keys().port("port"), 65535);
}

}  // namespace
}  // namespace opaline::flow
