// A JSON document becomes lines "path.to.key: value". An array of objects becomes records, one
// block each, under a heading with the array's path; so does each line of JSON Lines. Numbers keep
// the digits they were written with: 1.10 is a version.
#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <vector>

#include "base/limits.hpp"
#include "services/dataprep/formats.hpp"

namespace opaline::services::dataprep {
namespace {

using base::ErrorCode;
using base::Result;

struct Node {
  enum class Kind { scalar, array, object } kind = Kind::scalar;
  std::string name;         ///< Its key; empty in an array.
  std::string text;         ///< Of a scalar.
  std::vector<Node> items;  ///< Of the others.
};

/// Receives the parser's events and builds the tree.
class TreeBuilder {
 public:
  static constexpr std::size_t max_object_size = -1;
  static constexpr std::size_t max_array_size = -1;
  static constexpr std::size_t max_key_size = -1;
  static constexpr std::size_t max_string_size = -1;
  using Text = boost::json::string_view;
  using Code = boost::json::error_code;

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return open(Node::Kind::object); }
  bool on_object_end(std::size_t, Code&) { return close(); }
  bool on_array_begin(Code&) { return open(Node::Kind::array); }
  bool on_array_end(std::size_t, Code&) { return close(); }
  bool on_key_part(Text part, std::size_t, Code&) { return append(part); }
  bool on_key(Text part, std::size_t, Code&) {
    append(part);
    key_ = std::move(text_);
    text_.clear();
    return true;
  }
  bool on_string_part(Text part, std::size_t, Code&) { return append(part); }
  bool on_string(Text part, std::size_t, Code&) {
    append(part);
    return scalar();
  }
  bool on_number_part(Text part, Code&) { return append(part); }
  bool on_int64(std::int64_t, Text part, Code&) { return append(part) && scalar(); }
  bool on_uint64(std::uint64_t, Text part, Code&) { return append(part) && scalar(); }
  bool on_double(double, Text part, Code&) { return append(part) && scalar(); }
  bool on_bool(bool value, Code&) { return append(value ? "true" : "false") && scalar(); }
  bool on_null(Code&) { return scalar(); }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }

  [[nodiscard]] Node take() { return std::move(root_); }

 private:
  bool append(std::string_view part) {
    text_ += part;
    return true;
  }

  Node& add(Node node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return root_;
    }
    // The parents of an open node are not added to, so pointers to open nodes stay valid.
    auto& items = open_.back()->items;
    node.name = std::move(key_);
    key_.clear();
    return items.emplace_back(std::move(node));
  }

  bool open(Node::Kind kind) {
    Node& added = add({.kind = kind});
    open_.push_back(&added);
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  bool scalar() {
    Node node{.text = std::move(text_)};
    text_.clear();
    add(std::move(node));
    return true;
  }

  Node root_;
  std::vector<Node*> open_;
  std::string key_;
  std::string text_;
};

Result<Node> parse_tree(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = limits::kJsonDepth;
  boost::json::basic_parser<TreeBuilder> parser(options);
  boost::json::error_code error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  if (!error) {
    const auto rest = text.substr(read).find_first_not_of(" \t\n\r");
    if (rest == std::string_view::npos) return parser.handler().take();
    error = boost::json::make_error_code(boost::json::error::extra_data);
  }
  if (error == boost::json::error::too_deep) {
    return base::fail(ErrorCode::invalid_argument,
                      "nests JSON more than " + std::to_string(limits::kJsonDepth) + " deep");
  }
  const auto line = 1 + std::ranges::count(text.substr(0, read), '\n');
  return base::fail(ErrorCode::invalid_argument,
                    "is not valid JSON: " + error.message() + " in line " + std::to_string(line));
}

class TreeWriter {
 public:
  explicit TreeWriter(DocumentWriter& out) : out_(out) {}

  void document(const Node& root) {
    if (root.kind == Node::Kind::object) set_title(root);
    section(root, "");
  }

  void record(const Node& node) {
    std::string text;
    append_lines(node, "", text);
    out_.add({.kind = BlockKind::table_row}, text);
  }

 private:
  static bool is_records(const Node& node) {
    return node.kind == Node::Kind::array && !node.items.empty() &&
           std::ranges::all_of(node.items,
                               [](const Node& item) { return item.kind == Node::Kind::object; });
  }

  static bool has_records(const Node& node) {
    return is_records(node) ||
           (node.kind == Node::Kind::object &&
            std::ranges::any_of(node.items, [](const Node& item) { return has_records(item); }));
  }

  void set_title(const Node& root) {
    for (const std::string_view key : {"title", "name"}) {
      for (const Node& item : root.items) {
        if (item.name == key && item.kind == Node::Kind::scalar && !out_.has_title())
          out_.set_title(item.text);
      }
    }
  }

  static std::string joined(std::string_view path, std::string_view name) {
    return path.empty() ? std::string(name) : std::string(path) + "." + std::string(name);
  }

  /// Values first gather in one paragraph for each object; records get a heading and a block each.
  void section(const Node& node, const std::string& path) {
    if (is_records(node)) {
      if (!path.empty()) out_.add({.kind = BlockKind::heading, .level = 2}, path);
      for (const Node& item : node.items) record(item);
      return;
    }
    if (node.kind == Node::Kind::array) {
      for (const Node& item : node.items) section(item, path);
      return;
    }
    if (node.kind == Node::Kind::scalar) {
      out_.add({}, path.empty() ? node.text : path + ": " + node.text);
      return;
    }
    std::string text;
    for (const Node& item : node.items) {
      if (!has_records(item)) append_lines(item, joined(path, item.name), text);
    }
    out_.add({}, text);
    for (const Node& item : node.items) {
      if (has_records(item)) section(item, joined(path, item.name));
    }
  }

  /// '\v' ends a line: see DocumentWriter::add.
  static void append_lines(const Node& node, const std::string& path, std::string& text) {
    if (node.kind == Node::Kind::scalar) {
      if (node.text.empty()) return;
      if (!text.empty()) text += '\v';
      if (!path.empty()) text.append(path).append(": ");
      for (const char c : node.text) text += c == '\n' ? '\v' : c;
      return;
    }
    const bool scalars =
        node.kind == Node::Kind::array && std::ranges::all_of(node.items, [](const Node& item) {
          return item.kind == Node::Kind::scalar;
        });
    if (scalars) {
      std::string list;
      for (const Node& item : node.items) list.append(list.empty() ? "" : ", ").append(item.text);
      append_lines({.text = std::move(list)}, path, text);
      return;
    }
    for (const Node& item : node.items)
      append_lines(item, item.name.empty() ? path : joined(path, item.name), text);
  }

  DocumentWriter& out_;
};

}  // namespace

Result<void> parse_json(std::string_view text, DocumentWriter& out) {
  OPALINE_TRY(const Node root, parse_tree(text));
  TreeWriter(out).document(root);
  return {};
}

Result<void> parse_json_lines(std::string_view text, DocumentWriter& out) {
  TreeWriter writer(out);
  std::size_t number = 0;
  std::size_t bad = 0;
  std::size_t good = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto node = parse_tree(line);
    if (!node) {
      if (good == 0) return base::fail(std::move(node).error());
      if (++bad <= 3) out.warn("line " + std::to_string(number) + " " + node.error().message);
      continue;
    }
    ++good;
    writer.record(*node);
  }
  if (bad > 3) out.warn(std::to_string(bad) + " lines are not valid JSON and were left out");
  return {};
}

}  // namespace opaline::services::dataprep
