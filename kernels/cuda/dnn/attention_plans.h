// SPDX-License-Identifier: Apache-2.0
// cuDNN as one stream uses it: its handle, and the plans made so far, one a shape. Making one takes some tenths of a
// second; so it happens when a shape is met first, never while work is recorded.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "kernels/cuda/dnn/attention_graphs.h"

namespace hearth::kernels::cuda::dnn {

class AttentionPlans {
 public:
  // Throws Error{unavailable} where there is no library, or an older one than the plans were tried with.
  explicit AttentionPlans(void* stream);
  ~AttentionPlans();
  AttentionPlans(const AttentionPlans&) = delete;
  AttentionPlans& operator=(const AttentionPlans&) = delete;

  // The plan, or why there is none.
  struct Made {
    std::optional<Plan> plan;
    std::string problem;
  };
  const Made& forward(const AttentionShape& shape) { return made(forward_, shape, attention_forward_graph); }
  const Made& backward(const AttentionShape& shape) { return made(backward_, shape, attention_backward_graph); }
  Handle handle() const { return handle_; }

 private:
  using Known = std::map<AttentionShape, Made>;
  const Made& made(Known& known, const AttentionShape& shape, Graph (*graph)(const Library&, const AttentionShape&));

  const Library& library_;
  Handle handle_ = nullptr;
  Known forward_, backward_;
};

}  // namespace hearth::kernels::cuda::dnn
