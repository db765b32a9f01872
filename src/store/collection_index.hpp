#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/limits.hpp"
#include "store/document_filter.hpp"
#include "store/graph_index.hpp"
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

/// When a collection is searched by a graph.
struct GraphLimits {
  std::size_t exact_vectors = limits::kExactVectors;  ///< Fewer are scanned, all or admitted ones.
  std::size_t tail_vectors = limits::kTailVectors;    ///< More are not left to be scanned.
  GraphIndex::Effort effort;                          ///< Of a search; one of more is a scan.
};

/// What is in memory of one collection: its documents' metadata, for filters, and its vectors. It
/// holds what the database held at one commit. Searches may run together, changes alone.
///
/// A large collection also has a graph over its vectors, built aside (see GraphBuilder) and put in
/// place when it is ready. A search without one is an exact scan; with one, it scans only what was
/// added since, unless so few are admitted that scanning those is quicker anyway.
class CollectionIndex {
 public:
  explicit CollectionIndex(GraphLimits limits = {}) : limits_(limits) {}

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
  /// Memory of the vectors and of the graph that serves.
  [[nodiscard]] std::size_t vector_bytes() const;

  /// Chunks that the graph finds; 0: all searches are scans.
  [[nodiscard]] std::size_t graph_chunks() const { return graph_ ? graph_->size() : 0; }
  /// Whether build_graph() has something to do.
  [[nodiscard]] bool wants_graph() const;
  /// About a millisecond's work on the next graph. May run beside searches and not beside changes,
  /// always on one thread. @return whether it waits for put_graph().
  bool build_graph();
  /// Lets the graph serve that was built, if one was. A change. @return the one that served before:
  /// to free it takes a while.
  std::unique_ptr<GraphIndex> put_graph();

 private:
  [[nodiscard]] std::optional<std::vector<VectorIndex::Candidate>> search_graph(
      std::span<const float> query, std::size_t count, const IdSet& admitted) const;

  GraphLimits limits_;
  std::unordered_map<std::int64_t, IndexedDocument> documents_;
  std::map<std::int64_t, const IndexedDocument*> by_first_chunk_;  // Those with chunks.
  IdSet chunks_;                                                   // All of theirs.
  std::optional<VectorIndex> vectors_;
  std::unique_ptr<GraphIndex> graph_;
  std::unique_ptr<GraphIndex> next_graph_;
  enum class NextGraph { copied, linked, built } next_graph_is_ = NextGraph::linked;
};

}  // namespace opaline::store
