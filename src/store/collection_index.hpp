#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "store/document_filter.hpp"
#include "store/vector_index.hpp"

namespace opaline::store {

/// A document as searches know it.
struct IndexedDocument {
  std::int64_t number = 0;  ///< Its key in the database.
  std::string id;
  std::string source;
  std::string title;
  std::string mime;
  boost::json::object metadata;
  IdRange chunks;
};

/// What is in memory of one collection: its documents' metadata, for filters, and its vectors. It
/// holds what the database held at one commit. Searches may run together, changes alone.
class CollectionIndex {
 public:
  /// Puts the document in place of the one with its number, or adds it. `vectors` has one row a
  /// chunk, of dimension() unless every other document is without chunks.
  void put(IndexedDocument document, const QuantisedRows& vectors);
  void erase(std::int64_t number);

  /// The chunks of the documents that `filter` admits.
  [[nodiscard]] IdSet admitted(const DocumentFilter& filter) const;
  [[nodiscard]] std::vector<VectorIndex::Candidate> search(std::span<const float> query,
                                                           std::size_t count,
                                                           const IdSet& admitted) const;

  [[nodiscard]] bool empty() const { return documents_.empty(); }
  [[nodiscard]] std::size_t documents() const { return documents_.size(); }
  [[nodiscard]] std::size_t chunks() const { return vectors_ ? vectors_->size() : 0; }
  /// Of the vectors; none while there is no chunk.
  [[nodiscard]] std::optional<std::size_t> dimension() const;
  /// The same, looking away from one document.
  [[nodiscard]] std::optional<std::size_t> dimension_without(std::int64_t number) const;
  [[nodiscard]] std::size_t vector_bytes() const { return vectors_ ? vectors_->memory_bytes() : 0; }

 private:
  std::unordered_map<std::int64_t, IndexedDocument> documents_;
  std::map<std::int64_t, const IndexedDocument*> by_first_chunk_;  // Those with chunks.
  std::optional<VectorIndex> vectors_;
};

}  // namespace opaline::store
