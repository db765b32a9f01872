#include "flow/yaml_reader.hpp"

#include <fmt/format.h>
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <sstream>
#include <utility>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace opaline::flow {
namespace {

std::size_t place_of(const YAML::Mark& mark) {
  return mark.is_null() ? 0 : static_cast<std::size_t>(mark.pos);
}

/// How much an alias repeats: values, and levels of them.
struct Extent {
  std::size_t nodes = 1;
  std::size_t depth = 1;
};

Extent extent(const YamlNode& node) {
  Extent whole;
  const auto add = [&whole](Extent part) {
    whole.nodes += part.nodes;
    whole.depth = std::max(whole.depth, 1 + part.depth);
  };
  for (const YamlNode& item : node.items) add(extent(item));
  for (const YamlNode::Entry& entry : node.entries) {
    add(Extent());
    add(extent(entry.value));
  }
  return whole;
}

/// Ends the parser from inside, where it offers no other way out; caught by read_yaml.
struct Stop {
  std::size_t place = 0;
  std::string message;
};

/// Builds the tree from the parser's events. Throws Stop at a limit.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, Mistakes& mistakes) : text_(text), mistakes_(mistakes) {}

  std::optional<YamlNode> take_root() { return std::exchange(root_, std::nullopt); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root_) stop(mark, "a flow file is one YAML document; a second one begins here");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(open(mark, "", YamlNode::Kind::null), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto anchored = anchored_.find(anchor);
    if (anchored == anchored_.end()) stop(mark, "this alias stands inside of what it repeats");
    const Extent repeated = extent(anchored->second);
    count(mark, repeated.nodes);
    check_depth(mark, repeated.depth);
    attach(anchored->second);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = open(mark, tag, YamlNode::Kind::scalar);
    check_closed(node.place);
    node.text = value;
    node.quoted = tag == "!";
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    push(mark, tag, anchor, YamlNode::Kind::sequence);
  }
  void OnSequenceEnd() override { pop(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    push(mark, tag, anchor, YamlNode::Kind::mapping);
  }
  void OnMapEnd() override { pop(); }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    std::optional<YamlNode> key;                    // Of a mapping: read, its value is not.
    std::map<std::string, std::size_t> key_places;  // Of a mapping.
  };

  [[noreturn]] static void stop(const YAML::Mark& mark, std::string message) {
    throw Stop{.place = place_of(mark), .message = std::move(message)};
  }

  void check_depth(const YAML::Mark& mark, std::size_t levels) const {
    if (open_.size() + levels <= limits::kFlowFileDepth) return;
    stop(mark, fmt::format("a flow file is at most {} levels deep", limits::kFlowFileDepth));
  }

  void count(const YAML::Mark& mark, std::size_t nodes) {
    nodes_ += nodes;
    if (nodes_ > limits::kFlowFileNodes) {
      stop(mark, fmt::format("a flow file has at most {} values, repeated ones included",
                             limits::kFlowFileNodes));
    }
  }

  YamlNode open(const YAML::Mark& mark, const std::string& tag, YamlNode::Kind kind) {
    count(mark, 1);
    // "?" and "!" are what the parser says of plain and of quoted text.
    if (!tag.empty() && tag != "?" && tag != "!") {
      mistakes_.add(place_of(mark), "YAML tags are not read; write the value without one");
    }
    return {.kind = kind, .place = place_of(mark), .text = {}, .items = {}, .entries = {}};
  }

  void push(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YamlNode::Kind kind) {
    check_depth(mark, 1);
    open_.push_back({.node = open(mark, tag, kind), .anchor = anchor, .key = {}, .key_places = {}});
  }

