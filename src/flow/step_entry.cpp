#include "flow/step_entry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/limits.hpp"
#include "contract/service.hpp"
#include "flow/duration.hpp"
#include "flow/service_address.hpp"

namespace opaline::flow {
namespace {

namespace json = boost::json;

/// A plain scalar that is a number of JSON.
std::optional<json::value> number_of(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || digits[0] < '0' || digits[0] > '9') return {};
  if (digits.size() > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9') return {};
  const char* const last = text.data() + text.size();
  std::int64_t integer = 0;
  if (const auto [end, error] = std::from_chars(text.data(), last, integer);
      error == std::errc() && end == last) {
    return integer;
  }
  double real = 0;
  if (const auto [end, error] = std::from_chars(text.data(), last, real);
      error == std::errc() && end == last && std::isfinite(real) && !text.ends_with('.')) {
    return real;
  }
  return {};
}

class StepReader {
 public:
  StepReader(StepEntry& entry, const YamlKeys& keys, std::string_view file, Mistakes& mistakes)
      : entry_(entry), keys_(keys), file_(file), mistakes_(mistakes) {}

  void read() {
    read_purpose();
    entry_.needs = names("needs");
    read_condition();
    read_values();
    read_map();
    read_policies();
    read_failure();
    if (const auto text = keys_.text("description")) spec().description = *text;
  }

 private:
  StepSpec& spec() { return entry_.spec; }

  std::optional<PlacedName> placed(std::string_view key) const {
    const auto text = keys_.text(key);
    if (!text) return {};
    return PlacedName{.name = *text, .place = keys_.place(key)};
  }

  /// One name or a list of them.
  std::vector<PlacedName> names(std::string_view key) const {
    const YamlNode* const node = keys_.find(key);
    if (!node) return {};
    std::vector<PlacedName> all;
    const auto add = [&](const YamlNode& one) {
      if (one.kind != YamlNode::Kind::scalar || one.text.empty()) {
        mistakes_.add(one.place, fmt::format("expected the name of a step in '{}', found {}", key,
                                             found(one)));
      } else if (std::ranges::find(all, one.text, &PlacedName::name) != all.end()) {
        mistakes_.add(one.place, in_quotes(one.text) + " is in this list twice");
      } else {
        all.push_back({.name = one.text, .place = one.place});
      }
    };
    if (node->kind == YamlNode::Kind::sequence) {
      for (const YamlNode& one : node->items) add(one);
    } else {
      add(*node);
    }
    return all;
  }

  // --- What it does.

  void read_purpose() {
    entry_.uses = placed("uses");
    entry_.run = placed("run");
    const YamlNode* const arms = keys_.find("switch");
    if (arms && keys_.find("uses")) {
      keys_.wrong("switch", "a step either uses something or chooses the way; leave one out");
    } else if (arms) {
      read_arms(*arms);
    } else if (!keys_.find("uses") && !keys_.find("input")) {
      mistakes_.add(entry_.place,
                    fmt::format("the step {} does nothing: it has neither 'uses' (a service, a "
                                "kind, a URL, a flow file), nor 'switch', nor an 'input' to "
                                "compute",
                                in_quotes(spec().name)));
    }
    if (keys_.find("uses")) return;
    for (const std::string_view key : kStepKeys) {
      constexpr std::array<std::string_view, 9> kOfAsking = {
          "map", "timeout", "retry", "hedge", "cache", "fallback", "on_error", "run", "output"};
      if (!keys_.find(key) || std::ranges::find(kOfAsking, key) == kOfAsking.end()) continue;
      keys_.wrong(
          key,
          fmt::format("'{}' is for a step that 'uses' something, which this one does not", key));
    }
  }

  void read_arms(const YamlNode& arms) {
    if (arms.kind != YamlNode::Kind::sequence || arms.items.empty()) {
      mistakes_.add(arms.place,
                    "expected a list for 'switch', as [{when: \"${…}\", then: a}, {else: b}], "
                    "found " +
                        (arms.kind == YamlNode::Kind::sequence ? "an empty one" : found(arms)));
      return;
    }
    if (arms.items.size() > limits::kSwitchArms) {
      mistakes_.add(arms.place, fmt::format("a switch has at most {} arms, this one has {}",
                                            limits::kSwitchArms, arms.items.size()));
      return;
    }
    for (const YamlNode& arm : arms.items) {
      if (arm.kind == YamlNode::Kind::mapping) {
        read_arm(arm, &arm == &arms.items.back());
      } else {
        mistakes_.add(
            arm.place,
            "expected {when: \"${…}\", then: a step} or {else: a step}, found " + found(arm));
      }
    }
  }

