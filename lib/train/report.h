// SPDX-License-Identifier: Apache-2.0
// report.html of a run folder: what the run is, how it goes, its curves. One self-contained page: no script, no font,
// no request; light or dark as the reader's system.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lib/train/metrics.h"

namespace hearth::train {

struct ReportFacts {
  std::string title;   // the run's folder
  std::string status;  // "running", "done", "stopped at step 120: run again to go on", "failed: ..."
  std::string time;    // when written
  std::int64_t step = 0, n_steps = 0;
  double ceiling_flops_per_s = 0;                               // measured GEMM rate of the machine
  std::vector<std::pair<std::string, std::string>> model, run;  // tables: label, value
};

std::string report_html(const RunHistory& history, const ReportFacts& facts);

}  // namespace hearth::train
