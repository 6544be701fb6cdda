// SPDX-License-Identifier: Apache-2.0
// A graph of cuDNN: tensors of four axes, operations on them, and the plan that the library makes of them all. A tensor
// either lies in memory that each run names, or passes between operations inside the library's kernel.
#pragma once
#include <array>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cuda/dnn/api.h"

namespace hearth::kernels::cuda::dnn {

// Owns one descriptor.
class Owned {
 public:
  Owned(const Library& library, Descriptor kind);
  Owned(Owned&& other) noexcept;
  Owned& operator=(Owned&&) = delete;
  ~Owned();

  template <class T>
  void set(Attribute attribute, AttributeType type, const T& value) {
    set(attribute, type, 1, &value);
  }
  void set(Attribute attribute, RawDescriptor descriptor) { set(attribute, AttributeType::descriptor, descriptor); }
  void set(Attribute attribute, AttributeType type, std::int64_t count, const void* elements);
  bool try_to_finish();  // false: the library does not take it, and last_error() says why
  void finish();         // throws Error{unavailable} then
  RawDescriptor raw() const { return raw_; }
  const Library& library() const { return *library_; }

 private:
  const Library* library_;
  RawDescriptor raw_ = nullptr;
};

// What the library says of the call that failed last in this thread.
std::string last_error(const Library& library);

using Extents = std::array<std::int64_t, 4>;  // batch, head, row, column
Extents packed(const Extents& extents);       // the strides of a row-major tensor

struct Node {
  std::int64_t id = 0;
  DataType type = DataType::f32;
  Extents extents{}, strides{};
  RawDescriptor raw = nullptr;
};

// How much of each batch counts: [batch, 1, 1, 1] i32 each, none: all.
struct Lengths {
  const Node *rows = nullptr, *columns = nullptr, *depth = nullptr;
};

// The GPU that a plan is for: the one of a handle, or, where none is at hand, one that a text of cuDNN's describes.
struct Target {
  Handle handle = nullptr;
  RawDescriptor device = nullptr;
};

class Graph {
 public:
  explicit Graph(const Library& library) : library_(&library) {}

  // In memory that a run names by id, 16-byte aligned. offsets [batch + 1, 1, 1, 1] i64: where the rows of each batch
  // begin, in elements; else batches lie extents.strides apart.
  Node memory(std::int64_t id, DataType type, const Extents& extents, const Extents& strides,
              const Node* offsets = nullptr);
  Node number(float value);
  // Between operations; offsets as its source has them.
  Node between(DataType type, const Extents& extents, const Extents& strides, const Node* offsets = nullptr);
  Node between(DataType type, const Extents& extents) { return between(type, extents, packed(extents)); }

  // Each puts its result into y, and returns it. Heads of b, or of y in a sum, may be fewer: a group of the others
  // shares one.
  Node multiply(const Node& a, const Node& b, const Node& y, const Lengths& lengths);
  Node pointwise(Pointwise mode, const Node& x, const Node* b, const Node& y, const Node* t = nullptr);
  Node index(const Node& like, std::int64_t axis);
  Node reduce(Reduction how, const Node& x, const Node& y);
  Node reshape(const Node& x, const Node& y);

  std::size_t n_operations() const { return operations_.size(); }

 private:
  friend class Plan;
  Node add(std::int64_t id, DataType type, const Extents& extents, const Extents& strides, bool is_virtual,
           bool by_value, const Node* offsets);

  const Library* library_;
  std::vector<Owned> owned_, operations_;
  std::deque<float> numbers_;
  std::vector<std::pair<std::int64_t, const float*>> bound_numbers_;
  std::int64_t next_id_ = 1000;  // above those that the maker gives
};

// What a tensor in memory is for one run.
struct Binding {
  std::int64_t id;
  void* at;
};

// The first of the plans that the library's heuristics name for a graph and GPU and that it can make: never timed.
class Plan {
 public:
  // Throws Error{unavailable} that says why there is none.
  Plan(Graph graph, const Target& target);

  std::size_t workspace_bytes() const { return workspace_bytes_; }
  std::size_t n_operations() const { return graph_.n_operations(); }
  // Puts the work into the handle's stream. workspace: workspace_bytes() of the device.
  void run(Handle handle, std::span<const Binding> bindings, void* workspace) const;

 private:
  Graph graph_;              // keeps the descriptors and numbers
  std::vector<Owned> plan_;  // one
  std::size_t workspace_bytes_ = 0;
};

}  // namespace hearth::kernels::cuda::dnn
