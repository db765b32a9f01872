#include "engine/loaded_model.hpp"

#include <llama.h>

#include <exception>
#include <limits>
#include <string>
#include <utility>

#include "base/assert.hpp"
#include "base/utf8.hpp"

namespace opaline::engine {
namespace {

std::string_view noun(ModelDescription::Kind kind) {
  switch (kind) {
    case ModelDescription::Kind::encoder: return "an embedding model";
    case ModelDescription::Kind::generator: return "a language model";
    case ModelDescription::Kind::other: return "a model of another kind";
  }
  return {};
}

}  // namespace

base::Result<std::unique_ptr<LoadedModel>> LoadedModel::load(const std::filesystem::path& file,
                                                             ModelDescription::Kind kind,
                                                             Parts parts) {
  OPALINE_TRY(ModelDescription description, inspect_model(file));
  if (description.kind != kind) {
    return base::fail(base::ErrorCode::invalid_argument,
                      file.string() + " is " + std::string(noun(description.kind)) +
                          " (architecture " + description.architecture + "), and " +
                          std::string(noun(kind)) + " is needed here: see 'opaline models list'");
  }
  std::string reason = "llama.cpp does not know its architecture (" + description.architecture +
                       ") or misses a part of it";
  llama_model_params settings = llama_model_default_params();
  settings.vocab_only = parts == Parts::vocabulary;
  llama_model* model = nullptr;
  try {
    model = llama_model_load_from_file(file.c_str(), settings);
  } catch (const std::exception& thrown) {
    reason = thrown.what();
  }
  if (model == nullptr) {
    return base::fail(base::ErrorCode::invalid_argument,
                      "cannot load the model " + file.string() + ": " + reason);
  }
  std::unique_ptr<LoadedModel> loaded(new LoadedModel(model, std::move(description)));
  if (llama_vocab_type(llama_model_get_vocab(model)) == LLAMA_VOCAB_TYPE_NONE) {
    return base::fail(base::ErrorCode::invalid_argument, file.string() + " has no tokenizer");
  }
  return loaded;
}

LoadedModel::~LoadedModel() { llama_model_free(model_); }

std::vector<Token> LoadedModel::tokenise(std::string_view text, Specials specials,
                                         Spelling spelling) const {
  std::string repaired;
  if (!base::is_utf8(text)) {
    repaired = base::to_utf8(text);
    text = repaired;
  }
  OPALINE_ASSERT(text.size() < std::numeric_limits<std::int32_t>::max());
  const llama_vocab* vocabulary = llama_model_get_vocab(model_);
  const auto fill = [&](std::vector<Token>& tokens) {
    return llama_tokenize(vocabulary, text.data(), static_cast<std::int32_t>(text.size()),
                          tokens.data(), static_cast<std::int32_t>(tokens.size()),
                          specials == Specials::added, spelling == Spelling::token);
  };
  // English has about four letters a token; the exact number comes back negative when that was too
  // few.
  std::vector<Token> tokens(text.size() / 3 + 16);
  std::int32_t count = fill(tokens);
  if (count < 0) {
    tokens.resize(static_cast<std::size_t>(-count));
    count = fill(tokens);
  }
  OPALINE_ASSERT(count >= 0);
  tokens.resize(static_cast<std::size_t>(count));
  return tokens;
}

}  // namespace opaline::engine