  void pop() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    add(std::move(closed.node), closed.anchor);
  }

  void add(YamlNode node, YAML::anchor_t anchor) {
    if (anchor != 0) anchored_.insert_or_assign(anchor, node);
    attach(std::move(node));
  }

  void attach(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::sequence) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      parent.key = std::move(node);
    } else {
      add_entry(parent, std::exchange(parent.key, std::nullopt).value(), std::move(node));
    }
  }

  void add_entry(Open& mapping, YamlNode key, YamlNode value) {
    if (key.kind != YamlNode::Kind::scalar) {
      mistakes_.add(key.place, "expected a key, a plain text, found " + found(key));
      return;
    }
    if (key.text == "<<") {
      mistakes_.add(key.place, "merge keys ('<<') are not read; write the keys out");
      return;
    }
    const auto [first, is_new] = mapping.key_places.emplace(key.text, key.place);
    if (!is_new) {
      std::string message;
      if (!mistakes_.full()) {
        message = fmt::format("the key {} is here twice; the first is at {}", in_quotes(key.text),
                              mistakes_.position(first->second));
      }
      mistakes_.add(key.place, std::move(message));
      return;
    }
    mapping.node.entries.push_back(
        {.key = std::move(key.text), .place = key.place, .value = std::move(value)});
  }

  /// The parser takes the end of the file for the end of a quoted text.
  void check_closed(std::size_t place) {
    if (place >= text_.size()) return;
    const char quote = text_[place];
    if (quote != '"' && quote != '\'') return;
    for (std::size_t at = place + 1; at < text_.size(); ++at) {
      const bool escapes = quote == '"' ? text_[at] == '\\' : text_.substr(at).starts_with("''");
      if (escapes) {
        ++at;
      } else if (text_[at] == quote) {
        return;
      }
    }
    mistakes_.add(place, "this quote is not closed");
  }

  std::string_view text_;
  Mistakes& mistakes_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, YamlNode> anchored_;
  std::optional<YamlNode> root_;
  std::size_t nodes_ = 0;
};

/// The parser's terse words, and what a writer of a flow file can do about them.
std::string explained(std::string_view message) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kWords = {{
      {"illegal map value",
       "a ':' that cannot stand here; is the line indented as its neighbours are, and text with "
       "': ' in quotes?"},
      {"end of map flow not found", "a '{' before this is not closed, or a ',' is missing"},
      {"end of sequence flow not found", "a '[' before this is not closed, or a ',' is missing"},
      {"end of map not found",
       "expected 'key: value'; is the line indented as its neighbours are?"},
      {"end of sequence not found",
       "expected '- item'; is the line indented as its neighbours are?"},
      {"unexpected character in block scalar",
       "a '>' or '|' that cannot stand here; put a text that has one at an end into quotes"},
      {"the referenced anchor is not defined", "this alias repeats an anchor that is not there"},
      {"bad file", "expected YAML"},
  }};
  for (const auto& [terse, helpful] : kWords) {
    if (message == terse) return std::string(helpful);
  }
  return "not YAML: " + std::string(message);
}

/// Whether the cause of a syntax error may be "key: ${…}" inside of {…} or […], where a brace ends
/// a plain text.
bool has_bare_expression(std::string_view text) {
  for (std::size_t at = text.find(" ${"); at != std::string_view::npos;
       at = text.find(" ${", at + 1)) {
    const std::size_t before = text.find_last_not_of(' ', at);
    if (before != std::string_view::npos && std::string_view(":[,").contains(text[before])) {
      return true;
    }
  }
  return false;
}

/// What the parser would misread or accept in silence. @return whether it may be asked at all.
bool check_characters(std::string_view text, Mistakes& mistakes) {
  if (text.size() > limits::kFlowFileBytes) {
    mistakes.add(0, fmt::format("a flow file has at most {} bytes, this one has {}",
                                limits::kFlowFileBytes, text.size()));
    return false;
  }
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    mistakes.add(0, "the file is UTF-16; save it as UTF-8");
    return false;
  }
  if (text.starts_with("\xef\xbb\xbf")) {
    mistakes.add(0, "the file starts with a byte order mark; save it as UTF-8 without one");
    return false;
  }
  bool in_indentation = true;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = base::utf8_sequence(text.substr(at));
    if (length == 0) {
      mistakes.add(at, "the file is not UTF-8 here");
      return false;
    }
    const char c = text[at];
    if (length == 1 && ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == '\x7f')) {
      mistakes.add(at, "a control character; a flow file is plain text");
      return false;
    }
    if (c == '\t' && in_indentation) {
      mistakes.add(at, "a tab in the indentation; use spaces");
      return false;
    }
    in_indentation = c == '\n' || (in_indentation && c == ' ');
    at += length;
  }
  return true;
}

/// A directive can only stand before everything else but blank lines and comments.
bool check_directives(std::string_view text, Mistakes& mistakes) {
  for (std::size_t line = 0; line < text.size();) {
    const std::size_t end = std::min(text.find('\n', line), text.size());
    const std::string_view content = text.substr(line, end - line);
    if (content.starts_with('%')) {
      mistakes.add(line, "YAML directives ('%') are not read; leave the line out");
      return false;
    }
    const std::size_t first = content.find_first_not_of(" \r");
    if (first != std::string_view::npos && content[first] != '#') return true;
    line = end + 1;
  }
  return true;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

std::optional<YamlNode> read_yaml(std::string_view text, Mistakes& mistakes) {
  if (!check_characters(text, mistakes) || !check_directives(text, mistakes)) return {};
  TreeBuilder builder(text, mistakes);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop& reason) {
    mistakes.add(reason.place, reason.message);
    return {};
  } catch (const YAML::Exception& error) {
    mistakes.add(place_of(error.mark),
                 has_bare_expression(text)
                     ? "an expression that is not in quotes: write \"${…}\" into quotes"
                     : explained(error.msg));
    return {};
  }
  std::optional<YamlNode> root = builder.take_root();
  if (!root) mistakes.add(0, "the file is empty");
  return root;
}

