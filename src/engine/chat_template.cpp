#include "engine/chat_template.hpp"

#include <common/jinja/caps.h>
#include <common/jinja/lexer.h>
#include <common/jinja/parser.h>
#include <common/jinja/runtime.h>
#include <common/json.h>
#include <llama.h>

#include <algorithm>
#include <exception>
#include <iterator>

namespace opaline::engine {
namespace {

using Messages = std::span<const std::pair<std::string, std::string>>;

std::string spelling_of(const llama_vocab* vocabulary, Token token) {
  return token == LLAMA_TOKEN_NULL ? std::string()
                                   : std::string(llama_vocab_get_text(vocabulary, token));
}

common_json to_json(Messages messages, const jinja::caps& abilities) {
  common_json list = common_json::array();
  for (const auto& [role, content] : messages) {
    common_json message = common_json::object();
    message["role"] = role;
    if (abilities.supports_string_content) {
      message["content"] = content;
    } else {
      common_json part = common_json::object({{"type", "text"}, {"text", content}});
      message["content"] = common_json::array();
      message["content"].push_back(std::move(part));
    }
    list.push_back(std::move(message));
  }
  return list;
}

}  // namespace

struct ChatTemplate::Program {
  std::string source;
  std::string begin;  // Spelling of the token that begins a text …
  std::string end;    // … and of the one that ends it.
  jinja::program statements;
  jinja::caps abilities;
};

ChatTemplate::ChatTemplate(const LoadedModel& model, std::unique_ptr<Program> program)
    : model_(model), program_(std::move(program)) {}

ChatTemplate::~ChatTemplate() = default;

base::Result<std::unique_ptr<ChatTemplate>> ChatTemplate::create(const LoadedModel& model) {
  const char* source = llama_model_chat_template(model.model(), nullptr);
  if (source == nullptr || *source == '\0') return nullptr;
  const llama_vocab* vocabulary = llama_model_get_vocab(model.model());
  try {
    auto program = std::make_unique<Program>();
    jinja::lexer lexer;
    const jinja::lexer_result lexed = lexer.tokenize(source);
    program->statements = jinja::parse_from_tokens(lexed);
    program->source = lexed.source;
    program->begin = spelling_of(vocabulary, llama_vocab_bos(vocabulary));
    program->end = spelling_of(vocabulary, llama_vocab_eos(vocabulary));
    program->abilities = jinja::caps_get(program->statements);
    return std::unique_ptr<ChatTemplate>(new ChatTemplate(model, std::move(program)));
  } catch (const std::exception& thrown) {
    return base::fail(base::ErrorCode::invalid_argument, "the chat template in " +
                                                             model.description().file.string() +
                                                             " cannot be used: " + thrown.what());
  }
}

base::Result<std::vector<Token>> ChatTemplate::render(Messages messages) const {
  std::vector<jinja::string_part> parts;
  try {
    jinja::context context(program_->source);
    // Only what users wrote is marked as input.
    common_json input = common_json::object();
    input["messages"] = to_json(messages, program_->abilities);
    jinja::global_from_json(context, input, true);
    const common_json fixed = common_json::object({{"bos_token", program_->begin},
                                                   {"eos_token", program_->end},
                                                   {"enable_thinking", false},
                                                   {"add_generation_prompt", true}});
    jinja::global_from_json(context, fixed, false);
    jinja::runtime runtime(context);
    parts =
        jinja::runtime::gather_string_parts(runtime.execute(program_->statements))->val_str.parts;
  } catch (const std::exception& thrown) {
    return base::fail(
        base::ErrorCode::invalid_argument,
        std::string("the model's chat template refuses these messages: ") + thrown.what());
  }

  const llama_vocab* vocabulary = llama_model_get_vocab(model_.model());
  using Specials = LoadedModel::Specials;
  using Spelling = LoadedModel::Spelling;
  const auto spells_special = [&](const jinja::string_part& part) {
    return part.is_input &&
           std::ranges::any_of(
               model_.tokenise(part.val, Specials::none, Spelling::token),
               [&](Token token) { return llama_vocab_is_control(vocabulary, token); });
  };
  std::vector<Token> tokens;
  if (std::ranges::none_of(parts, spells_special)) {
    // As one text, so that tokens may span the seams, as they did in training.
    std::string whole;
    for (const jinja::string_part& part : parts) whole += part.val;
    tokens = model_.tokenise(whole, Specials::none, Spelling::token);
  } else {
    for (const jinja::string_part& part : parts) {
      const auto piece = model_.tokenise(part.val, Specials::none,
                                         part.is_input ? Spelling::text : Spelling::token);
      std::ranges::copy(piece, std::back_inserter(tokens));
    }
  }
  const Token begin = llama_vocab_bos(vocabulary);
  if (llama_vocab_get_add_bos(vocabulary) && begin != LLAMA_TOKEN_NULL &&
      (tokens.empty() || tokens.front() != begin)) {
    tokens.insert(tokens.begin(), begin);
  }
  return tokens;
}

}  // namespace opaline::engine
