// SPDX-License-Identifier: Apache-2.0
// Training among many ranks, watched: each keeps a heartbeat in the run folder, and a call that never returns ends the
// run with 69 and the name of the rank that is waited for.
#pragma once
#include <filesystem>
#include <functional>

#include "lib/device/context.h"

namespace hearth::tools {

// Runs `work` within body, while all that it uses is still there. Of ranks with GPUs an error ends the process here,
// told as the tool would: memory and streams of a GPU are not given back before NCCL's work there ends, and that may
// wait for ever for this rank, or for one that has gone.
using Guard = std::function<void(const std::function<void()>& work)>;

// Runs body. Alone, or watchdog_s 0: no limit. The heartbeats lie in run/heartbeats.
void watched(Context& context, const std::filesystem::path& run, double watchdog_s,
             const std::function<void(const Guard& guard)>& body);

// This process's node by the scheduler's name; empty without a launcher.
std::string this_node();

}  // namespace hearth::tools
