// A service of one's own as a coroutine: OpenAI's chat completions, whole or streamed by words.
//   own_service PORT
#include <cstdio>
#include <cstdlib>
#include <opaline/opaline.hpp>
#include <sstream>

using opaline::Call;
using opaline::Generator;
using opaline::Json;
using opaline::JsonArray;
using opaline::Reply;
using opaline::Task;
using namespace std::chrono_literals;

namespace {

// One event a word, ten milliseconds apart. When the client leaves, this stops where it stands.
Generator<std::string> words(std::string text) {
  std::istringstream rest(text);
  for (std::string word; rest >> word;) {
    Json choice{{"delta", {{"content", word + " "}}}};
    co_yield opaline::json_event({{"choices", JsonArray{std::move(choice)}}});
    co_await opaline::sleep_for(10ms);
  }
  co_yield opaline::done_event();
}

Task<Reply> complete(Json inputs, Call call) {
  const auto* messages = inputs.is_object() ? inputs.get_object().if_contains("messages") : nullptr;
  if (messages == nullptr || !messages->is_array() || messages->get_array().empty()) {
    throw opaline::Error(opaline::ErrorCode::invalid_argument, "field 'messages' must be a list");
  }
  const std::string asked(messages->get_array().back().at("content").as_string());
  // What blocks or computes for long happens on another thread; this one serves others meanwhile.
  const std::string said = co_await opaline::on_worker([asked] { return "You said: " + asked; });

  if (call.stream()) co_return words(said);
  Json choice{{"message", {{"role", "assistant"}, {"content", said}}}};
  co_return Json{{"choices", JsonArray{std::move(choice)}}};
}

}  // namespace

int main(int count, char** arguments) try {
  if (count < 2) {
    std::fputs("usage: own_service PORT\n", stderr);
    return 2;
  }
  opaline::MicroService::serve({.name = "chatter",
                                .type = opaline::ServiceType::llm,
                                .port = static_cast<std::uint16_t>(std::atoi(arguments[1])),
                                .endpoint = "/v1/chat/completions"},
                               complete);
} catch (const opaline::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
