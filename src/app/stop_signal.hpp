#pragma once

namespace opaline::app {

/// Waits for SIGINT or SIGTERM. Make it before any thread is started, so that every thread leaves
/// the signals to it. A second signal ends the process at once.
class StopSignal {
 public:
  StopSignal();
  /// Blocks until the first signal.
  void wait();
};

}  // namespace opaline::app
