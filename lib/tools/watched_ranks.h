// SPDX-License-Identifier: Apache-2.0
// Training among many ranks, watched: each keeps a heartbeat in the run folder, and a call that never returns ends the
// run with 69 and the name of the rank that is waited for.
#pragma once
#include <filesystem>
#include <functional>

#include "lib/device/context.h"

namespace hearth::tools {

// Runs body. Alone, or watchdog_s 0: no limit. The heartbeats lie in run/heartbeats.
void watched(Context& context, const std::filesystem::path& run, double watchdog_s, const std::function<void()>& body);

// This process's node by the scheduler's name; empty without a launcher.
std::string this_node();

}  // namespace hearth::tools
