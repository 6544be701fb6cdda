// SPDX-License-Identifier: Apache-2.0
#include "lib/train/saver.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "formats/checkpoint.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/store/checkpoint_model.h"

namespace hearth::train {
namespace {

std::size_t padded(std::size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

}  // namespace

CheckpointSaver::CheckpointSaver(std::filesystem::path run, Retention retention)
    : run_(std::move(run)), retention_(retention) {
  for (const auto& entry : std::filesystem::directory_iterator(run_)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("step-") && name.ends_with(".partial")) std::filesystem::remove_all(entry.path());
  }
}

CheckpointSaver::~CheckpointSaver() {
  if (writer_.joinable()) writer_.join();
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
  if (staging_.bytes() < bytes) staging_ = Buffer(bytes, stream.device(), Buffer::Use::staging);
  std::vector<NamedTensor> staged;
  std::size_t offset = 0;
  for (const NamedTensor& named : tensors) {
    staged.push_back({named.name, Tensor(staging_.data() + offset, named.tensor.dtype, named.tensor.shape)});
    offset += padded(named.tensor.bytes());
  }
  stream.pool().for_each(static_cast<std::int64_t>(stream.is_host() ? tensors.size() : 1), [&](std::int64_t i, int) {
    const auto at = static_cast<std::size_t>(i);
    const std::size_t end = stream.is_host() ? at + 1 : tensors.size();  // a device's copies go one after another
    for (std::size_t each = at; each < end; ++each) stream.copy(tensors[each].tensor, staged[each].tensor);
  });
  stream.wait();
  writer_ = std::thread([this, step, staged = std::move(staged), model = std::move(model), trainer = std::move(trainer),
                         provenance = std::move(provenance)] {
    try {
      const Stopwatch time;
      formats::CheckpointWriter writer(run_ / store::step_folder_name(step));
      for (const NamedTensor& named : staged) writer.add(named.name, named.tensor);
      writer.add_json("model.json", dump_json(model, 2));
      writer.add_json("trainer.json", dump_json(trainer, 2));
      writer.finish(provenance);
      prune();
      last_write_s_ = time.seconds();
    } catch (...) {
      failure_ = std::current_exception();
      failed_ = true;
    }
  });
}

void CheckpointSaver::finish() {
  if (writer_.joinable()) writer_.join();
  if (failed_.exchange(false)) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void CheckpointSaver::throw_if_failed() {
  if (failed_) finish();
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
