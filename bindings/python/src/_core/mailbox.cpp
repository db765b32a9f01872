#include "_core/mailbox.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

namespace opaline::python {

Mailbox::Mailbox() : descriptor_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

Mailbox::~Mailbox() {
  if (descriptor_ >= 0) close(descriptor_);
}

void Mailbox::post(std::uint64_t to, Letter letter) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = letters_.empty();
    letters_.emplace_back(to, std::move(letter));
  }
  if (first) (void)eventfd_write(descriptor_, 1);
}

std::vector<std::pair<std::uint64_t, Letter>> Mailbox::take() {
  eventfd_t count = 0;
  (void)eventfd_read(descriptor_, &count);
  const std::lock_guard lock(mutex_);
  return std::exchange(letters_, {});
}

}  // namespace opaline::python
