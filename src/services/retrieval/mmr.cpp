#include "services/retrieval/mmr.hpp"

#include <algorithm>
#include <numeric>

namespace opaline::services {
namespace {

double cosine(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(),
                            a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())),
                            b.begin(), 0.0);
}

}  // namespace

std::vector<std::size_t> maximal_marginal_relevance(std::span<const MmrCandidate> candidates,
                                                    double lambda, std::size_t count) {
  std::vector<std::size_t> picked;
  std::vector<bool> taken(candidates.size(), false);
  // The largest cosine to those picked; before the first, nothing is similar.
  std::vector<double> redundancy(candidates.size(), 0);
  while (picked.size() < std::min(count, candidates.size())) {
    std::size_t best = candidates.size();
    double best_gain = 0;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (taken[i]) continue;
      const double gain = lambda * candidates[i].relevance - (1 - lambda) * redundancy[i];
      if (best < candidates.size() && gain <= best_gain) continue;
      best = i;
      best_gain = gain;
    }
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const double likeness = cosine(candidates[i].vector, candidates[best].vector);
      redundancy[i] = picked.empty() ? likeness : std::max(redundancy[i], likeness);
    }
    taken[best] = true;
    picked.push_back(best);
  }
  return picked;
}

}  // namespace opaline::services
