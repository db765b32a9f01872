#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "contract/retrieval.hpp"
#include "services/retrieval/fusion.hpp"
#include "store/store.hpp"

namespace opaline::services {

/// One search over a store, step by step. Blocks; made for one question on a worker thread.
class Search {
 public:
  struct Settings {
    std::size_t candidates = 100;
    double dense_weight = 0.55;
  };

  /// @param request: validated; its embedding is empty only in keyword mode. Both must outlive the
  /// search.
  Search(const store::Store& store, const contract::RetrievalRequest& request, Settings settings);

  /// The hits, best first. @error those of the store.
  [[nodiscard]] base::Result<std::vector<contract::Hit>> hits();

 private:
  [[nodiscard]] base::Result<std::vector<Candidate>> candidates() const;
  [[nodiscard]] base::Result<void> fill_dense(std::vector<Candidate>& candidates) const;
  [[nodiscard]] base::Result<void> fuse(std::vector<Candidate>& candidates) const;
  [[nodiscard]] base::Result<double> keyword_ceiling() const;
  void apply_thresholds(std::vector<Candidate>& candidates) const;
  [[nodiscard]] base::Result<void> diversify(std::vector<Candidate>& candidates) const;
  [[nodiscard]] base::Result<std::vector<contract::Hit>> load(
      const std::vector<Candidate>& candidates) const;

  const store::Store& store_;
  const contract::RetrievalRequest& request_;
  Settings settings_;
  store::Filter filter_;
};

}  // namespace opaline::services
