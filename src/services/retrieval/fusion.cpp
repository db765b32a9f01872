#include "services/retrieval/fusion.hpp"

#include <algorithm>
#include <unordered_map>

namespace opaline::services {
namespace {

// Of Cormack, Clarke and Büttcher (2009); it flattens the difference between the first places.
constexpr double kRankOffset = 60;

void sort_by_fused(std::vector<Candidate>& candidates) {
  std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
    return a.fused != b.fused ? a.fused > b.fused : a.id < b.id;
  });
}

void add_ranks(std::vector<Candidate>& candidates, std::optional<double> Candidate::* score,
               double weight) {
  std::vector<Candidate*> order;
  for (Candidate& candidate : candidates) {
    if ((candidate.*score).has_value()) order.push_back(&candidate);
  }
  std::ranges::sort(order, [&](const Candidate* a, const Candidate* b) {
    const double left = *(a->*score);
    const double right = *(b->*score);
    return left != right ? left > right : a->id < b->id;
  });
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i]->fused += weight * (kRankOffset + 1) / (kRankOffset + 1 + static_cast<double>(i));
  }
}

}  // namespace

std::vector<Candidate> merge(std::span<const Proposal> dense, std::span<const Proposal> keyword) {
  std::vector<Candidate> candidates;
  candidates.reserve(dense.size() + keyword.size());
  std::unordered_map<std::int64_t, std::size_t> place;
  for (const Proposal& proposal : dense) {
    if (!place.emplace(proposal.id, candidates.size()).second) continue;
    candidates.push_back({.id = proposal.id, .dense = proposal.score, .keyword = std::nullopt});
  }
  for (const Proposal& proposal : keyword) {
    const auto [at, added] = place.emplace(proposal.id, candidates.size());
    if (added)
      candidates.push_back({.id = proposal.id, .dense = std::nullopt, .keyword = std::nullopt});
    candidates[at->second].keyword = proposal.score;
  }
  return candidates;
}

void fuse_weighted(std::vector<Candidate>& candidates, FusionWeights weights) {
  for (Candidate& candidate : candidates) {
    const double dense = std::clamp(candidate.dense.value_or(0), 0.0, 1.0);
    const double keyword =
        weights.keyword_ceiling > 0
            ? std::clamp(candidate.keyword.value_or(0) / weights.keyword_ceiling, 0.0, 1.0)
            : 0;
    candidate.fused = weights.dense * dense + (1 - weights.dense) * keyword;
  }
  sort_by_fused(candidates);
}

void fuse_reciprocal_rank(std::vector<Candidate>& candidates, double dense_weight) {
  for (Candidate& candidate : candidates) candidate.fused = 0;
  add_ranks(candidates, &Candidate::dense, dense_weight);
  add_ranks(candidates, &Candidate::keyword, 1 - dense_weight);
  sort_by_fused(candidates);
}

}  // namespace opaline::services
