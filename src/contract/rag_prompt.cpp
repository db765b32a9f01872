#include "contract/rag_prompt.hpp"

#include <optional>

#include "base/utf8.hpp"

namespace opaline::contract {
namespace {

// The parts stand in the order that OPEA's ChatQnA uses, so that models tuned to such prompts feel
// at home.
constexpr std::string_view kEnglish =
    "\n### Answer the question from the search results below, in your own words and briefly. "
    "Leave out what does not belong to the question. "
    "If the search results do not contain the answer, say that they do not. \n\n"
    "### Search results: {context} \n\n"
    "### Question: {question} \n\n"
    "### Answer:\n";
constexpr std::string_view kChinese =
    "\n### 请根据下面的搜索结果，用自己的话简要回答问题，不要写与问题无关的内容。"
    "如果搜索结果中没有答案，请直接说明没有。 \n\n"
    "### 搜索结果：{context} \n\n"
    "### 问题：{question} \n\n"
    "### 回答：\n";
constexpr double kChineseShare = 0.3;  // As OPEA's ChatTemplate has it.

/// Whether at least kChineseShare of the characters are ideographs (U+4E00 … U+9FFF).
bool is_chinese(std::string_view text) {
  std::size_t ideographs = 0;
  std::size_t characters = 0;
  for (std::size_t at = 0; at < text.size(); ++characters) {
    const std::size_t length = base::utf8_sequence(text.substr(at));
    // In UTF-8 the order of bytes is that of characters.
    const std::string_view character = text.substr(at, length);
    if (length == 3 && character >= "\u4E00" && character <= "\u9FFF") ++ideographs;
    at += length == 0 ? 1 : length;
  }
  return characters > 0 &&
         static_cast<double>(ideographs) >= kChineseShare * static_cast<double>(characters);
}

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
  return *filled(is_chinese(context) ? kChinese : kEnglish, context, grounding.question);
}

}  // namespace opaline::contract
