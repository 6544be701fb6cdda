// SPDX-License-Identifier: Apache-2.0
#include "tests/simt/cudnn_graph.h"

#include <algorithm>
#include <cmath>

#include "lib/base/dtype.h"

namespace simt {
namespace {

using dnn::DataType;
using dnn::Descriptor;
using dnn::Pointwise;
using hearth::bf16;

// One batch of a tensor, as floats.
struct Values {
  std::int64_t heads, rows, columns;
  std::vector<float> x;

  explicit Values(const DnnTensor& like)
      : heads(like.extents[1]),
        rows(like.extents[2]),
        columns(like.extents[3]),
        x(static_cast<std::size_t>(heads * rows * columns)) {}
  float& at(std::int64_t h, std::int64_t i, std::int64_t j) {
    return x[static_cast<std::size_t>((h * rows + i) * columns + j)];
  }
  // Where an axis has one element, that for all; several heads share one where there are fewer.
  float spread(std::int64_t h, std::int64_t i, std::int64_t j, std::int64_t of_heads) const {
    const std::int64_t head = h * heads / of_heads, row = rows == 1 ? 0 : i, column = columns == 1 ? 0 : j;
    return x[static_cast<std::size_t>((head * rows + row) * columns + column)];
  }
};

float load(const std::byte* memory, DataType type, std::int64_t at) {
  switch (type) {
    case DataType::bf16:
      return static_cast<float>(reinterpret_cast<const bf16*>(memory)[at]);
    case DataType::i32:
      return static_cast<float>(reinterpret_cast<const std::int32_t*>(memory)[at]);
    default:
      return reinterpret_cast<const float*>(memory)[at];
  }
}

void store(std::byte* memory, DataType type, std::int64_t at, float x) {
  if (type == DataType::bf16)
    reinterpret_cast<bf16*>(memory)[at] = bf16(x);
  else
    reinterpret_cast<float*>(memory)[at] = x;
}

float pointwise(Pointwise mode, float x, float b, float t) {
  switch (mode) {
    case Pointwise::add:
      return x + b;
    case Pointwise::multiply:
      return x * b;
    case Pointwise::divide:
      return x / b;
    case Pointwise::subtract:
      return x - b;
    case Pointwise::exp:
      return std::exp(x);
    case Pointwise::log:
      return std::log(x);
    case Pointwise::greater:
      return x > b ? 1.0f : 0.0f;
    case Pointwise::greater_equal:
      return x >= b ? 1.0f : 0.0f;
    case Pointwise::less:
      return x < b ? 1.0f : 0.0f;
    case Pointwise::logical_and:
      return x != 0 && b != 0 ? 1.0f : 0.0f;
    case Pointwise::select:
      return t != 0 ? x : b;
    default:
      return x;
  }
}

class BatchRun {
 public:
  BatchRun(const std::vector<DnnOperation>& operations, const std::map<std::int64_t, std::byte*>& memory,
           const std::map<std::int64_t, std::int64_t>& unit, std::int64_t batch)
      : operations_(operations), memory_(memory), unit_(unit), batch_(batch) {}

  void run() {
    for (const DnnOperation& each : operations_) put(each.y, value_of(each));
  }

 private:
  // Of a tensor in memory: where the batch begins, and how far its sequence axis goes.
  struct Place {
    std::byte* memory;
    std::int64_t begin, rows;
  };
  Place place(const DnnTensor& t) const {
    std::byte* at = memory_.at(t.id);
    const std::int64_t whole = t.extents[t.sequence_axis()];
    if (t.offsets_id == 0) return {at, t.extents[0] == 1 ? 0 : batch_ * t.strides[0], whole};
    // Offsets count elements of the narrowest tensor that has them; wider ones of the same rows take them as multiples.
    const auto* offsets = reinterpret_cast<const std::int64_t*>(memory_.at(t.offsets_id));
    const std::int64_t stride = t.strides[t.sequence_axis()], unit = unit_.at(t.offsets_id);
    const std::int64_t first = offsets[batch_] / unit, last = offsets[batch_ + 1] / unit;
    return {at, first * stride, std::min(whole, last - first)};
  }
  template <class Visit>
  static void each_element(const DnnTensor& t, const Place& place, const Visit& visit) {
    std::int64_t extents[4] = {1, t.extents[1], t.extents[2], t.extents[3]};
    extents[t.sequence_axis()] = place.rows;
    for (std::int64_t h = 0; h < extents[1]; ++h)
      for (std::int64_t i = 0; i < extents[2]; ++i)
        for (std::int64_t j = 0; j < extents[3]; ++j)
          visit(h, i, j, place.begin + h * t.strides[1] + i * t.strides[2] + j * t.strides[3]);
  }

  const Values& get(const DnnTensor& t) {
    const auto known = values_.find(t.id);
    if (known != values_.end()) return known->second;
    Values values(t);
    const Place from = place(t);
    each_element(t, from, [&](std::int64_t h, std::int64_t i, std::int64_t j, std::int64_t at) {
      values.at(h, i, j) = load(from.memory, t.type, at);
    });
    return values_.emplace(t.id, std::move(values)).first->second;
  }
  void put(const DnnTensor& t, Values values) {
    if (t.type == DataType::bf16)
      for (float& x : values.x) x = static_cast<float>(bf16(x));
    if (!t.is_virtual) {
      const Place to = place(t);
      each_element(t, to, [&](std::int64_t h, std::int64_t i, std::int64_t j, std::int64_t at) {
        store(to.memory, t.type, at, values.at(h, i, j));
      });
    }
    values_.insert_or_assign(t.id, std::move(values));
  }

