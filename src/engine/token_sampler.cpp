#include "engine/token_sampler.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <set>

#include "base/assert.hpp"

namespace opaline::engine {
namespace {

constexpr std::size_t kGrammarFirst =
    64;  // A grammar mostly allows one of the likeliest; asking for all is slow.
// With top-k off, what is less likely than e^-30 of the likeliest is left out: it would be drawn
// once in 10¹³.
constexpr double kNegligible = 30;

}  // namespace

TokenSampler::TokenSampler(const SamplerSettings& settings, std::span<const Token> prompt,
                           std::unique_ptr<AnswerGrammar> grammar)
    : settings_(settings), grammar_(std::move(grammar)), random_(settings.seed) {
  if (settings_.repetition_penalty != 1.0) {
    const std::set<Token> distinct(prompt.begin(), prompt.end());
    prompt_tokens_.assign(distinct.begin(), distinct.end());
  }
}

std::optional<Token> TokenSampler::sample(std::span<float> logits) {
  OPALINE_ASSERT(!logits.empty());
  penalise(logits);
  const bool greedy = settings_.temperature <= 0;
  const std::size_t count = greedy                ? 1
                            : settings_.top_k > 0 ? static_cast<std::size_t>(settings_.top_k)
                                                  : logits.size();
  std::vector<Candidate> candidates = likeliest(logits, count);
  Token token = draw(candidates);
  // Most of the time the model keeps to the grammar by itself.
  if (grammar_ && !grammar_->allows(std::span(&token, 1)).front()) {
    candidates = allowed(logits);
    if (candidates.empty()) return std::nullopt;
    if (candidates.size() > count) candidates.resize(count);
    token = draw(candidates);
  }
  if (grammar_ && !grammar_->accept(token)) return std::nullopt;
  ++answer_counts_[token];
  return token;
}

void TokenSampler::penalise(std::span<float> logits) const {
  if (settings_.repetition_penalty != 1.0) {
    const auto penalty = static_cast<float>(settings_.repetition_penalty);
    const auto apply = [&](Token token) {
      float& logit = logits[static_cast<std::size_t>(token)];
      logit = logit > 0 ? logit / penalty : logit * penalty;
    };
    for (const Token token : prompt_tokens_) apply(token);
    for (const auto& [token, times] : answer_counts_) {
      if (!std::ranges::binary_search(prompt_tokens_, token)) apply(token);
    }
  }
  if (settings_.frequency_penalty == 0 && settings_.presence_penalty == 0) return;
  for (const auto& [token, times] : answer_counts_) {
    logits[static_cast<std::size_t>(token)] -=
        static_cast<float>(settings_.frequency_penalty * times + settings_.presence_penalty);
  }
}

/// Likeliest first; equal ones by token, so that the order does not depend on the algorithm.
std::vector<TokenSampler::Candidate> TokenSampler::likeliest(std::span<const float> logits,
                                                             std::size_t count) const {
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  };
  std::vector<Candidate> found;
  if (count >= logits.size()) {
    const float highest = *std::ranges::max_element(logits);
    const auto least =
        highest - static_cast<float>(kNegligible * std::max(settings_.temperature, 1e-6));
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (logits[i] >= least) found.push_back({logits[i], static_cast<Token>(i)});
    }
    std::ranges::sort(found, better);
  } else {
    // A heap of the best so far with the worst of them on top: almost every token fails the first
    // comparison.
    found.reserve(count + 1);
    float worst = -std::numeric_limits<float>::infinity();
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (found.size() == count && !(logits[i] > worst)) continue;
      found.push_back({logits[i], static_cast<Token>(i)});
      std::ranges::push_heap(found, better);
      if (found.size() > count) {
        std::ranges::pop_heap(found, better);
        found.pop_back();
      }
      if (found.size() == count) worst = found.front().logit;
    }
    std::ranges::sort(found, better);
  }
  // Only when every logit is NaN.
  if (found.empty()) found.push_back({0, 0});
  return found;
}

/// @param candidates likeliest first.
Token TokenSampler::draw(std::span<const Candidate> candidates) {
  if (settings_.temperature <= 0 || candidates.size() == 1) return candidates.front().token;
  std::vector<double> weights;
  weights.reserve(candidates.size());
  double sum = 0;
  for (const Candidate& candidate : candidates) {
    weights.push_back(
        std::exp((candidate.logit - candidates.front().logit) / settings_.temperature));
    sum += weights.back();
  }
  if (settings_.top_p < 1) {
    double kept = 0;
    std::size_t count = 0;
    while (count < weights.size() && (count == 0 || kept < settings_.top_p * sum))
      kept += weights[count++];
    weights.resize(count);
    sum = kept;
  }
  // 53 random bits; the distributions of the standard library differ from one to the next.
  double left = static_cast<double>(random_() >> 11) * 0x1.0p-53 * sum;
  for (std::size_t i = 0; i + 1 < weights.size(); ++i) {
    left -= weights[i];
    if (left < 0) return candidates[i].token;
  }
  return candidates[weights.size() - 1].token;
}

/// The tokens that the grammar allows, likeliest first.
std::vector<TokenSampler::Candidate> TokenSampler::allowed(std::span<const float> logits) const {
  const auto keep_allowed = [&](std::vector<Candidate> candidates) {
    std::vector<Token> tokens;
    for (const Candidate& candidate : candidates) tokens.push_back(candidate.token);
    const std::vector<bool> flags = grammar_->allows(tokens);
    std::size_t i = 0;
    std::erase_if(candidates, [&](const Candidate&) { return !flags[i++]; });
    return candidates;
  };
  std::vector<Candidate> first =
      keep_allowed(likeliest(logits, std::min(kGrammarFirst, logits.size() - 1)));
  if (!first.empty()) return first;
  std::vector<Candidate> all;
  for (std::size_t i = 0; i < logits.size(); ++i) all.push_back({logits[i], static_cast<Token>(i)});
  all = keep_allowed(std::move(all));
  std::ranges::sort(all, [](const Candidate& a, const Candidate& b) { return a.logit > b.logit; });
  return all;
}

}  // namespace opaline::engine
