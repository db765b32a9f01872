#include "store/graph_index.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "base/assert.hpp"

namespace opaline::store {

namespace {

constexpr std::size_t kLinks = 16;      // Of a new node, on each level; and at most on upper ones.
constexpr std::size_t kBaseLinks = 32;  // At most on level 0.
constexpr std::size_t kBuildBreadth = 128;  // Nodes in hand when links are looked for.
constexpr float kNowhere = -std::numeric_limits<float>::infinity();

// One in 16 is on the level above: four zero bits. Mixed (splitmix64), for documents may have a
// rhythm.
unsigned top_level_of(std::uint64_t node) {
  node = (node + 1) * 0x9E3779B97F4A7C15U;
  node = (node ^ (node >> 30)) * 0xBF58476D1CE4E5B9U;
  node = (node ^ (node >> 27)) * 0x94D049BB133111EBU;
  return static_cast<unsigned>(std::countr_zero(node ^ (node >> 31))) / 4;
}

template <class T>
std::size_t bytes_of(const std::vector<T>& values) {
  return values.capacity() * sizeof(T);
}

}  // namespace

struct GraphIndex::NearestFirst {
  bool operator()(const Near& a, const Near& b) const { return a.score > b.score; }
};

// ---- Lists.

bool GraphIndex::Lists::copy(const Lists& other, std::size_t count) {
  const auto begin = other.numbers_.begin() + static_cast<std::ptrdiff_t>(numbers_.size());
  const std::size_t left = other.numbers_.size() - numbers_.size();
  const std::size_t taken = std::min(left, count * stride_);
  numbers_.insert(numbers_.end(), begin, begin + static_cast<std::ptrdiff_t>(taken));
  return taken == left;
}

void GraphIndex::Lists::assign(std::size_t list, std::span<const Near> nodes) {
  std::uint32_t* to = numbers_.data() + list * stride_;
  *to++ = static_cast<std::uint32_t>(nodes.size());
  for (const Near& near : nodes) *to++ = near.node;
}

bool GraphIndex::Lists::push_back(std::size_t list, std::uint32_t node) {
  std::uint32_t* length = numbers_.data() + list * stride_;
  if (*length == length_max()) return false;
  length[++*length] = node;
  return true;
}

// ---- Rows and nodes.

GraphIndex::GraphIndex(std::size_t dimension, std::size_t capacity)
    : stride_(QuantisedRows(dimension).stride()),
      capacity_(capacity),
      dot_products_(dot_product_variants().front().function),
      base_(kBaseLinks),
      upper_(kLinks) {
  OPALINE_ASSERT(capacity < kNone);
  rows_.reserve(capacity);
  nodes_.reserve(capacity);
  base_.reserve(capacity);
  upper_.reserve(capacity / 15);
  upper_begin_.reserve(capacity);
}

float GraphIndex::score(const Point& point, std::uint32_t node) const {
  const Point& other = nodes_[node].point;
  if (!other.values) return kNowhere;
  std::int32_t product = 0;
  dot_products_(point.values, other.values, stride_, 1, &product);
  return static_cast<float>(product) * point.scale * other.scale;
}

bool GraphIndex::admits(const IdSet* admitted, std::uint32_t node) const {
  std::uint32_t row = nodes_[node].row;
  if (!admitted) return row != kNone;
  while (row != kNone && (rows_[row].node == kNone || !contains(*admitted, rows_[row].id)))
    row = rows_[row].next;
  return row != kNone;
}

std::span<const std::uint32_t> GraphIndex::links(std::uint32_t node, unsigned level) const {
  return level == 0 ? base_[node] : upper_[upper_begin_[node] + level - 1];
}

void GraphIndex::refresh(const VectorIndex& vectors, IdRange changed) {
  const auto there = vectors.rows(changed);
  auto place = there.begin();
  for (auto row = std::ranges::lower_bound(rows_, changed.begin, {}, &Row::id);
       row != rows_.end() && row->id < changed.end; ++row) {
    while (place != there.end() && place->id < row->id) ++place;
    if (row->node == kNone) continue;
    if (place == there.end() || place->id != row->id) {
      forget(*row, vectors);
    } else if (Node& node = nodes_[row->node]; &rows_[node.row] == &*row) {
      node.point.values = place->values;
    }
  }
}

void GraphIndex::forget(Row& row, const VectorIndex& vectors) {
  Node& node = nodes_[row.node];
  row.node = kNone;
  ++erased_;
  if (&rows_[node.row] != &row) return;
  while (node.row != kNone && rows_[node.row].node == kNone) node.row = rows_[node.row].next;
  if (node.row == kNone) {
    node.point = {};
    return;
  }
  // The heir may be erased by the same change, and is forgotten in its turn.
  const std::int64_t id = rows_[node.row].id;
  const auto heir = vectors.rows({id, id + 1});
  node.point.values = heir.empty() ? nullptr : heir.front().values;
}

std::size_t GraphIndex::memory_bytes() const {
  return bytes_of(rows_) + bytes_of(nodes_) + bytes_of(upper_begin_) + base_.memory_bytes() +
         upper_.memory_bytes();
}

// ---- Searching.

void GraphIndex::prefetch(std::uint32_t node) const {
  const std::int8_t* values = nodes_[node].point.values;
  for (std::size_t i = 0; values && i < stride_; i += kRowAlignment) __builtin_prefetch(values + i);
}

// From the entry to the nearest node of the lowest level above `level_end`: on each level on to the
// best neighbour, until none is better.
GraphIndex::Near GraphIndex::descend(const Point& point, unsigned level_end) const {
  Near at{score(point, entry_), entry_};
  for (unsigned level = top_level_; level > level_end; --level) {
    for (bool nearer = true; nearer;) {
      nearer = false;
      const auto neighbours = links(at.node, level);
      for (const auto node : neighbours) prefetch(node);
      for (const auto node : neighbours) {
        const float found = score(point, node);
        if (found <= at.score) continue;
        at = {found, node};
        nearer = true;
      }
    }
  }
  return at;
}

// Fills `fresh` with the neighbours that were not seen yet. Erased ones have lost their place and
// are left out; where they are the most, as in the midst of a deleted document, it looks through
// them at the nodes behind. Returns how many nodes it came by.
std::size_t GraphIndex::gather(std::uint32_t node, unsigned level, std::vector<bool>& seen,
                               std::vector<std::uint32_t>& fresh) const {
  const auto erased = [this](std::uint32_t other) { return nodes_[other].point.values == nullptr; };
  std::size_t visits = 0;
  std::vector<std::uint32_t> through = {node};
  fresh.clear();
  while (!through.empty()) {
    const auto neighbours = links(through.back(), level);
    through.pop_back();
    for (const auto other : neighbours) __builtin_prefetch(&nodes_[other]);
    const auto gone = erased_ == 0 ? 0 : std::ranges::count_if(neighbours, erased);
    for (const auto other : neighbours) {
      if (seen[other]) continue;
      if (gone == 0 || !erased(other)) {
        fresh.push_back(other);
      } else if (gone > std::ssize(neighbours) / 2) {
        through.push_back(other);
      } else {
        continue;
      }
      seen[other] = true;
      ++visits;
    }
  }
  return visits;
}

// The best `breadth` admitted nodes that it meets, best first: goes on from the best node not yet
// gone on from, until that is worse than all in hand. Nothing after `visits_max` visits.
std::optional<std::vector<GraphIndex::Near>> GraphIndex::walk(const Point& point,
                                                              const Walk& walk) const {
  constexpr auto kWorstFirst = [](const Near& a, const Near& b) { return a.score < b.score; };
  std::vector<Near> best;  // A heap, the worst in front.
  std::vector<Near> open;  // A heap, the best in front.
  std::vector<bool> seen(nodes_.size());
  std::vector<std::uint32_t> fresh;
  best.reserve(walk.breadth);
  const auto meet = [&](Near near) {
    const bool full = best.size() == walk.breadth;
    if (full && near.score <= best.front().score) return;
    open.push_back(near);
    std::ranges::push_heap(open, kWorstFirst);
    if (!admits(walk.admitted, near.node)) return;
    if (full) {
      std::ranges::pop_heap(best, NearestFirst{});
      best.back() = near;
    } else {
      best.push_back(near);
    }
    std::ranges::push_heap(best, NearestFirst{});
  };
  seen[walk.from.node] = true;
  meet(walk.from);
  std::size_t visits = 0;
  while (!open.empty()) {
    const Near at = open.front();
    if (best.size() == walk.breadth && at.score < best.front().score) break;
    std::ranges::pop_heap(open, kWorstFirst);
    open.pop_back();
    visits += gather(at.node, walk.level, seen, fresh);
    if (visits > walk.visits_max) return std::nullopt;
    for (const auto node : fresh) prefetch(node);
    for (const auto node : fresh) meet({score(point, node), node});
  }
  std::ranges::sort_heap(best, NearestFirst{});
  return best;
}

std::optional<std::vector<VectorIndex::Candidate>> GraphIndex::search(std::span<const float> query,
                                                                      std::size_t count,
                                                                      const IdSet* admitted,
                                                                      Effort effort) const {
  std::vector<VectorIndex::Candidate> hits;
  if (nodes_.empty() || count == 0) return hits;
  QuantisedRows quantised(query.size());
  OPALINE_ASSERT(quantised.stride() == stride_);
  quantised.add(query);
  const Point point{quantised.row(0), quantised.scales().front()};
  const auto nearest = walk(point, {.from = descend(point, 0),
                                    .breadth = std::max(count, effort.breadth),
                                    .admitted = admitted,
                                    .visits_max = effort.visits_max});
  if (!nearest) return std::nullopt;
  for (const Near& near : *nearest) {
    for (auto row = nodes_[near.node].row; row != kNone; row = rows_[row].next) {
      if (rows_[row].node == kNone || (admitted && !contains(*admitted, rows_[row].id))) continue;
      hits.push_back({rows_[row].id, near.score});
    }
    if (hits.size() >= count) break;
  }
  std::ranges::sort(hits, VectorIndex::BestFirst{});
  hits.resize(std::min(hits.size(), count));
  return hits;
}

// ---- Building.

void GraphIndex::add(const VectorIndex::Row& row) {
  OPALINE_ASSERT(row.id >= end_id());
  OPALINE_ASSERT(!full());
  const Point point{row.values, row.scale};
  const auto number = static_cast<std::uint32_t>(nodes_.size());
  const unsigned own_top = top_level_of(number);
  std::vector<std::vector<Near>> nearest(own_top + 1);  // By level.
  if (number > 0) {
    Near at = descend(point, own_top);
    for (unsigned level = std::min(own_top, top_level_) + 1; level-- > 0;) {
      nearest[level] = *walk(point, {.from = at, .level = level, .breadth = kBuildBreadth});
      if (!nearest[level].empty()) at = nearest[level].front();
    }
    if (const auto equal = find_equal(point, nearest[0]); equal != kNone) {
      Row& first = rows_[nodes_[equal].row];
      const auto next = std::exchange(first.next, static_cast<std::uint32_t>(rows_.size()));
      rows_.push_back({row.id, equal, next});
      return;
    }
  }
  nodes_.push_back({point, static_cast<std::uint32_t>(rows_.size())});
  rows_.push_back({row.id, number, kNone});
  base_.add_empty(1);
  upper_begin_.push_back(static_cast<std::uint32_t>(upper_.size()));
  upper_.add_empty(own_top);
  for (unsigned level = 0; level <= own_top; ++level) {
    keep_diverse(nearest[level], kLinks);
    link(number, nearest[level], level);
  }
  // Without a link it is found only as the entry.
  if (own_top > top_level_ || nearest[0].empty()) {
    entry_ = number;
    top_level_ = own_top;
  }
}

// A node that has the numbers of `point`, or kNone.
std::uint32_t GraphIndex::find_equal(const Point& point, std::span<const Near> nearest) const {
  for (const Near& near : nearest) {
    const Point& other = nodes_[near.node].point;
    if (other.scale == point.scale && std::memcmp(other.values, point.values, stride_) == 0)
      return near.node;
  }
  return kNone;
}

// Keeps at most `count` of `nearest`, and of those only such as are nearer to the new node than to
// any one kept: links that lead in different directions.
void GraphIndex::keep_diverse(std::vector<Near>& nearest, std::size_t count) const {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < nearest.size() && kept < count; ++i) {
    const Near near = nearest[i];
    const auto nearer = [&](const Near& other) {
      return score(nodes_[near.node].point, other.node) > near.score;
    };
    if (std::none_of(nearest.begin(), nearest.begin() + static_cast<std::ptrdiff_t>(kept), nearer))
      nearest[kept++] = near;
  }
  nearest.resize(kept);
}

