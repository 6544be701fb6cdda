// SPDX-License-Identifier: Apache-2.0
// How a batch reaches the kernels. On the host they read it where it is. For a device it is packed into pinned memory,
// copied there in a stream of its own while the pass before still computes, and lies at the same addresses for every
// batch of a shape, so that a recorded pass finds the new one. Batches that are needed at the same time (of pipeline
// stages) have a place each.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lib/device/device.h"
#include "lib/device/memory.h"
#include "lib/nn/batch.h"
#include "lib/nn/pass.h"

namespace hearth::nn {

class Feed {
 public:
  struct Numbers {
    double normaliser = 1;
    float balance_coefficient = 0, router_z_coefficient = 0;  // the settings
  };
  struct Placed {
    Batch batch;
    Scalars scalars;
  };

  // in_flight: batches that may be under way before the host must wait for one. Memory comes from arena, which may
  // measure.
  Feed(const Device& device, std::int64_t max_tokens, std::int64_t in_flight, std::int64_t n_places, Arena& arena);

  // On a device the sequences are filled up to a round number by empty ones behind the last token, so that few shapes
  // differ. What it returns is good until the next call with that place.
  Placed place(Stream& stream, const Batch& batch, const Numbers& numbers, std::size_t place = 0);
  static std::int64_t padded_sequences(std::int64_t n_sequences);
  static std::size_t staging_bytes(std::int64_t max_tokens, std::int64_t in_flight);  // pinned memory on a device

 private:
  // A batch in one piece of memory.
  struct Layout {
    std::int64_t tokens, sequences;
    std::int64_t bytes() const;
    Placed at(std::byte* memory) const;
  };
  struct Slot {
    std::byte* memory;
    std::unique_ptr<Event> copied;
  };
  void start(Stream& stream);
  static void write(const Placed& to, const Batch& batch, const Numbers& numbers);

  Device device_;
  std::int64_t in_flight_, most_bytes_;
  std::vector<Tensor> places_;  // on the device: what the kernels read
  Tensor halves_[2];            // and where copies arrive
  alignas(16) std::byte host_scalars_[64];
  Buffer pinned_;
  std::optional<Stream> copies_;
  std::vector<Slot> slots_;
  std::unique_ptr<Event> released_[2];  // of halves_
  std::size_t next_ = 0;
};

}  // namespace hearth::nn
