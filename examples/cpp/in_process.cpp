// A flow in one process, without a socket: a service that is a class, one that is a function, and
// a streamed answer.
//   in_process TEXT
#include <cctype>
#include <cstdio>
#include <opaline/opaline.hpp>

using opaline::Call;
using opaline::Json;
using opaline::MicroService;
using opaline::Reply;
using opaline::Task;

namespace {

// Remembers what it was asked, which a function could not.
class Guard final : public opaline::Service {
 public:
  explicit Guard(std::string banned) : banned_(std::move(banned)) {}

  Task<Reply> call(Json inputs, Call /*call*/) override {
    ++asked_;
    const std::string text(inputs.at("text").as_string());
    if (text.find(banned_) == std::string::npos) co_return Json{{"text", text}, {"asked", asked_}};
    // The rest of the flow is not run.
    co_return Json{{"text", "I won't talk of that."},
                   {"downstream_black_list", opaline::JsonArray{".*"}}};
  }

 private:
  std::string banned_;
  int asked_ = 0;
};

Json shout(Json inputs) {
  std::string text(inputs.at("text").as_string());
  for (char& letter : text) letter = static_cast<char>(std::toupper(letter));
  return {{"text", text}, {"asked", inputs.at("asked")}};
}

opaline::Generator<std::string> letters(Json inputs) {
  for (const char letter : inputs.at("text").as_string()) co_yield opaline::event({&letter, 1});
}

}  // namespace

int main(int count, char** arguments) try {
  opaline::set_log_level(opaline::LogLevel::warning);
  const std::string text = count > 1 ? arguments[1] : "hi";
  const auto guard = MicroService::local({.name = "guard", .type = opaline::ServiceType::guardrail},
                                         std::make_unique<Guard>("tiger"));
  const auto loud = MicroService::local({.name = "shout"}, shout);

  opaline::ServiceOrchestrator flow;
  flow.add(guard).add(loud).flow_to(guard, loud);
  for (const std::string& one : {text, std::string("a tiger")}) {
    const Json said = flow.schedule({{"text", one}}).json();
    std::printf("%s\n", boost::json::serialize(said).c_str());
  }

  const auto spelling = MicroService::local({.name = "letters"}, letters);
  Reply spelled = spelling.call({{"text", text}}, {.stream = true});
  for (const std::string& piece : spelled.stream()) std::printf("%s", piece.c_str());
} catch (const opaline::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
