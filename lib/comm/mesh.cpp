// SPDX-License-Identifier: Apache-2.0
#include "lib/comm/mesh.h"

#include <utility>

namespace hearth::comm {

MeshShape MeshShape::for_ranks(int n_ranks) const {
  const std::pair<const char*, int> given[] = {
      {"--pp", pipeline}, {"--cp", context}, {"--tp", tensor}, {"--ep", expert}};
  for (const auto& [name, value] : given) {
    if (value < 1) throw Error(Kind::config, std::string(name) + " " + std::to_string(value) + ": at least 1");
  }
  if (data < 0) throw Error(Kind::config, "--dp " + std::to_string(data) + ": at least 1, or 0 for what is left over");
  MeshShape filled = *this;
  const std::int64_t others = std::int64_t{pipeline} * context * tensor;
  const std::string product = "--pp x --cp x --tp = " + std::to_string(others);
  if (data == 0) {
    if (n_ranks % others != 0) {
      throw Error(Kind::config, product + " does not divide the " + std::to_string(n_ranks) +
                                    " ranks: start a multiple of it, or change one of them");
    }
    filled.data = static_cast<int>(n_ranks / others);
  } else if (others * data != n_ranks) {
    throw Error(Kind::config, "--dp x " + product.substr(0, product.find('=')) + "= " + std::to_string(others * data) +
                                  ", but there are " + std::to_string(n_ranks) +
                                  " ranks: leave out --dp, or start as many");
  }
  if (filled.data * context % expert != 0) {
    throw Error(Kind::config, "--ep " + std::to_string(expert) + " does not divide --dp x --cp = " +
                                  std::to_string(filled.data * context) + ", over which the experts are spread");
  }
  return filled;
}

std::string MeshShape::text() const {
  std::string text;
  const auto add = [&](const char* name, int value) {
    if (value > 1) text += (text.empty() ? "" : " ") + std::string(name) + " " + std::to_string(value);
  };
  add("--dp", data);
  add("--pp", pipeline);
  add("--cp", context);
  add("--tp", tensor);
  add("--ep", expert);
  return text.empty() ? "one rank" : text;
}

Coordinates coordinates_of(const MeshShape& shape, int rank) {
  Coordinates at;
  at.tensor = rank % shape.tensor;
  at.context = rank / shape.tensor % shape.context;
  at.data = rank / (shape.tensor * shape.context) % shape.data;
  at.pipeline = rank / (shape.tensor * shape.context * shape.data);
  at.expert = (at.data * shape.context + at.context) % shape.expert;
  return at;
}

Mesh::Mesh(std::unique_ptr<Communicator> world, const MeshShape& shape, int local_size)
    : shape_(shape),
      local_size_(local_size),
      coordinates_(coordinates_of(shape, world->rank())),
      world_(std::move(world)) {
  HEARTH_CHECK(shape.n_ranks() == world_->size(), "the mesh has another size than the world");
  const Coordinates& at = coordinates_;
  const int plane = at.data * shape.context + at.context;  // among the data and context ranks of a stage
  const int expert_block = plane / shape.expert;
  // A group is what differs in the other coordinates only: the color counts those.
  const auto color = [](std::initializer_list<std::pair<int, int>> digits) {
    int value = 0;
    for (const auto& [digit, base] : digits) value = value * base + digit;
    return value;
  };
  const std::pair<int, int> p{at.pipeline, shape.pipeline}, d{at.data, shape.data}, c{at.context, shape.context},
      t{at.tensor, shape.tensor}, block{expert_block, shape.data * shape.context / shape.expert},
      e{at.expert, shape.expert};
  const int rank = world_->rank();
  groups_[0] = world_->split(color({p, c, t}), rank);
  groups_[1] = world_->split(color({d, c, t}), rank);
  groups_[2] = world_->split(color({p, d, t}), rank);
  groups_[3] = world_->split(color({p, d, c}), rank);
  groups_[4] = world_->split(color({p, block, t}), rank);
  groups_[5] = world_->split(color({p, t}), rank);
  groups_[6] = world_->split(color({p, e, t}), rank);
}

Mesh::Mesh() : Mesh(make_self_communicator(), MeshShape{.data = 1}) {}

}  // namespace hearth::comm