  std::int64_t length(const std::optional<DnnTensor>& lengths, std::int64_t whole) {
    if (!lengths) return whole;
    return std::min<std::int64_t>(whole, reinterpret_cast<const std::int32_t*>(memory_.at(lengths->id))[batch_]);
  }
  Values product(const DnnOperation& o) {
    const Values &a = get(o.x), &b = get(*o.b);
    Values y(o.y);
    const std::int64_t rows = length(o.rows, a.rows), columns = length(o.columns, b.columns);
    const std::int64_t depth = length(o.depth, a.columns);
    std::vector<float> line(static_cast<std::size_t>(b.columns));
    for (std::int64_t h = 0; h < a.heads; ++h) {
      const std::int64_t other = h * b.heads / a.heads;
      for (std::int64_t i = 0; i < rows; ++i) {
        std::fill(line.begin(), line.end(), 0.0f);
        for (std::int64_t k = 0; k < depth; ++k) {
          const float by = a.x[static_cast<std::size_t>((h * a.rows + i) * a.columns + k)];
          const float* from = &b.x[static_cast<std::size_t>((other * b.rows + k) * b.columns)];
          for (std::int64_t j = 0; j < columns; ++j) line[static_cast<std::size_t>(j)] += by * from[j];
        }
        std::copy(line.begin(), line.end(), &y.at(h, i, 0));
      }
    }
    return y;
  }
  Values reduction(const DnnOperation& o) {
    const Values& x = get(o.x);
    Values y(o.y);
    const bool adds = o.reduction == dnn::Reduction::add;
    std::fill(y.x.begin(), y.x.end(), adds ? 0.0f : -INFINITY);
    for (std::int64_t h = 0; h < x.heads; ++h)
      for (std::int64_t i = 0; i < x.rows; ++i)
        for (std::int64_t j = 0; j < x.columns; ++j) {
          float& sum = y.at(h * y.heads / x.heads, y.rows == 1 ? 0 : i, y.columns == 1 ? 0 : j);
          const float value = x.spread(h, i, j, x.heads);
          sum = adds ? sum + value : std::max(sum, value);
        }
    return y;
  }
  Values elements(const DnnOperation& o) {
    const Values& x = get(o.x);
    const Values *b = o.b ? &get(*o.b) : nullptr, *t = o.t ? &get(*o.t) : nullptr;
    Values y(o.y);
    for (std::int64_t h = 0; h < y.heads; ++h)
      for (std::int64_t i = 0; i < y.rows; ++i)
        for (std::int64_t j = 0; j < y.columns; ++j) {
          if (o.mode == Pointwise::index) {
            y.at(h, i, j) = static_cast<float>(o.axis == 2 ? i : o.axis == 3 ? j : h);
            continue;
          }
          y.at(h, i, j) = pointwise(o.mode, x.spread(h, i, j, y.heads), b ? b->spread(h, i, j, y.heads) : 0,
                                    t ? t->spread(h, i, j, y.heads) : 0);
        }
    return y;
  }
  // The same elements, rows and columns changed over where the extents say so.
  Values reshape(const DnnOperation& o) {
    const Values& x = get(o.x);
    Values y(o.y);
    const bool turned = (o.x.strides[2] > o.x.strides[3]) != (o.y.strides[2] > o.y.strides[3]) || x.rows != y.rows;
    for (std::int64_t h = 0; h < y.heads; ++h)
      for (std::int64_t i = 0; i < y.rows; ++i)
        for (std::int64_t j = 0; j < y.columns; ++j)
          y.at(h, i, j) = turned ? x.spread(h, j, i, x.heads) : x.spread(h, i, j, x.heads);
    return y;
  }
  Values value_of(const DnnOperation& o) {
    switch (o.kind) {
      case Descriptor::matmul_operation:
        return product(o);
      case Descriptor::reduction_operation:
        return reduction(o);
      case Descriptor::reshape_operation:
        return reshape(o);
      default:
        return elements(o);
    }
  }

  const std::vector<DnnOperation>& operations_;
  const std::map<std::int64_t, std::byte*>& memory_;
  const std::map<std::int64_t, std::int64_t>& unit_;
  std::int64_t batch_;
  std::map<std::int64_t, Values> values_;
};

}  // namespace

std::size_t DnnTensor::sequence_axis() const {
  std::size_t axis = 1;
  for (const std::size_t other : {2u, 3u})
    if (strides[other] > strides[axis] || (strides[other] == strides[axis] && extents[other] > extents[axis]))
      axis = other;
  return axis;
}

void run_dnn_graph(const std::vector<DnnOperation>& operations, const std::map<std::int64_t, std::byte*>& memory) {
  std::map<std::int64_t, std::int64_t> unit;  // of ragged offsets: elements of a row
  std::int64_t batches = 1;
  for (const DnnOperation& each : operations) {
    for (const DnnTensor* t : {&each.x, &each.y, each.b ? &*each.b : nullptr}) {
      if (t == nullptr) continue;
      batches = std::max(batches, t->extents[0]);
      if (t->offsets_id == 0) continue;
      const std::int64_t stride = t->strides[t->sequence_axis()];
      const auto [known, is_new] = unit.emplace(t->offsets_id, stride);
      if (!is_new) known->second = std::min(known->second, stride);
    }
  }
  for (std::int64_t batch = 0; batch < batches; ++batch) {
    const auto empty = [&](const auto& each) {
      const auto* offsets = reinterpret_cast<const std::int64_t*>(memory.at(each.first));
      return offsets[batch] == offsets[batch + 1];
    };
    if (!unit.empty() && std::all_of(unit.begin(), unit.end(), empty)) continue;
    BatchRun(operations, memory, unit, batch).run();
  }
}

}  // namespace simt
