#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "base/assert.hpp"

namespace opaline::http {

/// Bytes that have been received and not yet been used. While a read is under way into the span
/// that prepare() gave, only consume() and view() may be called: they move nothing.
class InputBuffer {
 public:
  static constexpr std::size_t kSmall = 4 * 1024;   ///< Kept by an idle connection.
  static constexpr std::size_t kLarge = 64 * 1024;  ///< While a body arrives.

  [[nodiscard]] std::string_view view() const { return {storage_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }

  void consume(std::size_t bytes) {
    OPALINE_ASSERT(bytes <= size());
    begin_ += bytes;
  }

  /// Room for a read, at the end; the buffer grows to hold at least `capacity` bytes in all and one
  /// more than it has.
  [[nodiscard]] std::span<char> prepare(std::size_t capacity) {
    if (capacity <= size()) capacity = size() * 2;
    if (capacity > capacity_ || (empty() && capacity < capacity_)) {
      auto larger = std::make_unique_for_overwrite<char[]>(capacity);
      move_to(larger.get());
      storage_ = std::move(larger);
      capacity_ = capacity;
    } else if (begin_ > 0) {
      move_to(storage_.get());
    }
    return {storage_.get() + end_, capacity_ - end_};
  }

  void commit(std::size_t bytes) {
    OPALINE_ASSERT(bytes <= capacity_ - end_);
    end_ += bytes;
  }

  /// Gives the memory back; the buffer must be empty.
  void release() {
    OPALINE_ASSERT(empty());
    storage_.reset();
    capacity_ = begin_ = end_ = 0;
  }

 private:
  void move_to(char* place) {
    const auto bytes = size();
    if (bytes > 0) std::memmove(place, storage_.get() + begin_, bytes);
    begin_ = 0;
    end_ = bytes;
  }

  std::unique_ptr<char[]> storage_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace opaline::http