  void read_arm(const YamlNode& arm, bool last) {
    const YamlKeys keys(arm, "an arm of a switch", kArmKeys, mistakes_);
    StepEntry::Arm read;
    const bool otherwise = keys.find("else") != nullptr;
    const std::string_view target = otherwise ? "else" : "then";
    if (otherwise && (keys.find("when") || keys.find("then"))) {
      keys.wrong("else", "an arm has either 'when' and 'then', or 'else'");
      return;
    }
    if (otherwise && !last) {
      keys.wrong("else", "'else' is the last arm of a switch; the ones below are never reached");
    }
    if (!otherwise && !keys.find("when")) {
      mistakes_.add(arm.place, "an arm needs a condition: {when: \"${…}\", then: a step}");
    }
    if (!otherwise) read.when = expression(keys, "when", StepEntry::Purpose::condition);
    if (const auto name = keys.text(target)) {
      read.then = {.name = *name, .place = keys.place(target)};
      entry_.arms.push_back(std::move(read));
    } else if (!keys.find(target)) {
      mistakes_.add(arm.place, "an arm needs a step: {when: \"${…}\", then: a step}");
    }
  }

  // --- Expressions.

  /// The one expression that is all of a text: "${…}".
  std::optional<Expression> expression(const YamlKeys& keys, std::string_view key,
                                       StepEntry::Purpose purpose) {
    const YamlNode* const node = keys.find(key);
    if (!node) return {};
    if (node->kind != YamlNode::Kind::scalar || !node->text.contains("${")) {
      mistakes_.add(
          node->place,
          fmt::format("expected an expression for '{}', as \"${{request.text != null}}\", "
                      "found {}{}",
                      key, found(*node),
                      node->kind == YamlNode::Kind::scalar ? "; write it between ${ and }" : ""));
      return {};
    }
    std::vector<PlacedText> texts;
    const ValueTemplate value = read_template(*node, file_, texts, mistakes_);
    if (texts.empty()) return {};
    const ValueTemplate::Part* const single = value.find_single();
    if (!single) {
      mistakes_.add(node->place, fmt::format("'{}' is one expression: put all of it between ${{ "
                                             "and }}",
                                             key));
      return {};
    }
    entry_.readings.push_back({.purpose = purpose, .text = std::move(texts.front())});
    return single->expression;
  }

  void read_condition() {
    if (auto when = expression(keys_, "when", StepEntry::Purpose::condition)) {
      spec().when = std::move(when);
    }
  }

  std::optional<ValueTemplate> value(std::string_view key, StepEntry::Purpose purpose) {
    const YamlNode* const node = keys_.find(key);
    if (!node) return {};
    std::vector<PlacedText> texts;
    ValueTemplate value = read_template(*node, file_, texts, mistakes_);
    for (PlacedText& text : texts) {
      entry_.readings.push_back({.purpose = purpose, .text = std::move(text)});
    }
    return value;
  }

  void read_values() {
    entry_.input = keys_.find("input");
    spec().input = value("input", StepEntry::Purpose::input);
    spec().output = value("output", StepEntry::Purpose::output);
    const auto merge = keys_.text("merge");
    if (!merge) return;
    const auto known = std::ranges::find(kMerges, *merge);
    if (known == kMerges.end()) {
      keys_.wrong("merge", "expected update, list or first for 'merge', found " +
                               in_quotes(*merge) + suggestion(*merge, kMerges));
    } else if (spec().input) {
      keys_.wrong("merge", "'input' says what the step gets; leave 'merge' out");
    } else if (entry_.needs.size() < 2) {
      keys_.wrong("merge", "'merge' is for a step that needs several; write them in 'needs'");
    } else {
      spec().merge = static_cast<Merge>(known - kMerges.begin());
    }
  }

