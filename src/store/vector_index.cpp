#include "store/vector_index.hpp"

#include <strings.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <new>

#include "base/assert.hpp"

namespace opaline::store {

namespace {

constexpr std::size_t kSegmentRows =
    8192;  // 3 MiB at 384 dimensions: packing one takes about a millisecond.
constexpr std::size_t kSegmentRowsMin = 64;
constexpr std::size_t kBlockRows = 256;  // Dot products between two looks at the heap.
constexpr float kErased = -1;
constexpr float kTiny =
    1e-30F;  // Magnitudes up to this count as zero: 127 / magnitude must be finite.

std::size_t stride_of(std::size_t dimension) {
  return (dimension + kRowAlignment - 1) / kRowAlignment * kRowAlignment;
}

AlignedBytes allocate(std::size_t bytes) {
  auto* memory = static_cast<std::int8_t*>(std::aligned_alloc(kRowAlignment, bytes));
  if (!memory) throw std::bad_alloc();
  return AlignedBytes(memory);
}

using BestFirst = VectorIndex::BestFirst;

// Keeps the best `count` of what is offered: a heap with the worst on top.
class Best {
 public:
  explicit Best(std::size_t count) : count_(count) {}

  [[nodiscard]] bool admits(float score) const {
    return heap_.size() < count_ || score > heap_.front().score;
  }

  void offer(VectorIndex::Candidate candidate) {
    if (heap_.size() == count_) {
      std::pop_heap(heap_.begin(), heap_.end(), BestFirst{});
      heap_.back() = candidate;
    } else {
      heap_.push_back(candidate);
    }
    std::push_heap(heap_.begin(), heap_.end(), BestFirst{});
  }

  std::vector<VectorIndex::Candidate> take() {
    std::sort_heap(heap_.begin(), heap_.end(), BestFirst{});
    return std::move(heap_);
  }

