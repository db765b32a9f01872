#include "operations/evaluate/metrics.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

namespace opaline::operations {
namespace {

std::span<const std::string> first(std::span<const std::string> ranking, std::size_t k) {
  return ranking.first(std::min(k, ranking.size()));
}

double gain(const Judgements& relevant, const std::string& document) {
  const auto found = relevant.find(document);
  return found == relevant.end() ? 0 : found->second;
}

double discount(std::size_t index) { return 1 / std::log2(static_cast<double>(index) + 2); }

std::size_t relevant_count(const Judgements& relevant) {
  return static_cast<std::size_t>(
      std::ranges::count_if(relevant, [](const auto& judged) { return judged.second > 0; }));
}

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || (c & 0x80) != 0; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool contains_part(std::string_view text, std::string_view part) {
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + 1)) {
    const std::size_t end = at + part.size();
    const bool begins = at == 0 || !is_word(text[at - 1]) || !is_word(part.front());
    const bool ends = end == text.size() || !is_word(text[end]) || !is_word(part.back());
    if (begins && ends) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> distinct(std::span<const std::string> ranking) {
  std::vector<std::string> documents;
  std::set<std::string_view> seen;
  for (const std::string& document : ranking) {
    if (seen.insert(document).second) documents.push_back(document);
  }
  return documents;
}

bool hit(std::span<const std::string> ranking, const Judgements& relevant, std::size_t k) {
  return std::ranges::any_of(first(ranking, k),
                             [&](const auto& d) { return gain(relevant, d) > 0; });
}

double reciprocal_rank(std::span<const std::string> ranking, const Judgements& relevant,
                       std::size_t k) {
  const auto considered = first(ranking, k);
  for (std::size_t i = 0; i < considered.size(); ++i) {
    if (gain(relevant, considered[i]) > 0) return 1 / static_cast<double>(i + 1);
  }
  return 0;
}

double ndcg(std::span<const std::string> ranking, const Judgements& relevant, std::size_t k) {
  const auto considered = first(ranking, k);
  double gained = 0;
  for (std::size_t i = 0; i < considered.size(); ++i)
    gained += gain(relevant, considered[i]) * discount(i);
  std::vector<double> gains;
  for (const auto& [document, grade] : relevant) gains.push_back(grade);
  std::ranges::sort(gains, std::greater<>());
  double ideal = 0;
  for (std::size_t i = 0; i < std::min(k, gains.size()); ++i) ideal += gains[i] * discount(i);
  return ideal > 0 ? gained / ideal : 0;
}

double recall(std::span<const std::string> ranking, const Judgements& relevant, std::size_t k) {
  const std::size_t all = relevant_count(relevant);
  if (all == 0) return 0;
  const auto found = std::ranges::count_if(first(ranking, k),
                                           [&](const auto& d) { return gain(relevant, d) > 0; });
  return static_cast<double>(found) / static_cast<double>(all);
}

std::string comparable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const auto space = [&] {
    if (!out.empty() && out.back() != ' ') out += ' ';
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool typographic =
        text.substr(i).starts_with("\u201c") || text.substr(i).starts_with("\u201d") ||
        text.substr(i).starts_with("\u2018") || text.substr(i).starts_with("\u2019");
    if (typographic) {
      i += 2;
      space();
    } else if (text.substr(i).starts_with("\u2212")) {  // The minus sign.
      i += 2;
      out += '-';
    } else if (text.substr(i).starts_with("\u00a0")) {  // The space that does not break.
      i += 1;
      space();
    } else if (c == ',' && i > 0 && is_digit(text[i - 1]) && i + 1 < text.size() &&
               is_digit(text[i + 1])) {
      continue;
    } else if (is_word(c)) {
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (std::string_view("_-+:%").contains(c)) {
      out += c;
    } else if (c == '.' && i + 1 < text.size() && is_word(text[i + 1])) {
      out += c;  // Of a number or a name; a full stop is a space.
    } else {
      space();
    }
  }
  return std::string(trimmed(out));
}

bool contains_answer(std::string_view text, std::string_view answer) {
  const std::string haystack = comparable(text);
  bool any = false;
  while (!answer.empty()) {
    const std::size_t semicolon = answer.find(';');
    const std::string part = comparable(answer.substr(0, semicolon));
    answer.remove_prefix(semicolon == std::string_view::npos ? answer.size() : semicolon + 1);
    if (part.empty()) continue;
    if (!contains_part(haystack, part)) return false;
    any = true;
  }
  return any;
}

bool equals_answer(std::string_view text, std::string_view answer) {
  const std::string wanted = comparable(answer);
  return !wanted.empty() && comparable(text) == wanted;
}

double PrecisionRecall::precision() const {
  const std::size_t claimed = true_positives + false_positives;
  return claimed == 0 ? 1 : static_cast<double>(true_positives) / static_cast<double>(claimed);
}

double PrecisionRecall::recall() const {
  const std::size_t expected = true_positives + false_negatives;
  return expected == 0 ? 1 : static_cast<double>(true_positives) / static_cast<double>(expected);
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

}  // namespace opaline::operations
