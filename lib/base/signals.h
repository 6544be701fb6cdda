// SPDX-License-Identifier: Apache-2.0
// Ends asked for from outside. USR1, TERM and (at a terminal) INT ask for a stop: a flag that loops poll. A second one
// ends the process at once with 128 + signal. PIPE ends it quietly; HUP is ignored inside a Slurm job.
#pragma once

namespace hearth {

void install_signal_handlers();  // once, by a tool's main
bool stop_requested();           // the flag
void request_stop();             // sets it (a time limit does this)

// Ends the process at once, from any thread: for a watchdog, when the call the process waits in will never return.
[[noreturn]] void leave_now(int code);

}  // namespace hearth
