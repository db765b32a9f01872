#include "contract/chat_json.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "base/limits.hpp"

namespace opaline::contract {
namespace {

namespace json = boost::json;
using Style = ChatForm::Style;

ChatCall read(std::string_view body) {
  auto call = read_chat_request(body, {});
  EXPECT_TRUE(call) << body << " → " << (call ? "" : call.error().message);
  return call ? std::move(*call) : ChatCall();
}

TEST(ChatJson, ReadsOpenAisRequest) {
  const ChatRequest request =
      read(R"({"model":"m","messages":[{"role":"developer","content":"Be brief."},
      {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
      {"role":"assistant","content":null,"tool_calls":[]},{"role":"tool","content":"t","tool_call_id":"1"}],
      "max_completion_tokens":5,"temperature":0,"top_p":0.5,"frequency_penalty":-1,"presence_penalty":1,"seed":-3,
      "stop":"END","stream":true,"stream_options":{"include_usage":true},"n":1,"user":"u","logprobs":null,
      "tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto"})")
          .request;
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.messages,
            (std::vector<ChatMessage>{
                {"system", "Be brief."}, {"user", "a\nb"}, {"assistant", ""}, {"tool", "t"}}));
  EXPECT_EQ(request.sampling.max_tokens, 5);
  EXPECT_EQ(request.sampling.temperature, 0.0);
  EXPECT_EQ(request.sampling.top_p, 0.5);
  EXPECT_EQ(request.sampling.frequency_penalty, -1.0);
  EXPECT_EQ(request.sampling.presence_penalty, 1.0);
  EXPECT_EQ(request.sampling.seed, static_cast<std::uint64_t>(-3));
  EXPECT_EQ(request.sampling.stop, std::vector<std::string>{"END"});
  EXPECT_TRUE(request.stream);
  EXPECT_TRUE(request.stream_usage);
  EXPECT_FALSE(request.grounding);
  EXPECT_FALSE(request.explicit_k);
}

TEST(ChatJson, ReadsOpeasExtrasAndLaxTypes) {
  const ChatRequest request =
      read(R"({"messages":"What?","stream":"False","max_tokens":"17","temperature":"0.01",
      "top_k":"10","top_p":"0.95","repetition_penalty":1.03,"k":"7","top_n":2,"search_type":"mmr","score_threshold":0.3,
      "lambda_mult":0.1,"fetch_k":50,"distance_threshold":0.4,"index_name":"docs","filter":{"a":1},
      "chat_template":"{question}","language":"auto","unknown":{"deep":[1]}})")
          .request;
  EXPECT_EQ(request.question(), "What?");
  EXPECT_FALSE(request.stream);
  EXPECT_EQ(request.sampling.max_tokens, 17);
  EXPECT_EQ(request.sampling.top_k, 10);
  EXPECT_EQ(request.sampling.repetition_penalty, 1.03);
  EXPECT_EQ(request.search.k, 7);
  EXPECT_TRUE(request.explicit_k);
  EXPECT_EQ(request.top_n, 2);
  EXPECT_TRUE(request.explicit_top_n);
  EXPECT_EQ(request.search.type, SearchParameters::Type::mmr);
  EXPECT_EQ(request.search.collection, "docs");
  EXPECT_EQ(request.search.filter.at("a"), 1);
  EXPECT_EQ(request.search.fetch_k, 50);
  EXPECT_EQ(request.search.distance_threshold, 0.4);
  EXPECT_EQ(request.chat_template, "{question}");
}

TEST(ChatJson, ChoosesTheStyleAsOpeaDoes) {
  const std::vector<std::pair<std::string, Style>> table = {
      {R"({"messages":[{"role":"user","content":"q"}]})", Style::chat},
      {R"({"messages":"q"})", Style::text},
      {R"({"query":"q"})", Style::parameters},
      {R"({"query":"q","messages":"m"})", Style::parameters},
      {R"({"initial_query":"q","retrieved_docs":[]})", Style::searched},
      {R"({"prompt":"p"})", Style::completion},
      {R"({"prompt":["p"]})", Style::completion},
  };
  for (const auto& [body, style] : table) EXPECT_EQ(read(body).form.style, style) << body;
}

