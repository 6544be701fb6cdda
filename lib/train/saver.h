// SPDX-License-Identifier: Apache-2.0
// Checkpoints written behind the back of training: the tensors are copied to a staging buffer (that is all the step
// loop waits for), a thread writes the copy, and older checkpoints go when the new one is complete.
#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/json.h"
#include "lib/base/thread_pool.h"
#include "lib/device/memory.h"

namespace hearth::train {

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

class CheckpointSaver {
 public:
  struct Retention {
    std::int64_t keep = 2;        // newest ones
    std::int64_t keep_every = 0;  // and those of steps divisible by it; 0: none
  };
  // Removes ".partial" folders that an interrupted process left in run.
  CheckpointSaver(std::filesystem::path run, Retention retention);
  ~CheckpointSaver();  // waits; an error is dropped (finish() reports it)
  CheckpointSaver(const CheckpointSaver&) = delete;
  CheckpointSaver& operator=(const CheckpointSaver&) = delete;

  // Waits for the checkpoint before, stages, and returns. Throws what writing the one before threw.
  void save(Stream& stream, std::int64_t step, const std::vector<NamedTensor>& tensors, Json model, Json trainer,
            Json provenance);
  void finish();                                         // waits for the last one; throws what writing it threw
  void throw_if_failed();                                // without waiting
  double last_write_s() const { return last_write_s_; }  // what the last complete one took; 0: none yet

  static std::size_t staging_bytes(const std::vector<NamedTensor>& tensors);

 private:
  void prune() const;

  std::filesystem::path run_;
  Retention retention_;
  Buffer staging_;
  std::thread writer_;
  std::exception_ptr failure_;  // of writer_, read after joining or when failed_
  std::atomic<bool> failed_{false};
  std::atomic<double> last_write_s_{0};
};

}  // namespace hearth::train
