// SPDX-License-Identifier: Apache-2.0
// Checkpoints written behind the back of training: the tensors are copied to a staging buffer, a thread writes the
// copy, and older checkpoints go when the new one is complete. On the host the step loop waits for the copies; on a
// device they are made beside the next step, which waits only where it would change the weights.
//
// Among many ranks each writes what it holds into a part of its own without talking to the others; that all parts are
// there is agreed on with the steps that follow (agree), and then rank 0 completes the folder.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/json.h"
#include "lib/base/thread_pool.h"
#include "lib/comm/communicator.h"
#include "lib/device/memory.h"
#include "lib/device/snapshot.h"

namespace hearth::train {

// A tensor, or rows of it from first_row on.
struct NamedTensor {
  std::string name;
  Tensor tensor;
  std::int64_t first_row = 0;
  Shape whole = {};  // its shape when tensor is not all of it; a rank of 0: it is
};

class CheckpointSaver {
 public:
  struct Retention {
    std::int64_t keep = 2;        // newest ones
    std::int64_t keep_every = 0;  // and those of steps divisible by it; 0: none
  };
  // Removes ".partial" folders that an interrupted process left in run. Collective over world, as save and finish are.
  CheckpointSaver(std::filesystem::path run, Retention retention, comm::Communicator& world);
  ~CheckpointSaver();  // waits; an error is dropped (finish() reports it)
  CheckpointSaver(const CheckpointSaver&) = delete;
  CheckpointSaver& operator=(const CheckpointSaver&) = delete;

  // Waits for the checkpoint before, starts the copies, and returns. Throws what writing the one before threw.
  void save(Stream& stream, std::int64_t step, const std::vector<NamedTensor>& tensors, Json model, Json trainer,
            Json provenance);
  // To be called before anything changes the tensors: what comes after in the stream waits until they are copied.
  void before_changes(Stream& stream) {
    if (snapshot_) snapshot_->before_changes(stream);
  }
  // Waits for the last one; throws what writing it threw, on every rank: Error{io} where it could not be written, after
  // which the ones before are as they were and another can be tried.
  void finish();
  // How far this rank's part is, to be agreed on by all ranks without waiting; the same on all goes into agree, which
  // throws what writing threw.
  struct State {
    bool writing = false, failed = false;
  };
  State state() const { return {writer_.joinable() && !part_done_, failed_}; }
  void agree(const State& any_rank);
  double last_write_s() const { return last_write_s_; }  // what the last complete one took; 0: none yet

  static std::size_t staging_bytes(const std::vector<NamedTensor>& tensors);

 private:
  enum class Verdict { pending, complete, abandon };

  void write(std::int64_t step, const std::vector<NamedTensor>& staged, const Json& model, const Json& trainer,
             const Json& provenance);
  void decide(Verdict verdict);
  Verdict decision();  // waits for it
  void prune() const;

  std::filesystem::path run_;
  Retention retention_;
  comm::Communicator& world_;
  Buffer staging_;
  std::optional<Snapshot> snapshot_;  // on its way to staging_
  std::thread writer_;
  std::mutex mutex_;
  std::condition_variable decided_;
  Verdict verdict_ = Verdict::pending;  // on the checkpoint being written
  std::atomic<bool> part_done_{false};  // this rank's part is whole
  std::exception_ptr failure_;          // of writer_, read after joining or when failed_
  std::atomic<bool> failed_{false};
  std::atomic<double> last_write_s_{0};
};

}  // namespace hearth::train
