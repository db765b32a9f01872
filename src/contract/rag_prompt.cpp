#include "contract/rag_prompt.hpp"

#include <optional>

namespace opaline::contract {
namespace {

// The parts stand in the order that OPEA's ChatQnA uses, so that models tuned to such prompts feel
// at home.
constexpr std::string_view kTemplate =
    "\n### Answer the question from the search results below, in your own words and briefly. "
    "Leave out what does not belong to the question. "
    "If the search results do not contain the answer, say that they do not. \n\n"
    "### Search results: {context} \n\n"
    "### Question: {question} \n\n"
    "### Answer:\n";

std::string joined(const std::vector<Hit>& sources) {
  std::string text;
  for (const Hit& source : sources) {
    text += source.text;
    text += '\n';
  }
  if (!text.empty()) text.pop_back();
  return text;
}

/// Fills a template of the form that LangChain's f-strings have: {name}, and {{ }} for braces.
/// Nothing when it has other names than the two, lacks {question}, or has a brace without its other
/// half.
std::optional<std::string> filled(std::string_view pattern, std::string_view context,
                                  std::string_view question) {
  std::string text;
  bool asked = false;
  while (!pattern.empty()) {
    const std::size_t brace = pattern.find_first_of("{}");
    text += pattern.substr(0, brace);
    if (brace == std::string_view::npos) break;
    pattern.remove_prefix(brace);
    if (pattern.starts_with("{{") || pattern.starts_with("}}")) {
      text += pattern.front();
      pattern.remove_prefix(2);
    } else if (pattern.starts_with("{context}")) {
      text += context;
      pattern.remove_prefix(std::string_view("{context}").size());
    } else if (pattern.starts_with("{question}")) {
      text += question;
      asked = true;
      pattern.remove_prefix(std::string_view("{question}").size());
    } else {
      return {};
    }
  }
  if (!asked) return {};
  return text;
}

}  // namespace

std::string rag_prompt(const Grounding& grounding, std::string_view chat_template) {
  const std::string context = joined(grounding.sources);
  if (auto text = filled(chat_template, context, grounding.question)) return std::move(*text);
  return *filled(kTemplate, context, grounding.question);
}

}  // namespace opaline::contract
