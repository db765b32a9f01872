#include "store/collection_index.hpp"

#include <utility>

#include "base/assert.hpp"

namespace opaline::store {

void CollectionIndex::put(IndexedDocument document, const QuantisedRows& vectors) {
  OPALINE_ASSERT(static_cast<std::int64_t>(vectors.size()) == document.chunks.size());
  erase(document.number);
  const auto number = document.number;
  const auto& kept = documents_.emplace(number, std::move(document)).first->second;
  if (kept.chunks.size() == 0) return;
  if (chunks() == 0) vectors_.emplace(vectors.dimension());
  vectors_->append(kept.chunks.begin, vectors);
  by_first_chunk_.emplace(kept.chunks.begin, &kept);
}

void CollectionIndex::erase(std::int64_t number) {
  const auto found = documents_.find(number);
  if (found == documents_.end()) return;
  if (found->second.chunks.size() > 0) {
    vectors_->erase(found->second.chunks);
    by_first_chunk_.erase(found->second.chunks.begin);
  }
  documents_.erase(found);
}

IdSet CollectionIndex::admitted(const DocumentFilter& filter) const {
  IdSet ids;
  for (const auto& [first, document] : by_first_chunk_) {
    const DocumentFields fields{document->id, document->source, document->title, document->mime,
                                document->metadata};
    if (!filter.admits_all() && !filter.admits(fields)) continue;
    if (!ids.empty() && ids.back().end == first) {
      ids.back().end = document->chunks.end;
    } else {
      ids.push_back(document->chunks);
    }
  }
  return ids;
}

std::vector<VectorIndex::Candidate> CollectionIndex::search(std::span<const float> query,
                                                            std::size_t count,
                                                            const IdSet& admitted_ids) const {
  return vectors_ ? vectors_->search(query, count, admitted_ids)
                  : std::vector<VectorIndex::Candidate>{};
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