 private:
  std::size_t count_;
  std::vector<VectorIndex::Candidate> heap_;
};

}  // namespace

bool contains(const IdSet& set, std::int64_t id) {
  const auto after = std::ranges::upper_bound(set, id, {}, &IdRange::begin);
  return after != set.begin() && id < std::prev(after)->end;
}

QuantisedRows::QuantisedRows(std::size_t dimension)
    : dimension_(dimension), stride_(stride_of(dimension)) {}

void QuantisedRows::add(std::span<const float> vector) {
  OPALINE_ASSERT(vector.size() == dimension_);
  if (size() == capacity_) {
    const std::size_t capacity = std::max<std::size_t>(1, capacity_ * 2);
    auto rows = allocate(capacity * stride_);
    if (size() > 0) std::memcpy(rows.get(), rows_.get(), size() * stride_);
    rows_ = std::move(rows);
    capacity_ = capacity;
  }
  float largest = 0;
  for (const float value : vector) largest = std::max(largest, std::abs(value));
  const float inverse = largest > kTiny ? 127 / largest : 0;
  std::int8_t* row = rows_.get() + size() * stride_;
  // The sum is within ±127.5, where adding a half and cutting off is rounding.
  for (std::size_t i = 0; i < dimension_; ++i) {
    const float value = vector[i] * inverse;
    row[i] = static_cast<std::int8_t>(value + (value < 0 ? -0.5F : 0.5F));
  }
  std::memset(row + dimension_, 0, stride_ - dimension_);
  scales_.push_back(largest / 127);
}

VectorIndex::VectorIndex(std::size_t dimension)
    : dimension_(dimension),
      stride_(stride_of(dimension)),
      dot_products_(dot_product_variants().front().function) {}

VectorIndex::Segment VectorIndex::make_segment(std::size_t capacity) const {
  Segment segment;
  segment.capacity = capacity;
  segment.rows = allocate(capacity * stride_);
  segment.ids.reserve(capacity);
  segment.scales.reserve(capacity);
  return segment;
}

void VectorIndex::append(std::int64_t first_id, const QuantisedRows& rows) {
  OPALINE_ASSERT(rows.dimension() == dimension_);
  OPALINE_ASSERT(segments_.empty() || segments_.back().ids.back() < first_id);
  for (std::size_t done = 0; done < rows.size();) {
    if (segments_.empty() || segments_.back().ids.size() == segments_.back().capacity) {
      // Grows with the index, so that a small collection is small and no more than a fifth lies
      // idle.
      const std::size_t wanted = std::max(size_ / 4, rows.size() - done);
      segments_.push_back(make_segment(std::clamp(wanted, kSegmentRowsMin, kSegmentRows)));
    }
    Segment& segment = segments_.back();
    const std::size_t used = segment.ids.size();
    const std::size_t count = std::min(segment.capacity - used, rows.size() - done);
    std::memcpy(segment.rows.get() + used * stride_, rows.row(done), count * stride_);
    for (std::size_t i = 0; i < count; ++i) {
      segment.ids.push_back(first_id + static_cast<std::int64_t>(done + i));
      segment.scales.push_back(rows.scales()[done + i]);
    }
    size_ += count;
    done += count;
  }
}

IdRange VectorIndex::erase(IdRange ids) {
  IdRange changed = ids;
  for (std::size_t index = segments_.size(); index-- > 0;) {
    Segment& segment = segments_[index];
    const auto first = std::ranges::lower_bound(segment.ids, ids.begin);
    const auto last = std::ranges::lower_bound(segment.ids, ids.end);
    for (auto id = first; id < last; ++id) {
      const auto row = static_cast<std::size_t>(id - segment.ids.begin());
      if (segment.scales[row] == kErased) continue;
      std::memset(segment.rows.get() + row * stride_, 0, stride_);
      segment.scales[row] = kErased;
      ++segment.erased;
      --size_;
    }
    if (segment.erased * 4 <= segment.ids.size()) continue;
    changed.begin = std::min(changed.begin, segment.ids.front());
    changed.end = std::max(changed.end, segment.ids.back() + 1);
    pack(index);
  }
  return changed;
}

std::vector<VectorIndex::Row> VectorIndex::rows(IdRange ids, std::size_t count_max) const {
  std::vector<Row> found;
  const auto last_id = [](const Segment& segment) { return segment.ids.back(); };
  for (auto segment = std::ranges::lower_bound(segments_, ids.begin, {}, last_id);
       segment != segments_.end(); ++segment) {
    const auto first = std::ranges::lower_bound(segment->ids, ids.begin);
    for (auto row = static_cast<std::size_t>(first - segment->ids.begin());
         row < segment->ids.size(); ++row) {
      if (segment->ids[row] >= ids.end || found.size() == count_max) return found;
      if (segment->scales[row] == kErased) continue;
      found.push_back(
          {segment->ids[row], segment->rows.get() + row * stride_, segment->scales[row]});
    }
  }
  return found;
}

void VectorIndex::copy_row(const Segment& from, std::size_t row, Segment& to) const {
  std::memcpy(to.rows.get() + to.ids.size() * stride_, from.rows.get() + row * stride_, stride_);
  to.ids.push_back(from.ids[row]);
  to.scales.push_back(from.scales[row]);
}

// Moves the rows that are left to the segment before, where they fit, or else to a new one of their
// size.
void VectorIndex::pack(std::size_t index) {
  Segment& segment = segments_[index];
  const std::size_t left = segment.ids.size() - segment.erased;
  Segment* before = index > 0 ? &segments_[index - 1] : nullptr;
  const bool fits = before && before->ids.size() + left <= before->capacity;
  Segment fresh;
  if (!fits && left > 0) fresh = make_segment(std::max(left, kSegmentRowsMin));
  Segment& target = fits ? *before : fresh;
  for (std::size_t row = 0; row < segment.ids.size(); ++row) {
    if (segment.scales[row] != kErased) copy_row(segment, row, target);
  }
  // Freed memory must not keep them either; a plain memset before free() may be left out by the
  // compiler.
  ::explicit_bzero(segment.rows.get(), segment.ids.size() * stride_);
  if (fits || left == 0) {
    segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(index));
  } else {
    segment = std::move(fresh);
  }
}

std::vector<VectorIndex::Candidate> VectorIndex::search(std::span<const float> query,
                                                        std::size_t count,
                                                        const IdSet& admitted) const {
  OPALINE_ASSERT(query.size() == dimension_);
  if (count == 0) return {};
  QuantisedRows quantised(dimension_);
  quantised.add(query);
  const float query_scale = quantised.scales().front();

  Best best(count);
  std::array<std::int32_t, kBlockRows> products;
  auto range = admitted.begin();
  for (const Segment& segment : segments_) {
    auto from = segment.ids.begin();
    while (range != admitted.end() && from != segment.ids.end()) {
      const auto first = std::lower_bound(from, segment.ids.end(), range->begin);
      const auto last = std::lower_bound(first, segment.ids.end(), range->end);
      for (auto row = static_cast<std::size_t>(first - segment.ids.begin()),
                end = static_cast<std::size_t>(last - segment.ids.begin());
           row < end;) {
        const std::size_t block = std::min(kBlockRows, end - row);
        dot_products_(quantised.row(0), segment.rows.get() + row * stride_, stride_, block,
                      products.data());
        for (std::size_t i = 0; i < block; ++i) {
          const float score =
              static_cast<float>(products[i]) * segment.scales[row + i] * query_scale;
          if (best.admits(score)) best.offer({segment.ids[row + i], score});
        }
        row += block;
      }
      from = last;
      // A range that reaches the segment's end may go on in the next one.
      if (last == segment.ids.end()) break;
      ++range;
    }
  }
  return best.take();
}

std::size_t VectorIndex::memory_bytes() const {
  std::size_t bytes = 0;
  for (const Segment& segment : segments_) {
    bytes += segment.capacity * (stride_ + sizeof(std::int64_t) + sizeof(float));
  }
  return bytes;
}

}  // namespace opaline::store