TEST(ChatJson, StreamsByDefaultWhereOpeaDoes) {
  EXPECT_FALSE(read(R"({"messages":"q"})").request.stream);
  EXPECT_TRUE(read(R"({"query":"q"})").request.stream);
  EXPECT_TRUE(read(R"({"initial_query":"q","retrieved_docs":[]})").request.stream);
  EXPECT_FALSE(read(R"({"query":"q","stream":false})").request.stream);
  EXPECT_TRUE(read_chat_request(R"({"messages":"q"})", {.stream = true})->request.stream);
  EXPECT_FALSE(
      read_chat_request(R"({"messages":"q","stream":false})", {.stream = true})->request.stream);
  EXPECT_TRUE(read(R"({"messages":"q","stream":null})").form.stream_given == false);
}

TEST(ChatJson, GroundsOnTheDocumentsThatCameAlong) {
  const ChatRequest parameters = read(R"({"query":"q","documents":["a",{"text":"b"}]})").request;
  ASSERT_TRUE(parameters.grounding);
  EXPECT_EQ(parameters.grounding->question, "q");
  EXPECT_EQ(parameters.grounding->sources.at(1).text, "b");
  EXPECT_FALSE(read(R"({"query":"q","documents":[]})").request.grounding);
  const ChatRequest nothing = read(R"({"initial_query":"q","retrieved_docs":[]})").request;
  ASSERT_TRUE(nothing.grounding) << "retrieval was asked and found nothing";
  EXPECT_TRUE(nothing.grounding->sources.empty());
  const ChatRequest chat =
      read(R"({"messages":"q","retrieved_docs":[{"text":"a"}],"reranked_docs":[{"text":"b"}]})")
          .request;
  EXPECT_EQ(chat.grounding->sources.at(0).text, "b");
}

TEST(ChatJson, ReadsResponseFormats) {
  EXPECT_EQ(read(R"({"messages":"q","response_format":{"type":"json_object"}})")
                .request.sampling.json_schema,
            json::object());
  EXPECT_EQ(
      read(R"({"messages":"q","response_format":{"type":"text"}})").request.sampling.json_schema,
      std::nullopt);
  const auto schema = read(R"({"messages":"q","response_format":{"type":"json_schema",
      "json_schema":{"name":"n","schema":{"type":"object"}}}})")
                          .request.sampling.json_schema;
  EXPECT_EQ(schema->at("type"), "object");
}

TEST(ChatJson, CompletionsKeepOpenAisShortDefault) {
  EXPECT_EQ(read(R"({"prompt":"p"})").request.sampling.max_tokens, 16);
  EXPECT_EQ(read(R"({"prompt":"p","max_tokens":3})").request.sampling.max_tokens, 3);
  EXPECT_EQ(read(R"({"messages":"q"})").request.sampling.max_tokens, std::nullopt);
}

