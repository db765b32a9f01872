#include "store/collection_index.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace opaline::store {

namespace {

// A graph looks at many rows for each hit, and at each in eight times the time of a scan.
constexpr std::size_t kScannedPerHit = 50;
constexpr std::size_t kNodesPerStep = 2048;  // Copied in a quarter of a millisecond.
constexpr std::size_t kRowsPerStep = 2;      // Linked in about half a millisecond.

void add(IdSet& set, IdRange ids) {
  if (!set.empty() && set.back().end == ids.begin) {
    set.back().end = ids.end;
  } else {
    set.push_back(ids);
  }
}

// `ids` lie in one range of the set.
void remove(IdSet& set, IdRange ids) {
  const auto range = std::prev(std::ranges::upper_bound(set, ids.begin, {}, &IdRange::begin));
  const IdRange rest{ids.end, range->end};
  range->end = ids.begin;
  if (range->size() == 0 && rest.size() == 0) {
    set.erase(range);
  } else if (range->size() == 0) {
    *range = rest;
  } else if (rest.size() > 0) {
    set.insert(std::next(range), rest);
  }
}

}  // namespace

void CollectionIndex::put(IndexedDocument document, const QuantisedRows& vectors) {
  OPALINE_ASSERT(static_cast<std::int64_t>(vectors.size()) == document.chunks.size());
  erase(document.number);
  const auto number = document.number;
  const auto& kept = documents_.emplace(number, std::move(document)).first->second;
  if (kept.chunks.size() == 0) return;
  if (chunks() == 0) vectors_.emplace(vectors.dimension());
  vectors_->append(kept.chunks.begin, vectors);
  by_first_chunk_.emplace(kept.chunks.begin, &kept);
  add(chunks_, kept.chunks);
}

void CollectionIndex::erase(std::int64_t number) {
  const auto found = documents_.find(number);
  if (found == documents_.end()) return;
  if (found->second.chunks.size() > 0) {
    by_first_chunk_.erase(found->second.chunks.begin);
    remove(chunks_, found->second.chunks);
    const IdRange changed = vectors_->erase(found->second.chunks);
    for (auto* graph : {&graph_, &next_graph_}) {
      if (chunks() <= limits_.exact_vectors / 2) graph->reset();
      if (*graph) (*graph)->refresh(*vectors_, changed);
    }
  }
  documents_.erase(found);
}

IdSet CollectionIndex::admitted(const DocumentFilter& filter) const {
  if (filter.admits_all()) return chunks_;
  IdSet ids;
  for (const auto& [first, document] : by_first_chunk_) {
    const DocumentFields fields{document->id, document->source, document->title, document->mime,
                                document->metadata};
    if (filter.admits(fields)) add(ids, document->chunks);
  }
  return ids;
}

std::vector<VectorIndex::Candidate> CollectionIndex::search(std::span<const float> query,
                                                            std::size_t count,
                                                            const IdSet& admitted_ids) const {
  if (!vectors_) return {};
  auto hits = search_graph(query, count, admitted_ids);
  return hits ? std::move(*hits) : vectors_->search(query, count, admitted_ids);
}

std::optional<std::vector<VectorIndex::Candidate>> CollectionIndex::search_graph(
    std::span<const float> query, std::size_t count, const IdSet& admitted_ids) const {
  if (!graph_) return std::nullopt;
  std::size_t known = 0;
  IdSet tail;
  for (const IdRange& range : admitted_ids) {
    const std::int64_t end = std::clamp(graph_->end_id(), range.begin, range.end);
    known += static_cast<std::size_t>(end - range.begin);
    if (end < range.end) tail.push_back({end, range.end});
  }
  if (known < std::max({limits_.exact_vectors, graph_->size() / 4, count * kScannedPerHit}))
    return std::nullopt;
  auto hits = graph_->search(query, count, known == graph_->size() ? nullptr : &admitted_ids,
                             limits_.effort);
  if (!hits || hits->size() < std::min(count, known)) return std::nullopt;
  std::ranges::copy(vectors_->search(query, count, tail), std::back_inserter(*hits));
  std::ranges::sort(*hits, VectorIndex::BestFirst{});
  hits->resize(std::min(hits->size(), count));
  return hits;
}

bool CollectionIndex::wants_graph() const {
  if (next_graph_) return true;
  if (chunks() < std::max<std::size_t>(limits_.exact_vectors, 1)) return false;
  return !graph_ || chunks() - graph_->size() > limits_.tail_vectors ||
         graph_->erased() * 3 > graph_->size();
}

// The next graph goes on from the one that serves, or begins anew if a quarter of that is erased.
bool CollectionIndex::build_graph() {
  if (!next_graph_) {
    const bool go_on = graph_ && graph_->erased() * 3 <= graph_->size();
    const std::size_t room = chunks() / 8 + limits_.tail_vectors;
    next_graph_ = std::make_unique<GraphIndex>(vectors_->dimension(),
                                               chunks() + (go_on ? graph_->erased() : 0) + room);
    next_graph_is_ = go_on ? NextGraph::copied : NextGraph::linked;
  } else if (next_graph_is_ == NextGraph::copied) {
    if (next_graph_->copy(*graph_, kNodesPerStep)) next_graph_is_ = NextGraph::linked;
  } else if (next_graph_is_ == NextGraph::linked) {
    const auto rows = vectors_->rows({next_graph_->end_id(), INT64_MAX}, kRowsPerStep);
    for (const auto& row : rows) {
      if (!next_graph_->full()) next_graph_->add(row);
    }
    if (rows.empty() || next_graph_->full()) next_graph_is_ = NextGraph::built;
  }
  return next_graph_is_ == NextGraph::built;
}

std::unique_ptr<GraphIndex> CollectionIndex::put_graph() {
  if (!next_graph_ || next_graph_is_ != NextGraph::built) return nullptr;
  return std::exchange(graph_, std::move(next_graph_));
}

std::size_t CollectionIndex::vector_bytes() const {
  return (vectors_ ? vectors_->memory_bytes() : 0) + (graph_ ? graph_->memory_bytes() : 0);
}

std::optional<std::size_t> CollectionIndex::dimension() const {
  return chunks() > 0 ? std::optional(vectors_->dimension()) : std::nullopt;
}

std::optional<std::size_t> CollectionIndex::dimension_without(std::int64_t number) const {
  const auto found = documents_.find(number);
  const auto own =
      found == documents_.end() ? 0 : static_cast<std::size_t>(found->second.chunks.size());
  return chunks() > own ? dimension() : std::nullopt;
}

}  // namespace opaline::store
