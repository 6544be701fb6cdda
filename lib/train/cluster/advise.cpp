// SPDX-License-Identifier: Apache-2.0
#include "lib/train/cluster/advise.h"

#include <algorithm>

namespace hearth::train {
namespace {

constexpr int most_context_ranks = 32;
constexpr std::int64_t least_context_piece =
    1024;  // tokens of a row on a context rank: below, hops cost more than they save
constexpr std::int64_t most_microbatch_tokens = 65536;

std::vector<int> divisors(int n, int most) {
  std::vector<int> list;
  for (int i = 1; i <= std::min(n, most); ++i) {
    if (n % i == 0) list.push_back(i);
  }
  return list;
}

int most_experts(const ModelShape& shape) {
  std::int64_t most = 1;
  for (const LayerShape& layer : shape.layers) most = std::max(most, layer.experts);
  return static_cast<int>(most);
}

int n_kinds(const comm::MeshShape& mesh) {
  return (mesh.pipeline > 1) + (mesh.context > 1) + (mesh.tensor > 1) + (mesh.expert > 1);
}

bool keeps(const comm::MeshShape& asked, const comm::MeshShape& mesh) {
  const auto open = [](int size, int found) { return size <= 1 || size == found; };
  return (asked.data == 0 || asked.data == mesh.data) && open(asked.pipeline, mesh.pipeline) &&
         open(asked.context, mesh.context) && open(asked.tensor, mesh.tensor) && open(asked.expert, mesh.expert);
}

// All shapes of the mesh whose sizes are worth a look.
std::vector<comm::MeshShape> meshes_of(const Job& job) {
  const int ranks = job.cluster.n_ranks(), layers = static_cast<int>(job.shape.layers.size());
  const int most_context =
      static_cast<int>(std::clamp<std::int64_t>(job.context / least_context_piece, 1, most_context_ranks));
  std::vector<comm::MeshShape> meshes;
  for (const int tensor : divisors(ranks, job.cluster.gpus_per_node)) {
    for (const int pipeline : divisors(ranks / tensor, layers)) {
      for (const int context : divisors(ranks / tensor / pipeline, most_context)) {
        const int data = ranks / tensor / pipeline / context;
        for (const int expert : divisors(data * context, most_experts(job.shape))) {
          const comm::MeshShape mesh{data, pipeline, context, tensor, expert};
          if (keeps(job.mesh, mesh)) meshes.push_back(mesh);
        }
      }
    }
  }
  return meshes;
}

}  // namespace

std::vector<Advice> advise(Job job, std::size_t most) {
  std::vector<Advice> found;
  for (const comm::MeshShape& mesh : meshes_of(job)) {
    job.mesh = mesh;
    const std::int64_t piece = std::max<std::int64_t>(1, job.context / mesh.context);
    for (std::int64_t rows = 1; rows == 1 || rows * piece <= most_microbatch_tokens; rows *= 2) {
      job.microbatch_rows = rows;
      if (!why_impossible(job).empty()) continue;
      Prediction prediction = predict(job);
      if (prediction.fits) found.push_back({mesh, rows, prediction});
    }
  }
  std::sort(found.begin(), found.end(),
            [](const Advice& a, const Advice& b) { return a.prediction.tokens_per_s > b.prediction.tokens_per_s; });
  if (found.empty()) return found;
  const double good = found.front().prediction.tokens_per_s * 0.99;
  const auto as_fast =
      std::find_if(found.begin(), found.end(), [&](const Advice& a) { return a.prediction.tokens_per_s < good; });
  std::stable_sort(found.begin(), as_fast,
                   [](const Advice& a, const Advice& b) { return n_kinds(a.mesh) < n_kinds(b.mesh); });
  found.resize(std::min(found.size(), most));
  return found;
}

}  // namespace hearth::train