TEST(ChatJson, RefusesWrongFields) {
  std::string crowd = R"({"messages":[)";
  for (std::size_t i = 0; i <= limits::kMessages; ++i)
    crowd += std::string(i == 0 ? "" : ",") + R"({"role":"user","content":""})";
  crowd += "]}";
  const std::string ask = R"({"messages":"q",)";
  const std::vector<std::pair<std::string, std::string>> table = {
      {"{}", R"(field 'messages' is required: a list of {"role", "content"})"},
      {R"({"messages":7})", "field 'messages' must be a string or a list of messages, got 7"},
      {R"({"messages":[]})", "field 'messages' must hold at least one message"},
      {crowd, "field 'messages' holds 257 messages; at most 256 are allowed"},
      {R"({"messages":["x"]})",
       R"(field 'messages[0]' must be an object with "role" and "content", got "x")"},
      {R"({"messages":[{"role":"boss","content":"x"}]})",
       "field 'messages[0].role' must be system, user, assistant or tool, got \"boss\""},
      {R"({"messages":[{"role":1,"content":"x"}]})",
       "field 'messages[0].role' must be a string, got 1"},
      {R"({"messages":[{"role":"user"}]})", "field 'messages[0].content' is required"},
      {R"({"messages":[{"role":"user","content":5}]})",
       "field 'messages[0].content' must be a string or a list of parts, got 5"},
      {R"({"messages":[{"role":"user","content":["x"]}]})",
       "field 'messages[0].content[0]' must be an object with a \"type\", got \"x\""},
      {R"({"messages":[{"role":"user","content":[{"type":"text"}]}]})",
       "field 'messages[0].content[0].text' is required"},
      {R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}}]}]})",
       "field 'messages[0].content[0]' is a part of type \"image_url\"; this service takes text "
       "only: send parts of type "
       "\"text\""},
      {R"({"prompt":[1,2]})",
       "field 'prompt' holds token ids; send text, the model has its own tokenizer"},
      {R"({"prompt":["a","b"]})", "field 'prompt' must be one text; send one request for each"},
      {R"({"query":5})", "field 'query' must be a string, got 5"},
      {R"({"query":"q","documents":"d"})", "field 'documents' must be a list, got \"d\""},
      {R"({"query":"q","documents":[1]})",
       "field 'documents[0]' must be a string or an object with a \"text\", got 1"},
      {ask + R"("model":[]})", "field 'model' must be a string, got an array"},
      {ask + R"("stream":"perhaps"})", "field 'stream' must be true or false, got \"perhaps\""},
      {ask + R"("stream_options":{"include_usage":5}})",
       "field 'stream_options.include_usage' must be true or false, got 5"},
      {ask + R"("max_tokens":0})",
       "field 'max_tokens' must be an integer between 1 and 4096, got 0"},
      {ask + R"("max_tokens":99999})",
       "field 'max_tokens' must be an integer between 1 and 4096, got 99999"},
      {ask + R"("temperature":3})", "field 'temperature' must be a number between 0 and 2, got 3"},
      {ask + R"("top_p":"abc"})", "field 'top_p' must be a number between 0 and 1, got \"abc\""},
      {ask + R"("top_k":1.5})", "field 'top_k' must be an integer between -1 and 1000000, got 1.5"},
      {ask + R"("frequency_penalty":9})",
       "field 'frequency_penalty' must be a number between -2 and 2, got 9"},
      {ask + R"("presence_penalty":{}})",
       "field 'presence_penalty' must be a number between -2 and 2, got an object"},
      {ask + R"("repetition_penalty":0})",
       "field 'repetition_penalty' must be a number between 0.01 and 10, got 0"},
      {ask + R"("seed":"x"})", "field 'seed' must be an integer, got \"x\""},
      {ask + R"("stop":[1]})", "field 'stop[0]' must be a string, got 1"},
      {ask + R"("stop":")" + std::string(257, 'x') + "\"}",
       "field 'stop' must hold strings of at most 256 bytes"},
      {ask +
           R"("stop":["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17"]})",
       "field 'stop' must hold at most 16 strings"},
      {ask + R"("response_format":"json"})",
       "field 'response_format' must be an object, got \"json\""},
      {ask + R"("response_format":{"type":"xml"}})",
       "field 'response_format.type' must be \"text\", \"json_object\" or \"json_schema\", got "
       "\"xml\""},
      {ask + R"("response_format":{"type":"json_schema"}})",
       "field 'response_format.json_schema.schema' is required: a JSON schema"},
      {ask + R"("n":2})", "field 'n' must be 1: one answer a request"},
      {ask + R"("tool_choice":"required"})",
       "field 'tool_choice' must be \"none\" or \"auto\": this service calls no tools"},
      {ask + R"("k":-1})", "field 'k' must be an integer between 0 and 1000, got -1"},
      {ask + R"("top_n":"many"})",
       "field 'top_n' must be an integer between 0 and 1000, got \"many\""},
      {ask + R"("chat_template":1})", "field 'chat_template' must be a string, got 1"},
      {ask + R"("grounding":{"sources":[4]}})",
       "field 'grounding.sources[0]' must be a string or an object with a \"text\", got 4"},
  };
  for (const auto& [body, says] : table) {
    const auto call = read_chat_request(body, {});
    ASSERT_FALSE(call) << body;
    EXPECT_EQ(call.error().message, says) << body;
    EXPECT_EQ(call.error().code, base::ErrorCode::invalid_argument);
  }
}

