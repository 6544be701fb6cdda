// SPDX-License-Identifier: Apache-2.0
// Which mesh to train with: all that divide, predicted, the fastest first.
#pragma once
#include <cstddef>
#include <vector>

#include "lib/train/cluster/predict.h"

namespace hearth::train {

struct Advice {
  comm::MeshShape mesh;
  std::int64_t microbatch_rows = 0;
  Prediction prediction;
};

// At most `most` that fit into memory, the fastest first; of two that are as fast within 1 % the one with fewer kinds
// of parallelism. job's mesh and microbatch_rows are not looked at. Empty: nothing fits.
std::vector<Advice> advise(Job job, std::size_t most);

}  // namespace hearth::train