  void read_map() {
    const YamlNode* const node = keys_.find("map");
    if (!node) return;
    if (node->kind != YamlNode::Kind::mapping) {
      mistakes_.add(node->place,
                    "expected {over: \"${…}\", as: item} for 'map', found " + found(*node));
      return;
    }
    const YamlKeys keys(*node, "'map'", kMapKeys, mistakes_);
    auto over = expression(keys, "over", StepEntry::Purpose::list);
    if (!keys.find("over")) {
      mistakes_.add(node->place, "'map' needs a list: {over: \"${…}\"}");
    }
    std::string as = "item";
    if (const auto text = keys.text("as")) {
      as = *text;
      if (const auto parsed = Expression::parse(as);
          !parsed || parsed->references().size() != 1 || parsed->references()[0].name != as) {
        keys.wrong("as",
                   "expected a name of letters, digits and _ for 'as', found " + in_quotes(as));
      } else if (std::ranges::find(kTaken, as) != kTaken.end()) {
        keys.wrong("as", in_quotes(as) + " means something else already; choose another name");
      }
    }
    const auto at_once = whole(keys, "concurrency", {.least = 1, .most = limits::kMapConcurrency});
    if (!over) return;
    spec().map = MapPolicy{.over = *std::move(over),
                           .as = std::move(as),
                           .concurrency = at_once.value_or(MapPolicy::kConcurrency)};
  }

  // --- Time, retries, memory.

  struct Bounds {
    std::size_t least;
    std::size_t most;
  };
  std::optional<std::size_t> whole(const YamlKeys& keys, std::string_view key,
                                   Bounds bounds) const {
    const YamlNode* const node = keys.find(key);
    if (!node) return {};
    std::size_t number = 0;
    const char* const last = node->text.data() + node->text.size();
    const auto [end, error] = std::from_chars(node->text.data(), last, number);
    if (node->kind == YamlNode::Kind::scalar && error == std::errc() && end == last &&
        number >= bounds.least && number <= bounds.most) {
      return number;
    }
    mistakes_.add(node->place, fmt::format("expected a whole number {} … {} for '{}', found {}",
                                           bounds.least, bounds.most, key, found(*node)));
    return {};
  }

  void read_policies() {
    StepPolicy& policy = spec().policy;
    policy.timeout = read_duration(keys_, "timeout", limits::kStepTime);
    spec().cache = read_duration(keys_, "cache", limits::kStepCacheTime);
    read_retry();
    const YamlNode* const hedge = keys_.find("hedge");
    if (!hedge) return;
    std::size_t place = hedge->place;
    if (hedge->kind == YamlNode::Kind::mapping) {
      const YamlKeys keys(*hedge, "'hedge'", kHedgeKeys, mistakes_);
      policy.hedge_after = read_duration(keys, "after", limits::kStepTime);
      place = keys.place("after");
      if (!keys.find("after")) mistakes_.add(place, "'hedge' needs a time: {after: 2s}");
    } else {
      policy.hedge_after = read_duration(keys_, "hedge", limits::kStepTime);
    }
    if (policy.hedge_after && policy.timeout && *policy.hedge_after >= *policy.timeout) {
      mistakes_.add(place, fmt::format("the second request would never be made: the step's timeout "
                                       "is {}",
                                       duration_text(*policy.timeout)));
    }
  }

  void read_retry() {
    const YamlNode* const retry = keys_.find("retry");
    if (!retry) return;
    constexpr Bounds kAttempts = {.least = 1, .most = limits::kStepAttempts};
    StepPolicy& policy = spec().policy;
    if (retry->kind != YamlNode::Kind::mapping) {
      if (const auto attempts = whole(keys_, "retry", kAttempts)) {
        policy.attempts = static_cast<int>(*attempts);
      }
      return;
    }
    const YamlKeys keys(*retry, "'retry'", kRetryKeys, mistakes_);
    if (!keys.find("attempts")) {
      mistakes_.add(retry->place, "'retry' needs a number: {attempts: 3}, the first one included");
    }
    if (const auto attempts = whole(keys, "attempts", kAttempts)) {
      policy.attempts = static_cast<int>(*attempts);
    }
    if (const auto backoff = read_duration(keys, "backoff", limits::kStepTime)) {
      policy.backoff = *backoff;
    }
    if (const YamlNode* const on = keys.find("on")) read_retried(*on);
  }

  void read_retried(const YamlNode& on) {
    std::vector<base::ErrorCode> codes;
    const auto add = [&](const YamlNode& one) {
      constexpr std::array kCodes = {
          base::ErrorCode::unavailable, base::ErrorCode::deadline_exceeded,
          base::ErrorCode::resource_exhausted, base::ErrorCode::internal};
      const auto known = std::ranges::find(kCodes, one.text, &base::name);
      if (one.kind != YamlNode::Kind::scalar || known == kCodes.end()) {
        mistakes_.add(one.place, fmt::format("{} is no error that may pass when a call is "
                                             "repeated{}",
                                             found(one), near(one.text, kRetriedErrors)));
      } else if (std::ranges::find(codes, *known) == codes.end()) {
        codes.push_back(*known);
      }
    };
    if (on.kind == YamlNode::Kind::sequence) {
      for (const YamlNode& one : on.items) add(one);
    } else {
      add(on);
    }
    if (on.kind == YamlNode::Kind::sequence && on.items.empty()) {
      mistakes_.add(on.place, "expected errors for 'on', as [unavailable], found an empty list");
    }
    spec().policy.retry_on = std::move(codes);
  }