TEST(ChatJson, SendsOpeasBodyWhenGrounded) {
  ChatRequest request;
  request.messages = {{"user", "Who?"}};
  request.model = "m";
  request.grounding = Grounding{.question = "Who?", .sources = {}};
  request.grounding->sources.emplace_back().text = "Ada.";
  request.chat_template = "{context}|{question}";
  request.stream = true;
  EXPECT_EQ(
      write_chat_request(request, ChatPeer::openai),
      R"({"model":"m","messages":[{"role":"user","content":"Ada.|Who?"}],"max_tokens":1024,"top_p":0.95,)"
      R"("stream":true,"frequency_penalty":0,"temperature":0.01})");
}

TEST(ChatJson, SendsOnlyWhatWasSet) {
  ChatRequest request;
  request.messages = {{"system", "s"}, {"user", "u"}};
  EXPECT_EQ(
      write_chat_request(request, ChatPeer::openai),
      R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}],"stream":false})");
  request.prompt = "p";
  request.sampling.stop = {"x"};
  request.sampling.seed = 3;
  request.sampling.json_schema = json::object();
  EXPECT_EQ(
      write_chat_request(request, ChatPeer::openai),
      R"({"prompt":"p","stream":false,"seed":3,"stop":["x"],"response_format":{"type":"json_object"}})");
}

TEST(ChatJson, LosesNothingBetweenOurOwn) {
  ChatRequest request;
  request.messages = {{"system", "s"}, {"user", "u"}};
  request.model = "m";
  request.stream = true;
  request.stream_usage = true;
  request.sampling = {.max_tokens = 9,
                      .temperature = 0.5,
                      .top_p = 0.25,
                      .top_k = 3,
                      .frequency_penalty = 0.5,
                      .presence_penalty = -0.5,
                      .repetition_penalty = 1.5,
                      .seed = 18446744073709551615U,
                      .stop = {"a", "b"},
                      .json_schema = json::parse(R"({"type":"array"})").as_object()};
  request.chat_template = "{question}";
  request.grounding = Grounding{.question = "other", .sources = {}};
  Hit& hit = request.grounding->sources.emplace_back();
  hit.id = "1";
  hit.text = "t";
  hit.source = "s.md";
  hit.scores.fused = 0.5;
  hit.metadata["k"] = 1;
  const ChatRequest back = read(write_chat_request(request, ChatPeer::opaline)).request;
  EXPECT_EQ(back.messages, request.messages);
  EXPECT_EQ(back.model, "m");
  EXPECT_TRUE(back.stream && back.stream_usage);
  EXPECT_EQ(back.sampling.max_tokens, 9);
  EXPECT_EQ(back.sampling.top_k, 3);
  EXPECT_EQ(back.sampling.seed, request.sampling.seed);
  EXPECT_EQ(back.sampling.stop, request.sampling.stop);
  EXPECT_EQ(back.sampling.json_schema, request.sampling.json_schema);
  EXPECT_EQ(back.sampling.repetition_penalty, 1.5);
  EXPECT_EQ(back.chat_template, request.chat_template);
  EXPECT_EQ(back.grounding->question, "other");
  EXPECT_EQ(back.grounding->sources, request.grounding->sources);
}

}  // namespace
}  // namespace opaline::contract
