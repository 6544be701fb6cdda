// SPDX-License-Identifier: Apache-2.0
#include "lib/train/saver.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <utility>

#include "formats/checkpoint.h"
#include "formats/raw_file.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/comm/agreement.h"
#include "lib/store/checkpoint_model.h"

namespace hearth::train {
namespace {

// So that each tensor is written the short way.
constexpr std::size_t alignment = formats::BulkWriter::alignment;
std::size_t padded(std::size_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

// Each rank runs body, which writes. Where one cannot, all throw the same Error{io}, so that all can go on without;
// other failures are as comm::together's.
void write_together(comm::Communicator& world, const std::function<void()>& body) {
  std::string problem;
  comm::together(world, [&] {
    try {
      body();
    } catch (const Error& error) {
      if (error.kind() != Kind::io && error.kind() != Kind::cannot_create) throw;
      problem = error.what();
    }
  });
  const std::vector<std::string> problems = comm::gathered_texts(world, problem);
  for (std::size_t rank = 0; rank < problems.size(); ++rank) {
    if (problems[rank].empty()) continue;
    throw Error(Kind::io, (world.size() > 1 ? "rank " + std::to_string(rank) + ": " : "") + problems[rank]);
  }
}

}  // namespace

CheckpointSaver::CheckpointSaver(std::filesystem::path run, Retention retention, comm::Communicator& world)
    : run_(std::move(run)), retention_(retention), world_(world) {
  comm::together(world_, [&] {
    if (world_.rank() != 0) return;
    for (const auto& entry : std::filesystem::directory_iterator(run_)) {
      const std::string name = entry.path().filename();
      if (name.starts_with("step-") && name.ends_with(".partial")) std::filesystem::remove_all(entry.path());
    }
  });
}

CheckpointSaver::~CheckpointSaver() {
  if (!writer_.joinable()) return;
  if (world_.size() > 1) decide(Verdict::abandon);  // the others are gone: nobody knows whether their parts are there
  writer_.join();
}

std::size_t CheckpointSaver::staging_bytes(const std::vector<NamedTensor>& tensors) {
  std::size_t bytes = 0;
  for (const NamedTensor& named : tensors) bytes += padded(named.tensor.bytes());
  return bytes;
}

void CheckpointSaver::save(Stream& stream, std::int64_t step, const std::vector<NamedTensor>& tensors, Json model,
                           Json trainer, Json provenance) {
  finish();
  const std::size_t bytes = staging_bytes(tensors);
  if (staging_.bytes() < bytes + alignment) staging_ = Buffer(bytes + alignment, stream.device(), Buffer::Use::staging);
  std::byte* const memory = staging_.data() + (-reinterpret_cast<std::uintptr_t>(staging_.data())) % alignment;
  std::vector<NamedTensor> staged;
  std::vector<Snapshot::Copy> copies;
  std::size_t offset = 0;
  for (const NamedTensor& named : tensors) {
    staged.push_back(
        {named.name, Tensor(memory + offset, named.tensor.dtype, named.tensor.shape), named.first_row, named.whole});
    copies.push_back({named.tensor, staged.back().tensor});
    offset += padded(named.tensor.bytes());
  }
  if (!snapshot_) snapshot_.emplace(stream);
  snapshot_->take(stream, copies);
  const std::filesystem::path folder = run_ / store::step_folder_name(step);
  write_together(world_, [&] {
    if (world_.rank() == 0) formats::begin_checkpoint(folder);
  });
  comm::together(world_, [&] {
    if (std::filesystem::exists(folder.string() + ".partial")) return;
    throw Error(Kind::cannot_create, folder.string() + ".partial: rank " + std::to_string(world_.rank()) +
                                         " does not see what rank 0 made: a run's folder must be on a file system that "
                                         "all nodes share");
  });
  part_done_ = false;
  verdict_ = world_.size() == 1 ? Verdict::complete : Verdict::pending;
  writer_ = std::thread([this, step, staged = std::move(staged), model = std::move(model), trainer = std::move(trainer),
                         provenance = std::move(provenance)] {
    try {
      write(step, staged, model, trainer, provenance);
    } catch (...) {
      failure_ = std::current_exception();
      failed_ = true;
    }
  });
}

// On the writer's thread.
void CheckpointSaver::write(std::int64_t step, const std::vector<NamedTensor>& staged, const Json& model,
                            const Json& trainer, const Json& provenance) {
  const Stopwatch time;
  const std::filesystem::path folder = run_ / store::step_folder_name(step);
  const auto remove_unfinished = [&] {
    std::error_code ignored;
    std::filesystem::remove_all(folder.string() + ".partial", ignored);
  };
  try {
    snapshot_->wait();
    formats::CheckpointPart part(folder, world_.rank());
    for (const NamedTensor& named : staged) {
      const bool rows = named.whole.rank() > 0;
      part.add(named.name, named.tensor, named.first_row, rows ? named.whole : named.tensor.shape);
    }
    part.finish();
  } catch (...) {
    if (world_.size() == 1) remove_unfinished();
    throw;
  }
  part_done_ = true;
  if (world_.rank() != 0) return;
  if (decision() == Verdict::abandon) return remove_unfinished();
  const std::vector<formats::CheckpointDocument> documents{{"model.json", dump_json(model, 2)},
                                                           {"trainer.json", dump_json(trainer, 2)}};
  try {
    formats::complete_checkpoint(folder, world_.size(), documents, provenance);
  } catch (...) {
    remove_unfinished();
    throw;
  }
  prune();
  last_write_s_ = time.seconds();
}

void CheckpointSaver::decide(Verdict verdict) {
  const std::lock_guard lock(mutex_);
  if (verdict_ == Verdict::pending) verdict_ = verdict;
  decided_.notify_all();
}

CheckpointSaver::Verdict CheckpointSaver::decision() {
  std::unique_lock lock(mutex_);
  decided_.wait(lock, [&] { return verdict_ != Verdict::pending; });
  return verdict_;
}

void CheckpointSaver::agree(const State& any_rank) {
  if (any_rank.failed) return finish();
  if (!any_rank.writing && writer_.joinable()) decide(Verdict::complete);
}

void CheckpointSaver::finish() {
  if (world_.size() > 1 && writer_.joinable()) {
    // Rank 0's writer waits for the word that all parts are there; the others' ends with their part.
    if (world_.rank() != 0) writer_.join();
    while (!part_done_ && !failed_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const bool failed = comm::largest(world_, {failed_})[0] != 0;
    decide(failed ? Verdict::abandon : Verdict::complete);
  }
  if (writer_.joinable()) writer_.join();
  write_together(world_, [&] {
    if (failed_.exchange(false)) std::rethrow_exception(std::exchange(failure_, nullptr));
  });
}

void CheckpointSaver::prune() const {
  std::vector<store::StepFolder> all = store::checkpoints_of(run_);
  const auto keep = static_cast<std::size_t>(std::max<std::int64_t>(retention_.keep, 1));
  for (std::size_t i = 0; i + keep < all.size(); ++i) {
    const bool permanent = retention_.keep_every > 0 && all[i].step % retention_.keep_every == 0;
    // Renamed first, so that a removal cut short does not leave half a checkpoint under a complete one's name.
    if (permanent) continue;
    const std::filesystem::path doomed = all[i].path.string() + ".partial";
    std::filesystem::rename(all[i].path, doomed);
    std::filesystem::remove_all(doomed);
  }
}

}  // namespace hearth::train
