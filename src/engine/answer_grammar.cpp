#include "engine/answer_grammar.hpp"

#include <common/json-schema-to-grammar.h>
#include <llama.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <cstddef>
#include <exception>
#include <string_view>
#include <utility>

#include "base/limits.hpp"

namespace opaline::engine {
namespace {

namespace json = boost::json;

// Patterns are parsed recursively by llama.cpp, and rules are expanded: both are bounded here.
constexpr std::size_t kSchemaBytesMax = 64 * 1024;
constexpr std::size_t kPatternBytesMax = 512;
constexpr std::size_t kGrammarBytesMax = 1024 * 1024;

std::unexpected<base::Error> wrong(std::string why) {
  return base::fail(base::ErrorCode::invalid_argument,
                    "the JSON schema cannot be followed: " + std::move(why));
}

bool has_long_pattern(const json::value& value) {
  if (value.is_array()) {
    for (const json::value& item : value.get_array()) {
      if (has_long_pattern(item)) return true;
    }
  }
  if (!value.is_object()) return false;
  for (const auto& [key, item] : value.get_object()) {
    if (key == "pattern" && item.is_string() && item.get_string().size() > kPatternBytesMax)
      return true;
    if (has_long_pattern(item)) return true;
  }
  return false;
}

base::Result<std::string> grammar_of(const std::string& schema) {
  if (schema.size() > kSchemaBytesMax) {
    return wrong("it has " + std::to_string(schema.size()) + " bytes; at most " +
                 std::to_string(kSchemaBytesMax));
  }
  json::error_code error;
  json::parse_options options;
  options.max_depth = limits::kJsonDepth;
  const json::value value = json::parse(schema, error, {}, options);
  if (error) return wrong("it is not JSON, or nested too deeply (" + error.message() + ")");
  if (!value.is_object()) return wrong("it is not a JSON object");
  if (has_long_pattern(value))
    return wrong("a pattern is longer than " + std::to_string(kPatternBytesMax) + " bytes");
  std::string grammar;
  try {
    grammar = json_schema_to_grammar(common_json::parse(schema), true);
  } catch (const std::exception& thrown) {
    return wrong(thrown.what());
  }
  if (grammar.size() > kGrammarBytesMax) return wrong("its rules are too many");
  return grammar;
}

}  // namespace

base::Result<std::unique_ptr<AnswerGrammar>> AnswerGrammar::compile(
    const LoadedModel& model, const std::string& json_schema) {
  OPALINE_TRY(const std::string grammar, grammar_of(json_schema));
  llama_sampler* rules = nullptr;
  try {
    rules =
        llama_sampler_init_grammar(llama_model_get_vocab(model.model()), grammar.c_str(), "root");
  } catch (const std::exception& thrown) {
    return wrong(thrown.what());
  }
  if (rules == nullptr)
    return wrong("its rules are too complex or refer to themselves without end");
  return std::unique_ptr<AnswerGrammar>(new AnswerGrammar(rules));
}

AnswerGrammar::~AnswerGrammar() { llama_sampler_free(rules_); }

std::vector<bool> AnswerGrammar::allows(std::span<const Token> tokens) const {
  std::vector<bool> allowed(tokens.size());
  if (broken_) return allowed;
  std::vector<llama_token_data> candidates;
  candidates.reserve(tokens.size());
  for (const Token token : tokens) candidates.push_back({token, 0, 0});
  llama_token_data_array array{candidates.data(), candidates.size(), -1, false};
  llama_sampler_apply(rules_, &array);
  for (std::size_t i = 0; i < tokens.size(); ++i) allowed[i] = !std::isinf(array.data[i].logit);
  return allowed;
}

bool AnswerGrammar::accept(Token token) {
  if (broken_) return false;
  try {
    llama_sampler_accept(rules_, token);
  } catch (const std::exception&) {
    broken_ = true;
  }
  return !broken_;
}

}  // namespace opaline::engine
