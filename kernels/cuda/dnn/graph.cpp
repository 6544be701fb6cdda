// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/dnn/graph.h"

#include "lib/base/error.h"

namespace hearth::kernels::cuda::dnn {
namespace {

constexpr std::int64_t alignment = 16, most_configs = 8;

[[noreturn]] void fail(const Library& library, const std::string& what) {
  throw Error(Kind::unavailable, "cuDNN: " + what + ": " + last_error(library));
}

void check(const Library& library, Status status, const char* what) {
  if (status != 0) fail(library, std::string(what) + " (" + library.error_text(status) + ")");
}

DataType precision_of(Pointwise mode) {
  switch (mode) {
    case Pointwise::index:
      return DataType::i32;
    case Pointwise::greater:
    case Pointwise::greater_equal:
    case Pointwise::less:
    case Pointwise::logical_and:
      return DataType::boolean;
    default:
      return DataType::f32;
  }
}

}  // namespace

std::string last_error(const Library& library) {
  char text[2048] = "";
  library.last_error(text, sizeof(text));
  std::string line(text);
  for (char& c : line) c = c == '\n' ? ' ' : c;
  constexpr std::size_t most = 300;  // it tells where in its own code each refusal went through
  return line.size() > most ? line.substr(0, most) + "..." : line.substr(0, line.find_last_not_of(' ') + 1);
}

Owned::Owned(const Library& library, Descriptor kind) : library_(&library) {
  check(library, library.make(kind, &raw_), "cannot make a descriptor");
}

Owned::Owned(Owned&& other) noexcept : library_(other.library_), raw_(std::exchange(other.raw_, nullptr)) {}

Owned::~Owned() {
  if (raw_ != nullptr) library_->forget(raw_);
}

void Owned::set(Attribute attribute, AttributeType type, std::int64_t count, const void* elements) {
  const Status status = library_->set(raw_, attribute, type, count, elements);
  if (status != 0) fail(*library_, "attribute " + std::to_string(static_cast<int>(attribute)));
}

bool Owned::try_to_finish() {
  return library_->finish(raw_) == 0;
}

void Owned::finish() {
  if (!try_to_finish()) fail(*library_, "a descriptor is not what the library takes");
}

Extents packed(const Extents& e) {
  return {e[1] * e[2] * e[3], e[2] * e[3], e[3], 1};
}

Node Graph::add(std::int64_t id, DataType type, const Extents& extents, const Extents& strides, bool is_virtual,
                bool by_value, const Node* offsets) {
  Owned& tensor = owned_.emplace_back(*library_, Descriptor::tensor);
  tensor.set(Attribute::tensor_id, AttributeType::int64, id);
  tensor.set(Attribute::tensor_type, AttributeType::data_type, type);
  tensor.set(Attribute::tensor_alignment, AttributeType::int64, alignment);
  tensor.set(Attribute::tensor_extents, AttributeType::int64, 4, extents.data());
  tensor.set(Attribute::tensor_strides, AttributeType::int64, 4, strides.data());
  tensor.set(Attribute::tensor_is_virtual, AttributeType::boolean, is_virtual);
  tensor.set(Attribute::tensor_is_by_value, AttributeType::boolean, by_value);
  if (offsets != nullptr) tensor.set(Attribute::tensor_ragged_offsets, offsets->raw);
  tensor.finish();
  return {id, type, extents, strides, tensor.raw()};
}

Node Graph::memory(std::int64_t id, DataType type, const Extents& extents, const Extents& strides,
                   const Node* offsets) {
  return add(id, type, extents, strides, false, false, offsets);
}

Node Graph::number(float value) {
  const Node node = add(next_id_++, DataType::f32, {1, 1, 1, 1}, {1, 1, 1, 1}, false, true, nullptr);
  bound_numbers_.emplace_back(node.id, &numbers_.emplace_back(value));
  return node;
}

Node Graph::between(DataType type, const Extents& extents, const Extents& strides, const Node* offsets) {
  return add(next_id_++, type, extents, strides, true, false, offsets);
}

Node Graph::multiply(const Node& a, const Node& b, const Node& y, const Lengths& lengths) {
  Owned& how = owned_.emplace_back(*library_, Descriptor::matmul);
  how.set(Attribute::matmul_precision, AttributeType::data_type, DataType::f32);
  how.finish();
  const RawDescriptor how_raw = how.raw();
  Owned& operation = operations_.emplace_back(*library_, Descriptor::matmul_operation);
  operation.set(Attribute::matmul_a, a.raw);
  operation.set(Attribute::matmul_b, b.raw);
  operation.set(Attribute::matmul_c, y.raw);
  operation.set(Attribute::matmul_operation, how_raw);
  if (lengths.rows != nullptr) operation.set(Attribute::matmul_rows, lengths.rows->raw);
  if (lengths.columns != nullptr) operation.set(Attribute::matmul_columns, lengths.columns->raw);
  if (lengths.depth != nullptr) operation.set(Attribute::matmul_depth, lengths.depth->raw);
  operation.finish();
  return y;
}

Node Graph::pointwise(Pointwise mode, const Node& x, const Node* b, const Node& y, const Node* t) {
  Owned& how = owned_.emplace_back(*library_, Descriptor::pointwise);
  how.set(Attribute::pointwise_mode, AttributeType::pointwise_mode, mode);
  how.set(Attribute::pointwise_precision, AttributeType::data_type, precision_of(mode));
  how.finish();
  const RawDescriptor how_raw = how.raw();
  Owned& operation = operations_.emplace_back(*library_, Descriptor::pointwise_operation);
  operation.set(Attribute::pointwise_operation, how_raw);
  operation.set(Attribute::pointwise_x, x.raw);
  if (b != nullptr) operation.set(Attribute::pointwise_b, b->raw);
  if (t != nullptr) operation.set(Attribute::pointwise_t, t->raw);
  operation.set(Attribute::pointwise_y, y.raw);
  operation.finish();
  return y;
}

Node Graph::index(const Node& like, std::int64_t axis) {
  const Node y = between(DataType::i32, like.extents);
  Owned& how = owned_.emplace_back(*library_, Descriptor::pointwise);
  how.set(Attribute::pointwise_mode, AttributeType::pointwise_mode, Pointwise::index);
  how.set(Attribute::pointwise_precision, AttributeType::data_type, precision_of(Pointwise::index));
  how.set(Attribute::pointwise_axis, AttributeType::int64, axis);
  how.finish();
  const RawDescriptor how_raw = how.raw();
  Owned& operation = operations_.emplace_back(*library_, Descriptor::pointwise_operation);
  operation.set(Attribute::pointwise_operation, how_raw);
  operation.set(Attribute::pointwise_x, like.raw);
  operation.set(Attribute::pointwise_y, y.raw);
  operation.finish();
  return y;
}

Node Graph::reduce(Reduction how_to, const Node& x, const Node& y) {
  Owned& how = owned_.emplace_back(*library_, Descriptor::reduction);
  how.set(Attribute::reduction_operator, AttributeType::reduction_operator, how_to);
  how.set(Attribute::reduction_precision, AttributeType::data_type, DataType::f32);
  how.finish();
  const RawDescriptor how_raw = how.raw();
  Owned& operation = operations_.emplace_back(*library_, Descriptor::reduction_operation);
  operation.set(Attribute::reduction_x, x.raw);
  operation.set(Attribute::reduction_y, y.raw);
  operation.set(Attribute::reduction_operation, how_raw);
  operation.finish();
  return y;
}

Node Graph::reshape(const Node& x, const Node& y) {
  Owned& operation = operations_.emplace_back(*library_, Descriptor::reshape_operation);
  operation.set(Attribute::reshape_x, x.raw);
  operation.set(Attribute::reshape_y, y.raw);
  operation.finish();
  return y;
}

Plan::Plan(Graph graph, const Target& target) : graph_(std::move(graph)) {
  const Library& library = *graph_.library_;
  Owned& operations = graph_.owned_.emplace_back(library, Descriptor::operation_graph);
  std::vector<RawDescriptor> raw;
  for (const Owned& each : graph_.operations_) raw.push_back(each.raw());
  if (target.handle != nullptr) operations.set(Attribute::graph_handle, AttributeType::handle, target.handle);
  operations.set(Attribute::graph_operations, AttributeType::descriptor, static_cast<std::int64_t>(raw.size()),
                 raw.data());
  operations.finish();
  const RawDescriptor operations_raw = operations.raw();

  Owned heuristics(library, Descriptor::heuristics);
  heuristics.set(Attribute::heuristics_graph, operations_raw);
  heuristics.set(Attribute::heuristics_mode, AttributeType::heuristics_mode, HeuristicsMode::a);
  if (target.device != nullptr) heuristics.set(Attribute::heuristics_device, target.device);
  if (!heuristics.try_to_finish()) fail(library, "it has no kernel for this");
  std::vector<Owned> configs;
  std::vector<RawDescriptor> results;
  for (std::int64_t i = 0; i < most_configs; ++i)
    results.push_back(configs.emplace_back(library, Descriptor::engine_config).raw());
  std::int64_t found = 0;
  check(library,
        library.get(heuristics.raw(), Attribute::heuristics_results, AttributeType::descriptor, most_configs, &found,
                    results.data()),
        "no answer of its heuristics");
  for (std::int64_t i = 0; i < found; ++i) {
    Owned plan(library, Descriptor::plan);
    plan.set(Attribute::plan_config, results[static_cast<std::size_t>(i)]);
    if (target.handle != nullptr) plan.set(Attribute::plan_handle, AttributeType::handle, target.handle);
    if (target.device != nullptr) plan.set(Attribute::plan_device, target.device);
    if (!plan.try_to_finish()) continue;
    std::int64_t bytes = 0, count = 0;
    check(library, library.get(plan.raw(), Attribute::plan_workspace_bytes, AttributeType::int64, 1, &count, &bytes),
          "a plan does not tell its workspace");
    workspace_bytes_ = static_cast<std::size_t>(bytes);
    graph_.owned_.push_back(std::move(configs[static_cast<std::size_t>(i)]));
    plan_.push_back(std::move(plan));
    return;
  }
  fail(library, "none of its kernels does this");
}

void Plan::run(Handle handle, std::span<const Binding> bindings, void* workspace) const {
  const Library& library = *graph_.library_;
  std::vector<std::int64_t> ids;
  std::vector<const void*> pointers;
  for (const Binding& each : bindings) {
    ids.push_back(each.id);
    pointers.push_back(each.at);
  }
  for (const auto& [id, at] : graph_.bound_numbers_) {
    ids.push_back(id);
    pointers.push_back(at);
  }
  Owned pack(library, Descriptor::variant_pack);
  pack.set(Attribute::pack_ids, AttributeType::int64, static_cast<std::int64_t>(ids.size()), ids.data());
  pack.set(Attribute::pack_pointers, AttributeType::pointer, static_cast<std::int64_t>(pointers.size()),
           pointers.data());
  pack.set(Attribute::pack_workspace, AttributeType::pointer, workspace);
  pack.finish();
  check(library, library.execute(handle, plan_[0].raw(), pack.raw()), "cannot run");
}

}  // namespace hearth::kernels::cuda::dnn
