// SPDX-License-Identifier: Apache-2.0
// metrics.jsonl of a run folder: one event a line. Specification: formats/metrics.md. What depends on the clock or the
// machine stands in the member "clock" of each event; all else is equal for equal runs, interrupted or not.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/json.h"

namespace hearth::train {

class MetricsLog {
 public:
  // Appends to path, after cutting it to position bytes: what a run wrote after the checkpoint it resumes from would
  // come twice. Throws Error{cannot_create}, Error{io}.
  MetricsLog(std::filesystem::path path, std::uint64_t position);
  ~MetricsLog();
  MetricsLog(const MetricsLog&) = delete;
  MetricsLog& operator=(const MetricsLog&) = delete;

  // {"event": name, "step": step, fields..., "clock": {"time": ..., clock...}}
  // Returns the line's object. On a full disk the line waits here for room. Throws Error{io} for other failures.
  Json write(std::string_view name, std::int64_t step, const Json& fields, const Json& clock);
  void finish();  // throws Error{io} when lines are still waiting

  std::uint64_t position() const { return written_ + waiting_.size(); }  // bytes so far

 private:
  int flush();  // errno of what was in the way; 0: all is written

  std::filesystem::path path_;
  int file_ = -1;
  std::uint64_t written_ = 0;  // whole lines
  std::string waiting_;
};

// The events of a run as curves, for the report.
struct RunHistory {
  struct Step {
    std::int64_t step = 0;
    float loss = 0, learning_rate = 0, gradient_norm = 0, tokens_per_s = 0, ceiling_ratio = 0;
    bool skipped = false;
  };
  struct Evaluation {
    std::int64_t step = 0;
    float loss = 0, bits_per_byte = 0;
  };
  struct Expert {  // load of one layer at one step, relative to an equal share
    float least = 0, most = 0;
  };
  struct Note {
    std::int64_t step = 0;
    std::string kind, message;
  };

  std::vector<Step> steps;
  std::vector<Evaluation> evaluations;
  std::vector<int> expert_layers;            // which layers have experts
  std::vector<std::vector<Expert>> experts;  // [expert layer][step]
  std::vector<Note> notes;                   // warnings, errors, checkpoints, ends
  std::uint64_t tokens = 0, memory_bytes = 0;
  double step_s = 0;  // of the last step

  void add(const Json& event);

 private:
  void drop_last_step();
};

// Replays a metrics file; a last line cut short by a kill is left out.
RunHistory read_history(const std::filesystem::path& path);

}  // namespace hearth::train
