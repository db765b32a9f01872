#include "engine/aligned_bytes.hpp"

#include <sys/mman.h>

#include "base/assert.hpp"

namespace opaline::engine {

AlignedBytes::AlignedBytes(std::size_t size) : size_(size) {
  if (size == 0) return;
  void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  OPALINE_ASSERT(address != MAP_FAILED);  // As when operator new fails.
  ::madvise(address, size, MADV_HUGEPAGE);
  data_ = static_cast<std::byte*>(address);
}

AlignedBytes::~AlignedBytes() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace opaline::engine
