// SPDX-License-Identifier: Apache-2.0
// cuDNN's stand-in: takes descriptors as the library does, refuses what does not fit together, and puts a run of the
// graph (cudnn_graph.h) into the stream. What the library asks of each descriptor is written from its documentation,
// apart from the code that makes them.
#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "kernels/cuda_backend.h"
#include "tests/simt/cudnn_graph.h"
#include "tests/simt/standin/cuda_runtime.h"

namespace {

using namespace hearth::kernels::cuda::dnn;
using simt::DnnOperation;
using simt::DnnTensor;
using Extents = std::vector<std::int64_t>;

enum : Status { done = 0, bad_parameter = 2000, not_supported = 3000 };
constexpr std::int64_t workspace_bytes = 4096;

std::string problem;  // of the last call that failed

Status fail(const std::string& what, Status status = bad_parameter) {
  problem = what;
  return status;
}

struct Record {
  Descriptor kind;
  std::map<Attribute, std::vector<std::byte>> attributes;
  bool finished = false;

  template <class T>
  std::vector<T> all(Attribute attribute) const {
    const auto found = attributes.find(attribute);
    if (found == attributes.end()) return {};
    std::vector<T> values(found->second.size() / sizeof(T));
    for (std::size_t i = 0; i < values.size(); ++i) std::memcpy(&values[i], &found->second[i * sizeof(T)], sizeof(T));
    return values;
  }
  template <class T>
  std::optional<T> one(Attribute attribute) const {
    const auto found = attributes.find(attribute);
    if (found == attributes.end() || found->second.size() != sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, found->second.data(), sizeof(T));
    return value;
  }
  const Record* part(Attribute attribute) const {
    return static_cast<const Record*>(one<RawDescriptor>(attribute).value_or(nullptr));
  }
};

struct Session {
  cudaStream_t stream = nullptr;
};

const Record& of(RawDescriptor raw) {
  return *static_cast<const Record*>(raw);
}

std::size_t bytes_of(AttributeType type) {
  switch (type) {
    case AttributeType::boolean:
    case AttributeType::characters:
      return 1;
    case AttributeType::handle:
    case AttributeType::int64:
    case AttributeType::pointer:
    case AttributeType::descriptor:
      return 8;
    default:
      return 4;
  }
}

DnnTensor tensor_of(const Record& r) {
  const Record* offsets = r.part(Attribute::tensor_ragged_offsets);
  return {.id = r.one<std::int64_t>(Attribute::tensor_id).value_or(0),
          .type = r.one<DataType>(Attribute::tensor_type).value_or(DataType::f32),
          .extents = r.all<std::int64_t>(Attribute::tensor_extents),
          .strides = r.all<std::int64_t>(Attribute::tensor_strides),
          .is_virtual = r.one<bool>(Attribute::tensor_is_virtual).value_or(false),
          .by_value = r.one<bool>(Attribute::tensor_is_by_value).value_or(false),
          .offsets_id = offsets ? offsets->one<std::int64_t>(Attribute::tensor_id).value_or(0) : 0};
}

Status check_tensor(const Record& r) {
  if (!r.one<std::int64_t>(Attribute::tensor_id) || !r.one<DataType>(Attribute::tensor_type) ||
      !r.one<std::int64_t>(Attribute::tensor_alignment))
    return fail("a tensor without id, type or alignment");
  const DnnTensor t = tensor_of(r);
  if (t.extents.size() != 4 || t.strides.size() != 4) return fail("a tensor that has not four axes");
  for (std::size_t i = 0; i < 4; ++i)
    if (t.extents[i] < 1 || t.strides[i] < 1) return fail("an extent or a stride below one");
  if (t.is_virtual && t.by_value) return fail("a tensor that is virtual and a number");
  if (t.offsets_id == 0) return done;
  const DnnTensor offsets = tensor_of(*r.part(Attribute::tensor_ragged_offsets));
  if (offsets.extents != Extents{t.extents[0] + 1, 1, 1, 1} || offsets.type != DataType::i64 || offsets.is_virtual)
    return fail("ragged offsets are not [batch + 1, 1, 1, 1] of i64 in memory");
  return done;
}

// Where an operation's descriptor has its tensors; none: Attribute{}.
struct Parts {
  Attribute how, x, b, t, y;
};
Parts parts_of(Descriptor kind) {
  using A = Attribute;
  switch (kind) {
    case Descriptor::matmul_operation:
      return {A::matmul_operation, A::matmul_a, A::matmul_b, A{-1}, A::matmul_c};
    case Descriptor::pointwise_operation:
      return {A::pointwise_operation, A::pointwise_x, A::pointwise_b, A::pointwise_t, A::pointwise_y};
    case Descriptor::reduction_operation:
      return {A::reduction_operation, A::reduction_x, A{-1}, A{-1}, A::reduction_y};
    default:
      return {A::reshape_x, A::reshape_x, A{-1}, A{-1}, A::reshape_y};
  }
}

DnnOperation operation_of(const Record& r) {
  const Parts parts = parts_of(r.kind);
  const Record& how = *r.part(parts.how);
  const auto maybe = [&](Attribute attribute) -> std::optional<DnnTensor> {
    if (r.part(attribute) == nullptr) return std::nullopt;
    return tensor_of(*r.part(attribute));
  };
  return {.kind = r.kind,
          .mode = how.one<Pointwise>(Attribute::pointwise_mode).value_or(Pointwise::identity),
          .reduction = how.one<Reduction>(Attribute::reduction_operator).value_or(Reduction::add),
          .axis = how.one<std::int64_t>(Attribute::pointwise_axis).value_or(-1),
          .x = tensor_of(*r.part(parts.x)),
          .y = tensor_of(*r.part(parts.y)),
          .b = maybe(parts.b),
          .t = maybe(parts.t),
          .rows = maybe(Attribute::matmul_rows),
          .columns = maybe(Attribute::matmul_columns),
          .depth = maybe(Attribute::matmul_depth)};
}

bool spreads_to(const DnnTensor& from, const DnnTensor& to) {
  for (std::size_t i = 0; i < 4; ++i)
    if (from.extents[i] != to.extents[i] && from.extents[i] != 1) return false;
  return true;
}

Status check_matmul(const DnnOperation& o) {
  if (!o.b) return fail("a product of one matrix");
  const Extents &a = o.x.extents, &b = o.b->extents, &c = o.y.extents;
  if (a[0] != b[0] || a[0] != c[0] || a[1] != c[1] || a[1] % b[1] != 0 || a[2] != c[2] || a[3] != b[2] || b[3] != c[3])
    return fail("a product of matrices that do not fit");
  for (const auto& lengths : {o.rows, o.columns, o.depth})
    if (lengths && (lengths->extents != Extents{a[0], 1, 1, 1} || lengths->type != DataType::i32))
      return fail("lengths are not [batch, 1, 1, 1] of i32");
  return done;
}

Status check_pointwise(const DnnOperation& o) {
  const auto is_one_of = [&](std::initializer_list<Pointwise> modes) {
    return std::find(modes.begin(), modes.end(), o.mode) != modes.end();
  };
  const bool alone = is_one_of({Pointwise::exp, Pointwise::log, Pointwise::identity, Pointwise::index});
  const bool compares =
      is_one_of({Pointwise::greater, Pointwise::greater_equal, Pointwise::less, Pointwise::logical_and});
  if (alone == bool(o.b) || (o.mode == Pointwise::select) != bool(o.t))
    return fail("a pointwise operation with the wrong number of inputs");
  if ((o.mode == Pointwise::index) != (o.axis >= 0)) return fail("an index without an axis, or an axis without one");
  if (compares != (o.y.type == DataType::boolean)) return fail("comparisons, and they alone, give booleans");
  if (!spreads_to(o.x, o.y) || (o.b && !spreads_to(*o.b, o.y)) || (o.t && !spreads_to(*o.t, o.y)))
    return fail("inputs of a pointwise operation do not fit its output");
  if (o.t && o.t->type != DataType::boolean) return fail("a selection by what is no boolean");
  return done;
}

Status check_operation(const Record& r) {
  const Parts parts = parts_of(r.kind);
  for (const Attribute needed : {parts.how, parts.x, parts.y})
    if (r.part(needed) == nullptr) return fail("an operation lacks a part");
  for (const auto& each : r.attributes)
    if (!r.part(each.first)->finished) return fail("an operation on what is not finished");
  const DnnOperation o = operation_of(r);
  if (r.kind == Descriptor::matmul_operation) return check_matmul(o);
  if (r.kind == Descriptor::pointwise_operation) return check_pointwise(o);
  Extents turned = o.x.extents;
  std::swap(turned[2], turned[3]);
  if (r.kind == Descriptor::reshape_operation)
    return o.y.extents == turned || o.y.extents == o.x.extents ? done : fail("a reshape to another size");
  for (std::size_t i = 0; i < 4; ++i) {
    const std::int64_t from = o.x.extents[i], to = o.y.extents[i];
    if (from != to && to != 1 && !(i == 1 && from % to == 0)) return fail("a reduction to another size");
  }
  return done;
}

std::vector<const Record*> operations_of(const Record& graph) {
  std::vector<const Record*> all;
  for (RawDescriptor each : graph.all<RawDescriptor>(Attribute::graph_operations)) all.push_back(&of(each));
  return all;
}

// Every tensor is written once, a virtual one before it is read.
Status check_graph(const Record& r) {
  if (!r.one<Handle>(Attribute::graph_handle)) return fail("a graph without a handle");
  std::set<std::int64_t> written;
  for (const Record* each : operations_of(r)) {
    if (!each->finished) return fail("a graph of what is not finished");
    const DnnOperation o = operation_of(*each);
    for (const auto& input : {std::optional(o.x), o.b, o.t})
      if (input && input->is_virtual && !written.contains(input->id))
        return fail("a virtual tensor is read before it is written");
    if (!written.insert(o.y.id).second || o.y.by_value) return fail("a tensor is written twice");
  }
  return done;
}

// As the fused kernels of Hopper: two products of bf16 or more, heads of up to 256 in multiples of eight, and ragged
// tensors only where lengths say how far they go.
Status check_support(const Record& r) {
  int products = 0;
  for (const Record* each : operations_of(*r.part(Attribute::heuristics_graph))) {
    const DnnOperation o = operation_of(*each);
    if (o.kind != Descriptor::matmul_operation) continue;
    ++products;
    if (o.x.offsets_id != 0 && !o.rows) return fail("ragged rows without lengths", not_supported);
    for (const DnnTensor* t : {&o.x, &*o.b}) {
      const std::int64_t width = t->extents[t->strides[2] == 1 ? 2 : 3];  // of heads
      if (!t->is_virtual && (t->type != DataType::bf16 || width > 256 || width % 8 != 0))
        return fail("no kernel for heads of this size", not_supported);
    }
  }
  return products >= 2 ? done : fail("no kernel for this graph", not_supported);
}

const Record& graph_of_plan(const Record& plan) {
  return *plan.part(Attribute::plan_config)->part(Attribute::heuristics_graph);
}

Status make(Descriptor kind, RawDescriptor* made) {
  return *made = new Record{kind, {}, false}, done;
}
Status forget(RawDescriptor raw) {
  return delete static_cast<Record*>(raw), done;
}

Status set(RawDescriptor raw, Attribute attribute, AttributeType type, std::int64_t count, const void* elements) {
  Record& r = *static_cast<Record*>(raw);
  if (r.finished) return fail("an attribute of a finished descriptor");
  const auto* from = static_cast<const std::byte*>(elements);
  r.attributes[attribute] = {from, from + bytes_of(type) * static_cast<std::size_t>(count)};
  return done;
}

Status get(RawDescriptor raw, Attribute attribute, AttributeType, std::int64_t most, std::int64_t* count,
           void* elements) {
  if (!of(raw).finished || most < 1) return fail("an answer of what is not finished");
  *count = 1;
  if (attribute == Attribute::plan_workspace_bytes) {
    std::memcpy(elements, &workspace_bytes, sizeof(workspace_bytes));
  } else if (attribute == Attribute::heuristics_results) {
    auto* config = static_cast<Record*>(*static_cast<RawDescriptor*>(elements));
    config->attributes[Attribute::heuristics_graph] = of(raw).attributes.at(Attribute::heuristics_graph);
    config->finished = true;
  } else {
    return fail("an attribute the stand-in does not tell");
  }
  return done;
}

Status check(const Record& r) {
  switch (r.kind) {
    case Descriptor::tensor:
      return check_tensor(r);
    case Descriptor::matmul_operation:
    case Descriptor::pointwise_operation:
    case Descriptor::reduction_operation:
    case Descriptor::reshape_operation:
      return check_operation(r);
    case Descriptor::operation_graph:
      return check_graph(r);
    case Descriptor::heuristics:
      return r.part(Attribute::heuristics_graph) ? check_support(r) : fail("no graph to choose a kernel for");
    case Descriptor::plan:
      return r.part(Attribute::plan_config) && r.one<Handle>(Attribute::plan_handle) ? done : fail("a plan of nothing");
    default:
      return done;
  }
}

Status finish(RawDescriptor raw) {
  Record& r = *static_cast<Record*>(raw);
  const Status status = check(r);
  r.finished = status == done;
  return status;
}

// What every tensor in memory is bound to; complaint if one is not, or not aligned, or nothing knows it.
using Memory = std::map<std::int64_t, std::byte*>;
std::string find_unbound(const std::vector<DnnOperation>& operations, const Memory& memory) {
  std::set<std::int64_t> needed;
  for (const DnnOperation& o : operations) {
    for (const auto& t : {std::optional(o.x), std::optional(o.y), o.b, o.t, o.rows, o.columns, o.depth}) {
      if (!t || t->is_virtual) continue;
      needed.insert(t->id);
      if (t->offsets_id != 0) needed.insert(t->offsets_id);
      const auto bound = memory.find(t->id);
      if (bound != memory.end() && !t->by_value && reinterpret_cast<std::uintptr_t>(bound->second) % 16 != 0)
        return "tensor " + std::to_string(t->id) + " is not aligned";
    }
  }
  for (const std::int64_t id : needed)
    if (!memory.contains(id)) return "tensor " + std::to_string(id) + " is not bound";
  for (const auto& [id, at] : memory)
    if (!needed.contains(id)) return "the graph has no tensor " + std::to_string(id);
  return "";
}

Status execute(Handle handle, RawDescriptor plan, RawDescriptor pack) {
  std::vector<DnnOperation> operations;
  for (const Record* each : operations_of(graph_of_plan(of(plan)))) operations.push_back(operation_of(*each));
  const auto ids = of(pack).all<std::int64_t>(Attribute::pack_ids);
  const auto pointers = of(pack).all<void*>(Attribute::pack_pointers);
  if (ids.size() != pointers.size()) return fail("ids and pointers of a pack do not go together");
  Memory memory;
  for (std::size_t i = 0; i < ids.size(); ++i) memory[ids[i]] = static_cast<std::byte*>(pointers[i]);
  if (const std::string complaint = find_unbound(operations, memory); !complaint.empty()) return fail(complaint);
  auto* workspace = static_cast<std::byte*>(of(pack).one<void*>(Attribute::pack_workspace).value_or(nullptr));
  if (workspace == nullptr) return fail("no workspace");
  // Numbers are taken when the call is made, memory when the stream comes to it.
  std::map<std::int64_t, float> numbers;
  for (const DnnOperation& o : operations)
    if (o.b && o.b->by_value) std::memcpy(&numbers[o.b->id], memory.at(o.b->id), sizeof(float));
  simt::enqueue(static_cast<Session*>(handle)->stream, [=]() mutable {
    std::memset(workspace, 0xff, static_cast<std::size_t>(workspace_bytes));
    for (auto& [id, number] : numbers) memory[id] = reinterpret_cast<std::byte*>(&number);
    simt::run_dnn_graph(operations, memory);
  });
  return done;
}

}  // namespace

namespace hearth::kernels::cuda::dnn {

const Library& library() {
  static const Library standin{
      .version = [] { return std::size_t{91900}; },
      .error_text = [](Status status) { return status == not_supported ? "not supported" : "bad parameter"; },
      .last_error = [](char* text, std::size_t most) { text[problem.copy(text, most - 1)] = 0; },
      .create = [](Handle* handle) { return *handle = new Session, Status{done}; },
      .destroy = [](Handle handle) { return delete static_cast<Session*>(handle), Status{done}; },
      .set_stream =
          [](Handle handle, void* stream) {
            return static_cast<Session*>(handle)->stream = static_cast<cudaStream_t>(stream), Status{done};
          },
      .make = make,
      .forget = forget,
      .set = set,
      .get = get,
      .finish = finish,
      .execute = execute,
  };
  return standin;
}

}  // namespace hearth::kernels::cuda::dnn

namespace hearth::kernels {

Library cuda_dnn() {
  return {"cuDNN", "stand-in of the SIMT machine"};
}

}  // namespace hearth::kernels
