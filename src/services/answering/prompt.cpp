#include "services/answering/prompt.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace opaline::services {
namespace {

constexpr int kExampleAnswerTokens = 96;

std::string one_paragraph(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!space)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  return line;
}

std::string numbered(std::span<const contract::Hit> sources, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const contract::Hit& hit = sources[i];
    const std::string& path = hit.title_path.empty() ? hit.title : hit.title_path;
    text += "[" + std::to_string(i + 1) + "] ";
    if (!path.empty()) text += path + ": ";
    text += one_paragraph(base::utf8_prefix(hit.text, bytes)) + "\n";
  }
  return text;
}

std::string filled(std::string text, std::string_view placeholder, const std::string& value) {
  for (std::size_t at = text.find(placeholder); at != std::string::npos;
       at = text.find(placeholder, at + value.size())) {
    text.replace(at, placeholder.size(), value);
  }
  return text;
}

std::string examples(const std::string& declined) {
  return "Each answer is one sentence, taken from the sources, with the number of its source. When "
         "the sources do not have the "
         "answer, it is: " +
         declined +
         "\n\n"
         "Sources:\n"
         "[1] Kettle > Safety: The kettle switches off by itself when it is empty. Do not put it "
         "into water.\n"
         "[2] Kettle > Technical details: It holds 1.7 litres. The power is 2200 watts, and the "
         "cord is 75 cm long.\n"
         "Question: How much water does the kettle hold?\n"
         "Answer: The kettle holds 1.7 litres. [2]\n\n"
         "Sources:\n"
         "[1] Opening hours: The library is open from Tuesday to Saturday, from 10 to 18 o'clock.\n"
         "[2] Fees: A card costs 12 euros a year. Late books cost 20 cents a day.\n"
         "Question: Who wrote the most popular book of the library?\n"
         "Answer: " +
         declined +
         "\n\n"
         "Sources:\n"
         "[1] Fees: A card costs 12 euros a year. Late books cost 20 cents a day.\n"
         "[2] Opening hours: The library is open from Tuesday to Saturday, from 10 to 18 o'clock.\n"
         "Question: late fee\n"
         "Answer: Late books cost 20 cents a day. [1]\n\n";
}

}  // namespace

contract::ChatRequest make_prompt(contract::ChatRequest request,
                                  std::span<const contract::Hit> sources,
                                  const PromptSettings& settings) {
  const std::string question =
      one_paragraph(request.grounding ? request.grounding->question : request.question());
  const std::string context = numbered(sources, settings.source_bytes);
  request.grounding.reset();
  request.prompt.reset();

  if (!request.chat_template.empty()) {
    std::string text = filled(std::exchange(request.chat_template, {}), "{context}", context);
    text = filled(std::move(text), "{question}", question);
    request.messages.clear();
    request.messages.push_back({.role = "user", .content = text});
    if (settings.style == PromptStyle::examples) request.prompt = std::move(text);
    return request;
  }
  if (settings.style == PromptStyle::examples) {
    request.messages.clear();
    request.prompt = examples(settings.declined_text) + "Sources:\n" + context +
                     "Question: " + question + "\nAnswer:";
    if (!request.sampling.max_tokens) request.sampling.max_tokens = kExampleAnswerTokens;
    if (!request.sampling.temperature) request.sampling.temperature = 0;
    request.sampling.stop.emplace_back("\n");
    return request;
  }
  const std::string rules =
      "Answer the question from the numbered sources only, briefly. After each sentence name the "
      "source it rests on, like [1]. "
      "If the sources do not have the answer, reply exactly: " +
      settings.declined_text + "\n\nSources:\n" + context;
  request.messages.insert(request.messages.begin(), {.role = "system", .content = rules});
  return request;
}

}  // namespace opaline::services
