#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "store/dot_product.hpp"

namespace opaline::store {

/// A half-open range of chunk ids.
struct IdRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  [[nodiscard]] std::int64_t size() const { return end - begin; }
  friend bool operator==(const IdRange&, const IdRange&) = default;
};
/// Disjoint ranges, ascending.
using IdSet = std::vector<IdRange>;
[[nodiscard]] bool contains(const IdSet& set, std::int64_t id);

struct FreeDeleter {
  void operator()(void* memory) const { std::free(memory); }
};
using AlignedBytes = std::unique_ptr<std::int8_t[], FreeDeleter>;

/// Vectors as int8 rows with a scale each: value ≈ scale · int8, the scale being the row's largest
/// magnitude / 127. Measured on MiniLM: the ten nearest agree to 0.9945 with float, and fully after
/// a re-rank of twenty by float.
class QuantisedRows {
 public:
  explicit QuantisedRows(std::size_t dimension);

  void add(std::span<const float> vector);

  [[nodiscard]] std::size_t dimension() const { return dimension_; }
  [[nodiscard]] std::size_t stride() const { return stride_; }
  [[nodiscard]] std::size_t size() const { return scales_.size(); }
  [[nodiscard]] const std::int8_t* row(std::size_t index) const {
    return rows_.get() + index * stride_;
  }
  [[nodiscard]] std::span<const float> scales() const { return scales_; }

 private:
  std::size_t dimension_;
  std::size_t stride_;
  std::size_t capacity_ = 0;
  AlignedBytes rows_;
  std::vector<float> scales_;
};

/// The vectors of one collection in memory, for exact scans: rows by rising id in segments of
/// contiguous memory.
///
/// Ids are added in rising order and never come back. Erased rows are overwritten at once and stay
/// behind as gaps, until a segment has a quarter of them and is packed. A row lies where it is
/// until erase() says that it moved. Not safe for concurrent use; searches may run together.
class VectorIndex {
 public:
  explicit VectorIndex(std::size_t dimension);

  /// Adds rows with the ids first_id, first_id + 1, … @pre first_id is above every id added before.
  void append(std::int64_t first_id, const QuantisedRows& rows);
  /// Overwrites and forgets the rows of these ids. @return what spans the ids that are gone and
  /// those whose rows were moved.
  IdRange erase(IdRange ids);

  struct Row {
    std::int64_t id = 0;
    const std::int8_t* values = nullptr;  ///< stride() of them, aligned to kRowAlignment.
    float scale = 0;
  };
  /// The first `count_max` rows with these ids, by rising id, and where they lie.
  [[nodiscard]] std::vector<Row> rows(IdRange ids, std::size_t count_max = SIZE_MAX) const;

  struct Candidate {
    std::int64_t id = 0;
    float score = 0;  ///< Dot product, to quantisation error.
  };
  struct BestFirst {
    bool operator()(const Candidate& a, const Candidate& b) const {
      return a.score != b.score ? a.score > b.score : a.id < b.id;
    }
  };
  /// The `count` best among `admitted`, which names no erased id; best first.
  [[nodiscard]] std::vector<Candidate> search(std::span<const float> query, std::size_t count,
                                              const IdSet& admitted) const;

  [[nodiscard]] std::size_t dimension() const { return dimension_; }
  [[nodiscard]] std::size_t stride() const { return stride_; }
  /// Rows that are not erased.
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct Segment {
    std::size_t capacity = 0;
    std::size_t erased = 0;
    AlignedBytes rows;
    std::vector<std::int64_t> ids;
    std::vector<float> scales;  // −1: erased.
  };
  Segment make_segment(std::size_t capacity) const;
  void copy_row(const Segment& from, std::size_t row, Segment& to) const;
  void pack(std::size_t segment);

  std::size_t dimension_;
  std::size_t stride_;
  std::size_t size_ = 0;
  DotProducts dot_products_;
  std::vector<Segment> segments_;
};

}  // namespace opaline::store