// Both ways; a neighbour that has no room left chooses anew.
void GraphIndex::link(std::uint32_t node, const std::vector<Near>& nearest, unsigned level) {
  Lists& lists = level == 0 ? base_ : upper_;
  const auto list = [&](std::uint32_t of) {
    return level == 0 ? of : upper_begin_[of] + level - 1;
  };
  lists.assign(list(node), nearest);
  for (const Near& neighbour : nearest) {
    if (lists.push_back(list(neighbour.node), node)) continue;
    std::vector<Near> choice = {{neighbour.score, node}};
    const Point& point = nodes_[neighbour.node].point;
    for (const auto old : lists[list(neighbour.node)]) {
      if (nodes_[old].point.values) choice.push_back({score(point, old), old});
    }
    std::ranges::sort(choice, NearestFirst{});
    keep_diverse(choice, lists.length_max());
    lists.assign(list(neighbour.node), choice);
  }
}

bool GraphIndex::copy(const GraphIndex& other, std::size_t nodes) {
  OPALINE_ASSERT(rows_.empty());
  OPALINE_ASSERT(other.rows_.size() <= capacity_);
  const bool base_done = base_.copy(other.base_, nodes);
  const bool upper_done = upper_.copy(other.upper_, nodes);
  if (!base_done || !upper_done) return false;
  rows_ = other.rows_;
  nodes_ = other.nodes_;
  upper_begin_ = other.upper_begin_;
  erased_ = other.erased_;
  entry_ = other.entry_;
  top_level_ = other.top_level_;
  return true;
}

}  // namespace opaline::store
