// SPDX-License-Identifier: Apache-2.0
#include "lib/base/signals.h"

#include <csignal>
#include <cstdlib>
#include <unistd.h>

namespace hearth {
namespace {

// The one piece of state a signal handler may touch.
volatile std::sig_atomic_t stop_flag = 0;

void on_stop_signal(int number) {
  if (stop_flag != 0) _exit(128 + number);
  stop_flag = 1;
}

void handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);
}

}  // namespace

void install_signal_handlers() {
  handle(SIGUSR1, on_stop_signal);
  handle(SIGTERM, on_stop_signal);
  handle(SIGINT, on_stop_signal);
  handle(SIGPIPE, SIG_DFL);
  handle(SIGXFSZ, SIG_IGN);  // a limit on the size of files is an error of the write, as a full disk is
  if (std::getenv("SLURM_JOB_ID") != nullptr) handle(SIGHUP, SIG_IGN);
}

bool stop_requested() { return stop_flag != 0; }
void request_stop() { stop_flag = 1; }

void leave_now(int code) { _exit(code); }

}  // namespace hearth
