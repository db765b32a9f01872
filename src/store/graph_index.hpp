#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/limits.hpp"
#include "store/dot_product.hpp"
#include "store/vector_index.hpp"

namespace opaline::store {

/// An approximate index over rows of a VectorIndex: a hierarchical navigable small world graph
/// (Malkov and Yashunin, arXiv 1603.09320). A search walks from node to node towards the query and
/// looks at some thousand rows instead of all.
///
///   level 2        o-----------o          each node is on level 0, one in 16 on level 1 too,
///   level 1     o--o----o------o---o      one in 256 on level 2 …; a search enters at the top and
///   level 0   o-o--oo-o-oo--o-oo-o-oo     goes down where it comes no nearer
///
/// It refers to rows where they lie and keeps no copy of their numbers. Rows of equal numbers are
/// one node: among more equals than a node has links there would be no way out. Rows are added by
/// rising id; erased ones stay behind as nodes without numbers, until another graph is built. Not
/// safe for concurrent use; searches may run together.
class GraphIndex {
 public:
  /// @param capacity: as many rows as it can take; memory for their links is reserved here.
  GraphIndex(std::size_t dimension, std::size_t capacity);

  /// @pre row.id is at least end_id(); not full().
  void add(const VectorIndex::Row& row);
  /// Takes over the links of the next `nodes` nodes of `other`, and after the last ones the rest.
  /// @return whether that was all: only then may it be searched or added to. @pre It was empty, and
  /// `other` is changed by nothing but refresh().
  bool copy(const GraphIndex& other, std::size_t nodes);
  /// Follows an erase() of `vectors` that returned `changed`.
  void refresh(const VectorIndex& vectors, IdRange changed);

  struct Effort {
    std::size_t breadth = 512;  ///< Nodes in hand, or as many as are asked for: more find more.
    std::size_t visits_max = limits::kGraphVisits;
  };
  /// The best `count` that it finds among `admitted` (null: among all), best first. None if that
  /// takes too many visits, as it does where few are admitted near the query.
  [[nodiscard]] std::optional<std::vector<VectorIndex::Candidate>> search(
      std::span<const float> query, std::size_t count, const IdSet* admitted, Effort effort) const;

  /// Above every id in it.
  [[nodiscard]] std::int64_t end_id() const { return rows_.empty() ? 0 : rows_.back().id + 1; }
  /// Rows that are not erased.
  [[nodiscard]] std::size_t size() const { return rows_.size() - erased_; }
  [[nodiscard]] std::size_t erased() const { return erased_; }
  [[nodiscard]] bool full() const { return rows_.size() == capacity_; }
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  /// The numbers of a row or of a query.
  struct Point {
    const std::int8_t* values = nullptr;
    float scale = 0;
  };
  struct Node {
    Point point;                ///< Where the row lies; nowhere when all rows are erased.
    std::uint32_t row = kNone;  ///< The first that is not erased.
  };
  struct Row {
    std::int64_t id = 0;
    std::uint32_t node = kNone;  ///< kNone: erased.
    std::uint32_t next = kNone;  ///< The next row of the same node.
  };
  struct Near {
    float score = 0;
    std::uint32_t node = 0;
  };
  struct NearestFirst;

  /// Lists of node numbers, each of at most `length_max`, in one piece of memory.
  class Lists {
   public:
    explicit Lists(std::size_t length_max) : stride_(length_max + 1) {}
    void reserve(std::size_t count) { numbers_.reserve(count * stride_); }
    void add_empty(std::size_t count) { numbers_.resize(numbers_.size() + count * stride_); }
    /// @return whether that was all.
    bool copy(const Lists& other, std::size_t count);
    void assign(std::size_t list, std::span<const Near> nodes);
    /// @return whether there was room.
    bool push_back(std::size_t list, std::uint32_t node);
    [[nodiscard]] std::size_t length_max() const { return stride_ - 1; }
    [[nodiscard]] std::size_t size() const { return numbers_.size() / stride_; }
    [[nodiscard]] std::span<const std::uint32_t> operator[](std::size_t list) const {
      const std::uint32_t* begin = numbers_.data() + list * stride_;
      return {begin + 1, *begin};
    }
    [[nodiscard]] std::size_t memory_bytes() const { return numbers_.capacity() * sizeof(kNone); }

   private:
    std::size_t stride_;  // The length comes first.
    std::vector<std::uint32_t> numbers_;
  };

  struct Walk {
    Near from;
    unsigned level = 0;
    std::size_t breadth = 0;
    const IdSet* admitted = nullptr;
    std::size_t visits_max = SIZE_MAX;
  };

  [[nodiscard]] float score(const Point& point, std::uint32_t node) const;
  [[nodiscard]] bool admits(const IdSet* admitted, std::uint32_t node) const;
  [[nodiscard]] std::span<const std::uint32_t> links(std::uint32_t node, unsigned level) const;
  void prefetch(std::uint32_t node) const;
  [[nodiscard]] Near descend(const Point& point, unsigned level_end) const;
  std::size_t gather(std::uint32_t node, unsigned level, std::vector<bool>& seen,
                     std::vector<std::uint32_t>& fresh) const;
  [[nodiscard]] std::optional<std::vector<Near>> walk(const Point& point, const Walk& walk) const;
  [[nodiscard]] std::uint32_t find_equal(const Point& point, std::span<const Near> nearest) const;
  void keep_diverse(std::vector<Near>& nearest, std::size_t count) const;
  void link(std::uint32_t node, const std::vector<Near>& nearest, unsigned level);
  void forget(Row& row, const VectorIndex& vectors);

  std::size_t stride_;
  std::size_t capacity_;
  DotProducts dot_products_;
  std::vector<Row> rows_;    // By rising id.
  std::vector<Node> nodes_;  // As many, or fewer.
  Lists base_;               // Links on level 0, by node.
  Lists upper_;              // Those on the levels above, of the few nodes that have them …
  std::vector<std::uint32_t> upper_begin_;  // … from here on, by node.
  std::size_t erased_ = 0;
  std::uint32_t entry_ = 0;  // A node of the top level.
  unsigned top_level_ = 0;
};

}  // namespace opaline::store
