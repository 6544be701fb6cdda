// SPDX-License-Identifier: Apache-2.0
// How well a model predicts the held-out text.
#pragma once
#include <cstdint>

#include "lib/comm/mesh.h"
#include "lib/data/loader.h"
#include "lib/device/device.h"
#include "lib/nn/model.h"

namespace hearth::train {

// Views of a batch's arrays as the model takes them; the batch must outlive them.
nn::Batch view_of(const data::Batch& batch);

struct HeldOutResult {
  double loss = 0;           // nats per token
  double bits_per_byte = 0;  // bits per byte of the text: comparable between tokenizers; NaN where no byte is known
  std::int64_t n_tokens = 0, n_bytes = 0;
};

// Over all rows of held_out, rows_at_once at a time. Stops early, with an empty result (n_tokens 0), when a stop is
// requested by signal: a checkpoint must not wait for an evaluation. Collective over the mesh, whose data ranks share
// the rows.
HeldOutResult evaluate(Stream& stream, nn::Model& model, const data::HeldOut& held_out, std::int64_t rows_at_once,
                       const comm::Mesh& mesh);

}  // namespace hearth::train
