#include "services/dataprep/confinement.hpp"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace opaline::services::dataprep {
namespace {

using base::ErrorCode;
using base::Result;

struct ReleaseFilter {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, ReleaseFilter>;

std::unexpected<base::Error> unavailable(const char* what, int error) {
  return base::fail(ErrorCode::unavailable,
                    "cannot be read: the parser cannot be confined on this machine",
                    std::string(what) + ": " + std::strerror(error));
}

#ifdef __SANITIZE_ADDRESS__
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

/// What a computation on open files needs, and no more. Anything else fails with EPERM.
int fill_parser(scmp_filter_ctx filter, int child) {
  constexpr std::array kAllowed = {
      SCMP_SYS(read),           SCMP_SYS(pread64),        SCMP_SYS(readv),
      SCMP_SYS(write),          SCMP_SYS(writev),         SCMP_SYS(close),
      SCMP_SYS(lseek),          SCMP_SYS(fstat),          SCMP_SYS(newfstatat),
      SCMP_SYS(poll),           SCMP_SYS(ppoll),          SCMP_SYS(munmap),
      SCMP_SYS(mremap),         SCMP_SYS(madvise),        SCMP_SYS(brk),
      SCMP_SYS(futex),          SCMP_SYS(exit),           SCMP_SYS(exit_group),
      SCMP_SYS(rt_sigreturn),   SCMP_SYS(rt_sigprocmask), SCMP_SYS(clock_gettime),
      SCMP_SYS(gettimeofday),   SCMP_SYS(getpid),         SCMP_SYS(gettid),
      SCMP_SYS(tgkill),         SCMP_SYS(getrandom),      SCMP_SYS(sched_yield),
      SCMP_SYS(restart_syscall)};
  for (const int call : kAllowed) {
    if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0); error != 0)
      return error;
  }
  const auto allow_if = [&](int call, unsigned argument, scmp_datum_t mask, scmp_datum_t value) {
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                            scmp_arg_cmp{argument, SCMP_CMP_MASKED_EQ, mask, value});
  };
  // Memory, but never code.
  if (const int error = allow_if(SCMP_SYS(mmap), 2, PROT_EXEC, 0); error != 0) return error;
  if (const int error = allow_if(SCMP_SYS(mprotect), 2, PROT_EXEC, 0); error != 0) return error;
  if (child == 0) return 0;
  const auto process = static_cast<scmp_datum_t>(child);
  if (const int error = allow_if(SCMP_SYS(wait4), 0, 0xFFFFFFFF, process); error != 0) return error;
  return allow_if(SCMP_SYS(kill), 0, 0xFFFFFFFF, process);
}

/// A program of others, started anew under the filter: what it must not do is listed, the loader's
/// needs are many.
int fill_pdf_tool(scmp_filter_ctx filter) {
  constexpr std::array kDenied = {
      // Network and messages to other processes.
      SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen),
      SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg),
      SCMP_SYS(shmget), SCMP_SYS(msgget), SCMP_SYS(semget), SCMP_SYS(mq_open),
      // New processes, and other processes.
      SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(clone), SCMP_SYS(ptrace),
      SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(kill), SCMP_SYS(tkill),
      SCMP_SYS(pidfd_getfd), SCMP_SYS(pidfd_send_signal), SCMP_SYS(rt_sigqueueinfo),
      SCMP_SYS(setpriority),
      // Changes to files.
      SCMP_SYS(creat), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rename), SCMP_SYS(renameat),
      SCMP_SYS(renameat2), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir), SCMP_SYS(link),
      SCMP_SYS(linkat), SCMP_SYS(symlink), SCMP_SYS(symlinkat), SCMP_SYS(mknod), SCMP_SYS(mknodat),
      SCMP_SYS(chmod), SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(chown), SCMP_SYS(fchown),
      SCMP_SYS(lchown), SCMP_SYS(fchownat), SCMP_SYS(truncate), SCMP_SYS(setxattr),
      SCMP_SYS(lsetxattr), SCMP_SYS(fsetxattr), SCMP_SYS(utimensat), SCMP_SYS(utime),
      SCMP_SYS(utimes),
      // The kernel's larger doors.
      SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(unshare),
      SCMP_SYS(setns), SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd),
      SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(io_uring_setup),
      SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(init_module),
      SCMP_SYS(finit_module), SCMP_SYS(kexec_load), SCMP_SYS(reboot), SCMP_SYS(setuid),
      SCMP_SYS(setgid), SCMP_SYS(setreuid), SCMP_SYS(setresuid), SCMP_SYS(open_by_handle_at),
      SCMP_SYS(name_to_handle_at)};
  for (const int call : kDenied) {
    if (const int error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0); error != 0)
      return error;
  }
  // Their flags lie in memory, where a filter cannot look; callers fall back to the older call.
  for (const int call : {SCMP_SYS(openat2), SCMP_SYS(clone3)}) {
    if (const int error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0); error != 0)
      return error;
  }
  for (const scmp_datum_t flag : {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC}) {
    for (const auto& [call, argument] :
         {std::pair{SCMP_SYS(open), 1U}, std::pair{SCMP_SYS(openat), 2U}}) {
      const int error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 1,
                                         scmp_arg_cmp{argument, SCMP_CMP_MASKED_EQ, flag, flag});
      if (error != 0) return error;
    }
  }
  return 0;
}

