#include "flow/mega_flow_line.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "contract/service.hpp"
#include "flow/mistakes.hpp"

namespace opaline::flow {
namespace {

constexpr std::size_t kNameBytes = 64;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::expected<MegaFlowLine, Mistake> parse() {
    MegaFlowLine expression;
    if (skip_space(); at_end()) return wrong("expected steps, as in 'embedding >> retrieval'");
    for (;;) {
      auto stage = parse_stage();
      if (!stage) return std::unexpected(std::move(stage).error());
      expression.stages.push_back(*std::move(stage));
      if (skip_space(); at_end()) return expression;
      if (auto arrow = parse_arrow(); !arrow) return std::unexpected(std::move(arrow).error());
    }
  }

 private:
  using Failure = std::unexpected<Mistake>;

  std::expected<MegaFlowLine::Stage, Mistake> parse_stage() {
    skip_space();
    MegaFlowLine::Stage stage;
    if (!take('(')) {
      auto name = parse_name();
      if (!name) return std::unexpected(std::move(name).error());
      stage.push_back(*std::move(name));
      return stage;
    }
    const std::size_t opened = place_ - 1;
    do {
      skip_space();
      if (!at_end() && text_[place_] == '(') return wrong("a group cannot hold another group");
      if (at_end()) return not_closed(opened);
      auto name = parse_name();
      if (!name) return std::unexpected(std::move(name).error());
      if (std::ranges::find(stage, name->text, &MegaFlowLine::Name::text) != stage.end()) {
        return wrong(in_quotes(name->text) + " is in this group twice", name->place);
      }
      stage.push_back(*std::move(name));
      skip_space();
    } while (take(','));
    if (at_end()) return not_closed(opened);
    if (!take(')')) return wrong("expected ',' or ')', found " + found());
    return stage;
  }

  std::expected<MegaFlowLine::Name, Mistake> parse_name() {
    const std::size_t begin = place_;
    while (!at_end() && contract::is_service_name_character(text_[place_])) ++place_;
    // "a->b": the dash belongs to the arrow that was meant, not to the name.
    if (!at_end() && text_[place_] == '>') {
      while (place_ > begin && text_[place_ - 1] == '-') --place_;
    }
    const std::string_view name = text_.substr(begin, place_ - begin);
    if (name.empty()) return wrong("expected the name of a service, found " + found());
    if (name.size() > kNameBytes) return wrong("a name has at most 64 characters", begin);
    if (++names_ > limits::kFlowSteps) return wrong("a flow has at most 256 steps", begin);
    return MegaFlowLine::Name{.text = std::string(name), .place = begin};
  }

  std::expected<void, Mistake> parse_arrow() {
    if (text_.substr(place_).starts_with(">>")) {
      place_ += 2;
      return {};
    }
    if (text_[place_] == ',') {
      return wrong("steps side by side go into parentheses: '(a, b) >> c'");
    }
    return wrong("expected '>>' between two steps, found " + found());
  }

  Failure not_closed(std::size_t opened) const {
    return wrong("this '(' is not closed; inside a YAML [list], quote the expression", opened);
  }

  Failure wrong(std::string message) const { return wrong(std::move(message), place_); }
  static Failure wrong(std::string message, std::size_t place) {
    return Failure(Mistake{.place = place, .message = std::move(message)});
  }

  /// What stands here, for a message: a word, or one character.
  std::string found() const {
    if (at_end()) return "the end";
    const std::string_view rest = text_.substr(place_);
    if (rest.starts_with(">>") || rest.starts_with("->")) return in_quotes(rest.substr(0, 2));
    std::size_t length = 0;
    while (length < rest.size() && contract::is_service_name_character(rest[length])) ++length;
    if (length == 0) length = std::max<std::size_t>(1, base::utf8_sequence(rest));
    return in_quotes(rest.substr(0, length));
  }

  bool at_end() const { return place_ == text_.size(); }

  bool take(char wanted) {
    if (at_end() || text_[place_] != wanted) return false;
    ++place_;
    return true;
  }

  void skip_space() {
    while (!at_end() && std::string_view(" \t\r\n").contains(text_[place_])) ++place_;
  }

  std::string_view text_;
  std::size_t place_ = 0;
  std::size_t names_ = 0;
};

}  // namespace

std::expected<MegaFlowLine, Mistake> parse_mega_flow_line(std::string_view text) {
  return Parser(text).parse();
}

}  // namespace opaline::flow
