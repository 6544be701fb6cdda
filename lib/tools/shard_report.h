// SPDX-License-Identifier: Apache-2.0
// The page a run of shard leaves for people: the funnel by stage and reason, what was kept by type, language and
// source, and samples kept and rejected by each rule, so that thresholds can be judged by eye. One file, no scripts, no
// network.
#pragma once
#include <string>

#include "lib/tools/shard_samples.h"
#include "lib/tools/shard_statistics.h"

namespace hearth::tools::shard {

std::string report_html(const std::string& output, const Statistics& statistics, const Samples& samples,
                        double seconds);

}  // namespace hearth::tools::shard
