// SPDX-License-Identifier: Apache-2.0
// Replicas of a model hold the same weights to the bit: where they do not, memory, a processor or the network of some
// node changed them, and training on would hide it.
#pragma once
#include <string>
#include <vector>

#include "lib/comm/mesh.h"
#include "lib/nn/parameters.h"

namespace hearth::train {

// Compares digests of all weights over the ranks that hold the same ones. Collective over the mesh. Throws
// Error{unavailable} on every rank that holds such weights, naming those that differ from most, and their nodes.
void compare_replicas(Stream& stream, const nn::ParameterSet& parameters, const comm::Mesh& mesh,
                      const std::string& node);

}  // namespace hearth::train
