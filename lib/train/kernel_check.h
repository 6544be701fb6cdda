// SPDX-License-Identifier: Apache-2.0
// --check-kernels: the fast kernels held against the reference ones on the run's own weights and text.
#pragma once
#include <string>

#include "lib/data/loader.h"
#include "lib/device/context.h"
#include "lib/nn/model.h"

namespace hearth::train {

// Loss and all gradients of one row of held-out text (at most 128 tokens of it) by both. Gradients and expert counts
// are zero afterwards; where they are shared out among ranks, a rank compares the sums of the rows it owns. Returns the
// differences as text; throws Error{internal} naming the worst tensor when they are too large. Collective: among ranks
// each compares what it has, and all learn of the greatest difference.
std::string check_kernels(Context& context, nn::Model& model, const data::HeldOut& held_out);

}  // namespace hearth::train
