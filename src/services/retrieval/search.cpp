#include "services/retrieval/search.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <set>
#include <unordered_map>

#include "base/words.hpp"
#include "services/retrieval/mmr.hpp"

namespace opaline::services {
namespace {

using base::Result;
using contract::SearchParameters;
using Mode = SearchParameters::Mode;
using Type = SearchParameters::Type;

std::vector<Proposal> proposals(const std::vector<store::ChunkScore>& scores) {
  std::vector<Proposal> proposed;
  proposed.reserve(scores.size());
  for (const store::ChunkScore& score : scores)
    proposed.push_back({.id = score.id, .score = score.score});
  return proposed;
}

std::vector<std::int64_t> ids(const std::vector<Candidate>& candidates) {
  std::vector<std::int64_t> found;
  found.reserve(candidates.size());
  for (const Candidate& candidate : candidates) found.push_back(candidate.id);
  return found;
}

/// The words of the question that say something about its subject; all of them when none does.
std::vector<std::string_view> keywords(std::string_view question) {
  std::vector<std::string_view> all;
  std::vector<std::string_view> telling;
  std::set<std::string> seen;
  for (const base::Word& word : base::words(question)) {
    if (!seen.insert(base::word_stem(word.text)).second) continue;
    all.push_back(word.text);
    if (!base::is_stop_word(word.text)) telling.push_back(word.text);
  }
  return telling.empty() ? all : telling;
}

contract::Hit make_hit(store::ChunkRow chunk, const store::DocumentRow& document) {
  contract::Hit hit;
  hit.id = std::to_string(chunk.id);
  hit.document_id = document.id;
  hit.source = document.source;
  hit.title = document.title;
  hit.title_path = std::move(chunk.title_path);
  hit.text = std::move(chunk.text);
  hit.span = {.begin = chunk.range.begin, .end = chunk.range.end};
  hit.page = chunk.page;
  boost::system::error_code error;
  boost::json::value metadata = boost::json::parse(document.metadata, error);
  if (!error && metadata.is_object()) hit.metadata = std::move(metadata.get_object());
  return hit;
}

}  // namespace

Search::Search(const store::Store& store, const contract::RetrievalRequest& request,
               Settings settings)
    : store_(store), request_(request), settings_(settings) {
  filter_.collection = request.search.collection;
  if (!request.search.filter.empty())
    filter_.metadata = boost::json::serialize(request.search.filter);
}

Result<std::vector<contract::Hit>> Search::hits() {
  OPALINE_TRY(auto found, candidates());
  OPALINE_TRY_DO(fuse(found));
  apply_thresholds(found);
  if (request_.search.type == Type::mmr) OPALINE_TRY_DO(diversify(found));
  found.resize(std::min(found.size(), static_cast<std::size_t>(request_.search.k)));
  return load(found);
}

Result<std::vector<Candidate>> Search::candidates() const {
  const auto wanted =
      static_cast<std::size_t>(std::max(request_.search.k, request_.search.fetch_k));
  const std::size_t count = std::max(wanted, settings_.candidates);
  std::vector<store::ChunkScore> dense;
  std::vector<store::ChunkScore> keyword;
  if (!request_.embedding.empty()) {
    OPALINE_TRY(dense, store_.search_dense(request_.embedding, count, filter_));
  }
  if (request_.search.mode != Mode::dense) {
    OPALINE_TRY(keyword, store_.search_keyword(request_.text, count, filter_));
  }
  std::vector<Candidate> merged = merge(proposals(dense), proposals(keyword));
  OPALINE_TRY_DO(fill_dense(merged));
  return merged;
}

Result<void> Search::fill_dense(std::vector<Candidate>& candidates) const {
  if (request_.embedding.empty()) return {};
  std::vector<std::int64_t> missing;
  for (const Candidate& candidate : candidates) {
    if (!candidate.dense) missing.push_back(candidate.id);
  }
  if (missing.empty()) return {};
  OPALINE_TRY(const std::vector<double> cosines, store_.cosines(request_.embedding, missing));
  std::size_t next = 0;
  for (Candidate& candidate : candidates) {
    if (!candidate.dense) candidate.dense = cosines[next++];
  }
  return {};
}

Result<void> Search::fuse(std::vector<Candidate>& candidates) const {
  const bool dense_only = request_.search.mode == Mode::dense;
  const bool keyword_only = request_.embedding.empty();
  const double asked = request_.search.dense_weight.value_or(settings_.dense_weight);
  const double dense_weight = dense_only ? 1 : keyword_only ? 0 : asked;
  if (request_.search.fusion == SearchParameters::Fusion::reciprocal_rank) {
    fuse_reciprocal_rank(candidates, dense_weight);
    return {};
  }
  double ceiling = 0;
  if (!dense_only && !candidates.empty()) {
    OPALINE_TRY(ceiling, keyword_ceiling());
  }
  fuse_weighted(candidates, {.dense = dense_weight, .keyword_ceiling = ceiling});
  return {};
}

// A passage that is best for each word at once would score the sum of the words' best scores.
Result<double> Search::keyword_ceiling() const {
  const store::Filter everything{.collection = filter_.collection, .metadata = {}};
  double ceiling = 0;
  for (const std::string_view word : keywords(request_.text)) {
    OPALINE_TRY(const auto best, store_.search_keyword(word, 1, everything));
    if (!best.empty()) ceiling += best.front().score;
  }
  return ceiling;
}

void Search::apply_thresholds(std::vector<Candidate>& candidates) const {
  const SearchParameters& search = request_.search;
  if (search.type == Type::similarity_score_threshold) {
    std::erase_if(candidates, [&](const Candidate& c) {
      return c.dense.value_or(-1) < search.score_threshold;
    });
  }
  if (search.type == Type::similarity_distance_threshold) {
    std::erase_if(candidates, [&](const Candidate& c) {
      return 1 - c.dense.value_or(-1) > *search.distance_threshold;
    });
  }
}

Result<void> Search::diversify(std::vector<Candidate>& candidates) const {
  candidates.resize(std::min(candidates.size(), static_cast<std::size_t>(request_.search.fetch_k)));
  OPALINE_TRY(const auto rows, store_.chunks(ids(candidates), store::Store::Vectors::include));
  std::unordered_map<std::int64_t, const store::ChunkRow*> found;
  for (const store::ChunkRow& row : rows) found.emplace(row.id, &row);
  std::erase_if(candidates, [&](const Candidate& c) { return !found.contains(c.id); });
  std::vector<MmrCandidate> choices;
  choices.reserve(candidates.size());
  for (const Candidate& c : candidates)
    choices.push_back({.relevance = c.fused, .vector = found.at(c.id)->vector});
  std::vector<Candidate> diverse;
  const auto count = static_cast<std::size_t>(request_.search.k);
  for (const std::size_t i :
       maximal_marginal_relevance(choices, request_.search.lambda_mult, count)) {
    diverse.push_back(candidates[i]);
  }
  candidates = std::move(diverse);
  return {};
}

Result<std::vector<contract::Hit>> Search::load(const std::vector<Candidate>& candidates) const {
  OPALINE_TRY(auto rows, store_.chunks(ids(candidates), store::Store::Vectors::leave_out));
  std::unordered_map<std::string, std::optional<store::DocumentRow>> documents;
  std::vector<contract::Hit> hits;
  hits.reserve(rows.size());
  std::size_t place = 0;
  for (store::ChunkRow& row : rows) {
    // Rows come in the order asked; those deleted since the search are left out of both.
    while (candidates[place].id != row.id) ++place;
    const Candidate& candidate = candidates[place];
    auto known = documents.find(row.document_id);
    if (known == documents.end()) {
      OPALINE_TRY(auto document, store_.find_document(row.document_id));
      known = documents.emplace(row.document_id, std::move(document)).first;
    }
    if (!known->second) continue;
    contract::Hit hit = make_hit(std::move(row), *known->second);
    hit.scores.dense = candidate.dense;
    hit.scores.bm25 = candidate.keyword;
    hit.scores.fused = candidate.fused;
    hits.push_back(std::move(hit));
  }
  return hits;
}

}  // namespace opaline::services