  static std::string near(std::string_view wrong, std::span<const std::string_view> names) {
    std::string text = suggestion(wrong, names);
    return text.empty() ? "; there are " + listed(names) : text;
  }

  void read_failure() {
    entry_.fallback = placed("fallback");
    const auto on_error = placed("on_error");
    if (!on_error) return;
    if (on_error->name == "skip") {
      spec().on_error = OnError::skip;
    } else if (on_error->name != "fail") {
      spec().on_error = OnError::step;
      entry_.error_step = on_error;
    }
  }

  /// Names of an expression that an element cannot have.
  static constexpr std::array<std::string_view, 8> kTaken = {"request", "steps", "index", "error",
                                                             "output",  "true",  "false", "null"};

  StepEntry& entry_;
  const YamlKeys& keys_;
  std::string_view file_;
  Mistakes& mistakes_;
};

}  // namespace

StepEntry read_step(const YamlNode::Entry& step, std::string_view file, Mistakes& mistakes) {
  StepEntry entry;
  entry.spec.name = step.key;
  entry.place = step.place;
  if (!contract::is_service_name(step.key)) {
    mistakes.add(step.place,
                 "a name of a step has 1 … 64 of the characters A-Z a-z 0-9 _ . -, found " +
                     in_quotes(step.key));
  } else if (step.key == "skip" || step.key == "fail") {
    mistakes.add(step.place, in_quotes(step.key) +
                                 " is what 'on_error' says; choose another name for the step");
  }
  if (step.value.kind != YamlNode::Kind::mapping) {
    mistakes.add(step.value.place ? step.value.place : step.place,
                 fmt::format("expected {{uses: …}} for the step {}, found {}", in_quotes(step.key),
                             found(step.value)));
    return entry;
  }
  const YamlKeys keys(step.value, "a step", kStepKeys, mistakes);
  StepReader(entry, keys, file, mistakes).read();
  return entry;
}

ValueTemplate read_template(const YamlNode& node, std::string_view file,
                            std::vector<PlacedText>& texts, Mistakes& mistakes) {
  switch (node.kind) {
    case YamlNode::Kind::null: return ValueTemplate(json::value());
    case YamlNode::Kind::scalar: {
      if (!node.quoted) {
        if (node.text == "true" || node.text == "false") {
          return ValueTemplate(json::value(node.text == "true"));
        }
        if (auto number = number_of(node.text)) return ValueTemplate(*std::move(number));
      }
      auto value = ValueTemplate::parse_text(node.text);
      if (!value) {
        mistakes.add(place_in(file, node, value.error().place), std::move(value.error().message));
        return ValueTemplate(json::value());
      }
      if (!value->expressions().empty()) texts.push_back({.value = *value, .node = &node});
      return *std::move(value);
    }
    case YamlNode::Kind::sequence: {
      std::vector<ValueTemplate> list;
      for (const YamlNode& one : node.items) {
        list.push_back(read_template(one, file, texts, mistakes));
      }
      return ValueTemplate(std::move(list));
    }
    case YamlNode::Kind::mapping: {
      std::vector<ValueTemplate::Member> object;
      for (const YamlNode::Entry& entry : node.entries) {
        object.emplace_back(entry.key, read_template(entry.value, file, texts, mistakes));
      }
      return ValueTemplate(std::move(object));
    }
  }
  OPALINE_ASSERT(false);
}

std::size_t place_in(std::string_view file, const YamlNode& scalar, std::size_t offset) {
  return ScalarPlaces(file, scalar).at(std::min(offset, scalar.text.size()));
}

std::optional<std::chrono::milliseconds> read_duration(const YamlKeys& keys, std::string_view key,
                                                       std::chrono::milliseconds most) {
  const auto text = keys.text(key);
  if (!text) return {};
  const auto duration = parse_duration(*text);
  if (!duration) {
    keys.wrong(key, fmt::format("'{}': {}", key, duration.error()));
  } else if (duration->count() <= 0 || *duration > most) {
    keys.wrong(key, fmt::format("'{}' is above 0 and at most {}, found {}", key,
                                duration_text(most), in_quotes(*text)));
  } else {
    return *duration;
  }
  return {};
}

}  // namespace opaline::flow
