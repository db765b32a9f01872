#include "app/stop_signal.hpp"

#include <csignal>

namespace opaline::app {
namespace {

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

StopSignal::StopSignal() {
  const sigset_t signals = stop_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void StopSignal::wait() {
  const sigset_t signals = stop_signals();
  int signal = 0;
  ::sigwait(&signals, &signal);
  // An impatient second one has its usual effect.
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace opaline::app
