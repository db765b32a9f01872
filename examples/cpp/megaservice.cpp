// A megaservice of two services that run elsewhere, fitted to one another by hooks.
//   megaservice EMBEDDING_PORT LLM_PORT [PORT]
#include <cstdio>
#include <cstdlib>
#include <opaline/opaline.hpp>

using opaline::Json;
using opaline::MicroService;
using opaline::ServiceType;
using opaline::StepSite;

namespace {

std::uint16_t port(const char* text) { return static_cast<std::uint16_t>(std::atoi(text)); }

// What each step is sent: OpenAI's forms, whatever the step before it said.
Json fit_inputs(Json inputs, const StepSite& site) {
  if (site.type() == ServiceType::embedding) return {{"input", inputs.at("text")}};
  const std::size_t numbers = inputs.at("embedding").as_array().size();
  Json message{{"role", "user"}, {"content", "a vector of " + std::to_string(numbers)}};
  inputs = {{"messages", opaline::JsonArray{std::move(message)}}};
  return inputs;
}

// What the others see of an answer.
Json fit_outputs(Json output, const Json& /*inputs*/, const StepSite& site) {
  if (site.type() == ServiceType::embedding) {
    return {{"embedding", output.at("data").at(0).at("embedding")}};
  }
  return {{"text", output.at("choices").at(0).at("message").at("content")}};
}

}  // namespace

int main(int count, char** arguments) try {
  if (count < 3) {
    std::fputs("usage: megaservice EMBEDDING_PORT LLM_PORT [PORT]\n", stderr);
    return 2;
  }
  const auto embedding = MicroService::remote({.name = "embedding",
                                               .type = ServiceType::embedding,
                                               .port = port(arguments[1]),
                                               .endpoint = "/v1/embeddings"});
  const auto llm = MicroService::remote({.name = "llm",
                                         .type = ServiceType::llm,
                                         .port = port(arguments[2]),
                                         .endpoint = "/v1/chat/completions"});

  opaline::ServiceOrchestrator flow;
  flow.add(embedding).add(llm).flow_to(embedding, llm);
  flow.align_inputs(fit_inputs).align_outputs(fit_outputs);

  // Asked here …
  const Json said = flow.schedule({{"text", "hi"}}, {.max_tokens = 17}).json();
  std::printf("%s\n", boost::json::serialize(said).c_str());
  std::fflush(stdout);

  // … and by others, until Ctrl-C.
  if (count > 3) {
    flow.serve({.name = "example", .port = port(arguments[3]), .endpoint = "/v1/example"});
  }
} catch (const opaline::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