ScalarPlaces::ScalarPlaces(std::string_view file, const YamlNode& scalar)
    : file_(file), text_(scalar.text), place_(std::min(scalar.place, file.size())) {
  if (place_ < file.size() && (file[place_] == '>' || file[place_] == '|')) {
    place_ = std::min(file.find('\n', place_), file.size());  // A block begins a line below.
  } else if (place_ < file.size() && (file[place_] == '"' || file[place_] == '\'')) {
    ++place_;
  }
}

std::size_t ScalarPlaces::at(std::size_t offset) {
  OPALINE_ASSERT(lost_ || offset >= offset_ || offset_ == text_.size());
  // YAML folds white space and keeps the rest, so the two are followed side by side.
  for (; !lost_ && offset_ < std::min(offset, text_.size()); ++offset_) {
    if (is_space(text_[offset_])) continue;
    skip_space();
    lost_ = place_ >= file_.size() || file_[place_] != text_[offset_];
    if (!lost_) ++place_;
  }
  if (!lost_ && offset_ < text_.size() && !is_space(text_[offset_])) skip_space();
  return place_;
}

void ScalarPlaces::skip_space() {
  while (place_ < file_.size() && is_space(file_[place_])) ++place_;
}

std::string found(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null: return "nothing";
    case YamlNode::Kind::scalar: return in_quotes(node.text);
    case YamlNode::Kind::sequence: return "a list";
    case YamlNode::Kind::mapping: return "a mapping";
  }
  OPALINE_ASSERT(false);
}

YamlKeys::YamlKeys(const YamlNode& mapping, std::string_view what,
                   std::span<const std::string_view> known, Mistakes& mistakes)
    : mapping_(mapping), mistakes_(mistakes) {
  OPALINE_ASSERT(mapping.kind == YamlNode::Kind::mapping);
  for (const YamlNode::Entry& entry : mapping.entries) {
    if (std::ranges::find(known, entry.key) != known.end()) continue;
    std::string message = "unknown key " + in_quotes(entry.key);
    const std::size_t colon = entry.key.find(':');
    if (colon != std::string::npos && entry.value.kind == YamlNode::Kind::null) {
      message += "; a space is missing after the ':'";
    } else if (const std::string nearest = suggestion(entry.key, known); !nearest.empty()) {
      message += nearest;
    } else {
      message += fmt::format("; {} has the keys {}", what, listed(known));
    }
    mistakes_.add(entry.place, std::move(message));
  }
}

const YamlNode* YamlKeys::find(std::string_view key) const {
  const auto entry = std::ranges::find(mapping_.entries, key, &YamlNode::Entry::key);
  return entry == mapping_.entries.end() ? nullptr : &entry->value;
}

std::optional<std::string> YamlKeys::text(std::string_view key) const {
  const YamlNode* node = find(key);
  if (!node) return {};
  if (node->kind == YamlNode::Kind::scalar && !node->text.empty()) return node->text;
  mistakes_.add(node->place, fmt::format("expected a text for '{}', found {}", key, found(*node)));
  return {};
}

std::optional<std::uint16_t> YamlKeys::port(std::string_view key) const {
  const YamlNode* node = find(key);
  if (!node) return {};
  // Digits only: YAML versions disagree on what 017, 1_000 and 1:30 are.
  const std::string& text = node->text;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error == std::errc() && end == text.data() + text.size() && port > 0 && text[0] != '0') {
    return port;
  }
  mistakes_.add(node->place, fmt::format("expected a port, a whole number 1 … 65535, for '{}', "
                                         "found {}",
                                         key, found(*node)));
  return {};
}

std::size_t YamlKeys::place(std::string_view key) const {
  const YamlNode* node = find(key);
  return node ? node->place : mapping_.place;
}

void YamlKeys::wrong(std::string_view key, std::string message) const {
  mistakes_.add(place(key), std::move(message));
}

}  // namespace opaline::flow
