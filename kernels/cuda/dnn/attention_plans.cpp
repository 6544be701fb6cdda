// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/dnn/attention_plans.h"

#include "lib/base/error.h"

namespace hearth::kernels::cuda::dnn {
namespace {
constexpr std::size_t oldest = 91900;  // 9.19
}

AttentionPlans::AttentionPlans(void* stream) : library_(library()) {
  if (const std::size_t version = library_.version(); version < oldest) {
    throw Error(Kind::unavailable, "cuDNN is " + std::to_string(version / 10000) + "." +
                                       std::to_string(version / 100 % 100) + ", older than 9.19");
  }
  if (library_.create(&handle_) != 0) throw Error(Kind::unavailable, "cuDNN cannot start: " + last_error(library_));
  if (library_.set_stream(handle_, stream) != 0) {
    library_.destroy(handle_);
    throw Error(Kind::unavailable, "cuDNN does not take the stream: " + last_error(library_));
  }
}

AttentionPlans::~AttentionPlans() {
  forward_.clear();
  backward_.clear();
  library_.destroy(handle_);
}

const AttentionPlans::Made& AttentionPlans::made(Known& known, const AttentionShape& shape,
                                                 Graph (*graph)(const Library&, const AttentionShape&)) {
  const auto found = known.find(shape);
  if (found != known.end()) return found->second;
  Made made;
  try {
    made.plan.emplace(graph(library_, shape), Target{.handle = handle_});
  } catch (const Error& error) {
    made.problem = error.what();
  }
  return known.emplace(shape, std::move(made)).first->second;
}

}  // namespace hearth::kernels::cuda::dnn