Result<std::vector<sock_filter>> exported(scmp_filter_ctx filter) {
  const int file = memfd_create("filter", MFD_CLOEXEC);
  if (file < 0) return unavailable("memfd_create", errno);
  std::vector<sock_filter> program;
  int error = -seccomp_export_bpf(filter, file);
  const off_t size = lseek(file, 0, SEEK_END);
  if (error == 0 && size > 0) {
    program.resize(static_cast<std::size_t>(size) / sizeof(sock_filter));
    if (pread(file, program.data(), static_cast<std::size_t>(size), 0) != size) error = EIO;
  }
  ::close(file);
  if (error != 0 || program.empty()) return unavailable("seccomp_export_bpf", error);
  return program;
}

/// A ruleset that leaves reading below the system's own folders. @return −1 where the kernel has no
/// Landlock.
int landlock_ruleset() {
  constexpr std::uint64_t kRead =
      LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE;
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = (1ULL << 13) - 1;  // All rights of the first version.
  const auto ruleset = static_cast<int>(
      syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0));
  if (ruleset < 0) return -1;
  for (const char* folder : {"/usr", "/lib", "/lib64", "/etc"}) {
    const int parent = open(folder, O_PATH | O_CLOEXEC);
    if (parent < 0) continue;
    landlock_path_beneath_attr rule{};
    rule.allowed_access = kRead;
    rule.parent_fd = parent;
    syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    ::close(parent);
  }
  return ruleset;
}

}  // namespace

Result<Confinement> Confinement::prepare(Program program, int child) {
  const bool parser = program == Program::parser;
  const Filter filter(seccomp_init(parser ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW));
  if (!filter) return unavailable("seccomp_init", ENOMEM);
  const int error = parser ? fill_parser(filter.get(), child) : fill_pdf_tool(filter.get());
  if (error != 0) return unavailable("seccomp_rule_add", -error);
  Confinement made;
  OPALINE_TRY(made.filter_, exported(filter.get()));
  if (!parser) made.ruleset_ = landlock_ruleset();
  return made;
}

Confinement::Confinement(Confinement&& other) noexcept
    : filter_(std::move(other.filter_)), ruleset_(std::exchange(other.ruleset_, -1)) {}

Confinement::~Confinement() {
  if (ruleset_ >= 0) ::close(ruleset_);
}

bool Confinement::apply() const noexcept {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  if (ruleset_ >= 0 && syscall(SYS_landlock_restrict_self, ruleset_, 0) != 0) return false;
  const sock_fprog program{static_cast<unsigned short>(filter_.size()),
                           const_cast<sock_filter*>(filter_.data())};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

void limit_resources(const ResourceLimits& limits) {
  const auto set = [](auto resource, rlim_t soft, rlim_t hard) {
    const rlimit limit{soft, hard};
    setrlimit(resource, &limit);
  };
  // Sanitizers reserve terabytes of addresses.
  if (!kSanitized) set(RLIMIT_AS, limits.memory_bytes, limits.memory_bytes);
  const auto seconds = static_cast<rlim_t>(limits.processor_time.count());
  set(RLIMIT_CPU, seconds, seconds + 1);
  set(RLIMIT_CORE, 0, 0);
  set(RLIMIT_FSIZE, 64 * 1024, 64 * 1024);  // The filter itself passes through a file in memory.
  set(RLIMIT_NOFILE, 64, 64);
  static_cast<void>(setpriority(PRIO_PROCESS, 0, 5));
}

}  // namespace opaline::services::dataprep
