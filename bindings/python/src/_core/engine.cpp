#include "_core/engine.hpp"

#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <csignal>
#include <mutex>

namespace opaline::python {
namespace {

struct Current {
  std::mutex mutex;
  std::shared_ptr<Engine> engine;
  pid_t process = 0;
};

/// Never destroyed: a daemon thread of Python's may still be waiting when statics go.
Current*& current() {
  static Current* value = new Current;
  return value;
}

/// A child may be forked off while another thread holds the mutex: it starts afresh. What it leaves
/// behind leaks on purpose, as a thread that does not exist cannot be joined.
void after_fork_in_child() { current() = new Current; }

}  // namespace

std::shared_ptr<Engine> Engine::get() {
  static std::once_flag once;
  std::call_once(once, [] { pthread_atfork(nullptr, nullptr, after_fork_in_child); });
  Current& now = *current();
  const std::lock_guard lock(now.mutex);
  if (!now.engine) now.engine = std::make_shared<Engine>();
  return now.engine;
}

bool Engine::running() {
  Current& now = *current();
  const std::lock_guard lock(now.mutex);
  return now.engine != nullptr;
}

void Engine::stop() {
  Current& now = *current();
  std::shared_ptr<Engine> engine;
  {
    const std::lock_guard lock(now.mutex);
    engine = std::move(now.engine);
  }
  if (engine) engine->end();
}

Engine::Engine() : process_(getpid()), loop_(1) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // Signals are the interpreter's.
  thread_ = std::thread([this] {
    const auto work = boost::asio::make_work_guard(loop_);
    loop_.run();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Engine::~Engine() { end(); }

void Engine::end() {
  if (!thread_.joinable()) return;
  if (process_ != getpid()) {  // Forked: there is no such thread here.
    new std::thread(std::move(thread_));
    return;
  }
  loop_.stop();
  thread_.join();
}

}  // namespace opaline::python
