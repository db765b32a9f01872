#include "engine/backend_probe.hpp"

#include <fcntl.h>
#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <vector>

namespace opaline::engine {
namespace {

// The child's exit codes.
enum class Verdict { works = 0, not_for_this_machine = 10, wrong_numbers = 11, failed = 12 };

constexpr std::int64_t kInner = 64;
constexpr std::int64_t kRows = 32;
constexpr std::int64_t kColumns = 16;

float weight_at(std::int64_t row, std::int64_t inner) {
  return static_cast<float>((row * 7 + inner * 3) % 17 - 8) / 8;
}
float input_at(std::int64_t column, std::int64_t inner) {
  return static_cast<float>((column * 5 + inner) % 13 - 6) / 6;
}

float product_at(std::int64_t column, std::int64_t row) {
  float sum = 0;
  for (std::int64_t i = 0; i < kInner; ++i) sum += weight_at(row, i) * input_at(column, i);
  return sum;
}

Verdict check_product(ggml_tensor* product) {
  std::vector<float> values(static_cast<std::size_t>(kRows * kColumns));
  ggml_backend_tensor_get(product, values.data(), 0, values.size() * sizeof(float));
  for (std::int64_t column = 0; column < kColumns; ++column) {
    for (std::int64_t row = 0; row < kRows; ++row) {
      const float difference =
          values[static_cast<std::size_t>(column * kRows + row)] - product_at(column, row);
      // Both sides are rounded to 8 bits; a wrong kernel is off by far more.
      if (!(std::abs(difference) < 0.5F)) return Verdict::wrong_numbers;
    }
  }
  return Verdict::works;
}

/// Asked as llama.cpp asks it: with a weight that lies in an empty buffer of that layout.
bool multiplies_in(ggml_backend_dev_t device, ggml_backend_buffer_type_t layout) {
  ggml_context* memory = ggml_init({ggml_tensor_overhead() * 4, nullptr, true});
  ggml_tensor* weight = ggml_new_tensor_2d(memory, GGML_TYPE_Q8_0, kInner, kRows);
  ggml_tensor* input = ggml_new_tensor_2d(memory, GGML_TYPE_F32, kInner, kColumns);
  ggml_tensor* product = ggml_mul_mat(memory, weight, input);
  weight->buffer = ggml_backend_buft_alloc_buffer(layout, 0);
  return weight->buffer != nullptr && ggml_backend_dev_supports_op(device, product);
}

Verdict multiply(ggml_backend_t backend, ggml_backend_buffer_type_t layout) {
  ggml_context* weights = ggml_init({ggml_tensor_overhead(), nullptr, true});
  ggml_tensor* weight = ggml_new_tensor_2d(weights, GGML_TYPE_Q8_0, kInner, kRows);
  if (ggml_backend_alloc_ctx_tensors_from_buft(weights, layout) == nullptr) return Verdict::failed;

  std::vector<float> values;
  for (std::int64_t row = 0; row < kRows; ++row) {
    for (std::int64_t i = 0; i < kInner; ++i) values.push_back(weight_at(row, i));
  }
  std::vector<std::uint8_t> quantised(ggml_nbytes(weight));
  ggml_quantize_chunk(GGML_TYPE_Q8_0, values.data(), quantised.data(), 0, kRows, kInner, nullptr);
  ggml_backend_tensor_set(weight, quantised.data(), 0, quantised.size());

  ggml_context* graph_memory =
      ggml_init({ggml_tensor_overhead() * 8 + ggml_graph_overhead(), nullptr, true});
  ggml_tensor* input = ggml_new_tensor_2d(graph_memory, GGML_TYPE_F32, kInner, kColumns);
  ggml_tensor* product = ggml_mul_mat(graph_memory, weight, input);
  if (ggml_backend_alloc_ctx_tensors(graph_memory, backend) == nullptr) return Verdict::failed;
  values.clear();
  for (std::int64_t column = 0; column < kColumns; ++column) {
    for (std::int64_t i = 0; i < kInner; ++i) values.push_back(input_at(column, i));
  }
  ggml_backend_tensor_set(input, values.data(), 0, values.size() * sizeof(float));
  ggml_cgraph* graph = ggml_new_graph(graph_memory);
  ggml_build_forward_expand(graph, product);
  if (ggml_backend_graph_compute(backend, graph) != GGML_STATUS_SUCCESS) return Verdict::failed;
  return check_product(product);
}

/// In the child. Nothing is freed: it ends right after.
Verdict run_probe(const std::filesystem::path& file) {
  ggml_backend_reg_t module = ggml_backend_load(file.c_str());
  if (module == nullptr) return Verdict::not_for_this_machine;  // Its own score of the CPUID is 0.
  ggml_backend_dev_t device = ggml_backend_reg_dev_get(module, 0);
  ggml_backend_t backend = ggml_backend_dev_init(device, nullptr);
  if (backend == nullptr) return Verdict::failed;
  std::vector<ggml_backend_buffer_type_t> layouts = {ggml_backend_dev_buffer_type(device)};
  const auto extra = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
      ggml_backend_reg_get_proc_address(module, "ggml_backend_dev_get_extra_bufts"));
  if (extra != nullptr) {
    for (ggml_backend_buffer_type_t* layout = extra(device);
         layout != nullptr && *layout != nullptr; ++layout) {
      layouts.push_back(*layout);
    }
  }
  for (ggml_backend_buffer_type_t layout : layouts) {
    if (!multiplies_in(device, layout)) continue;  // Then llama.cpp will not use it either.
    if (const Verdict verdict = multiply(backend, layout); verdict != Verdict::works)
      return verdict;
  }
  return Verdict::works;
}

[[noreturn]] void run_child_probe(const std::filesystem::path& file) {
  // A failed probe is expected on some machines: no core file, no stack dump of a sanitizer,
  // nothing on the terminal.
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  for (const int signal : {SIGILL, SIGSEGV, SIGBUS, SIGFPE, SIGABRT}) ::signal(signal, SIG_DFL);
  if (const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC); null >= 0) {
    ::dup2(null, STDOUT_FILENO);
    ::dup2(null, STDERR_FILENO);
  }
  ::_exit(static_cast<int>(run_probe(file)));
}

std::string verdict_text(int status) {
  if (WIFSIGNALED(status)) return std::string("it was ended by ") + ::strsignal(WTERMSIG(status));
  switch (static_cast<Verdict>(WEXITSTATUS(status))) {
    case Verdict::works: return {};
    case Verdict::not_for_this_machine: return "this machine lacks its instructions";
    case Verdict::wrong_numbers: return "it multiplies wrongly here";
    case Verdict::failed: break;
  }
  return "it cannot be started";
}

}  // namespace

std::string probe_backend(const std::filesystem::path& file, std::chrono::milliseconds limit) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return std::string("no pipe: ") + std::strerror(errno);
  const pid_t child = ::fork();
  if (child < 0) {
    ::close(pipe[0]);
    ::close(pipe[1]);
    return std::string("no process: ") + std::strerror(errno);
  }
  if (child == 0) run_child_probe(file);
  ::close(pipe[1]);
  // The child holds the only other end: it is closed when the child ends, however it ends.
  const auto deadline = std::chrono::steady_clock::now() + limit;
  bool ended = false;
  while (!ended) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) break;
    pollfd waiting{.fd = pipe[0], .events = POLLIN, .revents = 0};
    ended = ::poll(&waiting, 1, static_cast<int>(left.count())) > 0;
  }
  ::close(pipe[0]);
  if (!ended) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return ended ? verdict_text(status) : "it did not end in time";
}

}  // namespace opaline::engine
