#include "engine/answer_grammar.hpp"

#include <gtest/gtest.h>

#include "engine/engine_fixture.hpp"
#include "engine/tiny_llama.hpp"

namespace opaline::engine {
namespace {

class AnswerGrammarTest : public BackendFixture {
 protected:
  AnswerGrammarTest() {
    write_file(folder_.path() / "tiny.gguf", TinyLlama().bytes());
    auto loaded =
        LoadedModel::load(folder_.path() / "tiny.gguf", ModelDescription::Kind::generator);
    EXPECT_TRUE(loaded);
    model_ = std::move(*loaded);
  }

  TemporaryFolder folder_;
  std::unique_ptr<LoadedModel> model_;
};

TEST_F(AnswerGrammarTest, AllowsWhatTheSchemaAllows) {
  const auto grammar = AnswerGrammar::compile(*model_, R"({"enum":["red","green"]})");
  ASSERT_TRUE(grammar) << grammar.error().message;
  const Token quote = TinyLlama::token("\"");
  const Token red = TinyLlama::token("red");
  const Token end = 2;
  EXPECT_EQ((*grammar)->allows(std::vector<Token>{quote, red, end}),
            (std::vector<bool>{true, false, false}));
  EXPECT_TRUE((*grammar)->accept(quote));
  EXPECT_EQ((*grammar)->allows(std::vector<Token>{quote, red, end}),
            (std::vector<bool>{false, true, false}));
  EXPECT_TRUE((*grammar)->accept(red));
  EXPECT_TRUE((*grammar)->accept(quote));
  EXPECT_TRUE((*grammar)->allows(std::vector<Token>{end}).front());
  EXPECT_FALSE((*grammar)->accept(red));
  EXPECT_EQ((*grammar)->allows(std::vector<Token>{quote, end}), (std::vector<bool>{false, false}));
  EXPECT_FALSE((*grammar)->accept(quote));
}

TEST_F(AnswerGrammarTest, RefusesWhatItCannotFollow) {
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += R"({"items":)";
  const std::vector<std::string> schemas = {
      "",
      "x",
      "[]",
      "42",
      "\"string\"",
      "{",
      deep,
      R"({"type":"nonsense"})",
      R"({"$ref":"#/definitions/missing"})",
      R"({"$ref":"https://example.com/schema"})",
      R"({"type":"string","pattern":")" + std::string(10'000, '(') + "\"}",
      R"({"type":"array","items":{"type":"string"},"minItems":1000000000})",
      R"({"type":"string","maxLength":1000000000,"minLength":1000000000})",
      R"({"description":")" + std::string(70'000, 'x') + "\"}",
  };
  for (const std::string& schema : schemas) {
    const auto grammar = AnswerGrammar::compile(*model_, schema);
    ASSERT_FALSE(grammar) << schema.substr(0, 80);
    EXPECT_EQ(grammar.error().code, base::ErrorCode::invalid_argument) << grammar.error().message;
  }
}

TEST_F(AnswerGrammarTest, SurvivesSchemasThatMatchNothingOrThemselves) {
  for (const char* schema : {R"({"enum":[]})", R"({"anyOf":[]})", R"({"not":{}})",
                             R"({"allOf":[{"type":"string"},{"type":"number"}]})",
                             R"({"$ref":"#"})", R"({"type":"array","items":{"$ref":"#"}})",
                             R"({"properties":{"a":{"$ref":"#/properties/a"}},"required":["a"]})",
                             R"({"const":null})", "{}"}) {
    const auto grammar = AnswerGrammar::compile(*model_, schema);
    if (!grammar) {
      EXPECT_EQ(grammar.error().code, base::ErrorCode::invalid_argument) << schema;
      continue;
    }
    std::vector<Token> all(270);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<Token>(i);
    static_cast<void>((*grammar)->allows(all));
    static_cast<void>((*grammar)->accept(TinyLlama::token("{")));
  }
}

}  // namespace
}  // namespace opaline::engine
