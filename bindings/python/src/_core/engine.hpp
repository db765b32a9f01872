#pragma once

#include <sys/types.h>

#include <memory>
#include <thread>

#include "base/task.hpp"
#include "http/client.hpp"

namespace opaline::python {

/// The one thread of this process on which requests are made, with the HTTP client's connections.
/// It holds no Python object and never takes the interpreter's lock.
///
/// It starts with the first request, never at import or construction, so that a process may fork
/// (multiprocessing) between building its services and starting them. A child that was forked off
/// later finds its parent's thread gone and starts its own; what it inherited is left alone.
class Engine {
 public:
  /// This process's engine, started. Any thread.
  [[nodiscard]] static std::shared_ptr<Engine> get();
  /// Whether this process has one: for tests of "no thread before start".
  [[nodiscard]] static bool running();
  /// At the interpreter's end: requests in flight are dropped and the thread ends.
  static void stop();

  Engine();
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  [[nodiscard]] base::EventLoop& loop() { return loop_; }
  [[nodiscard]] http::Client& client() { return client_; }

 private:
  void end();

  pid_t process_;
  http::Client client_;  // Before the loop: the loop's connections belong to the client.
  base::EventLoop loop_;
  std::thread thread_;
};

}  // namespace opaline::python
