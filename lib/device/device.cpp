// SPDX-License-Identifier: Apache-2.0
#include "lib/device/device.h"

#include <algorithm>

#include "lib/device/cuda_api.h"
#include "lib/device/host_api.h"

namespace hearth {

Device::Device() : api_(&host_api()) {}

Device Device::cuda(int ordinal) {
  return Device(cuda_api(ordinal));
}

Stream::Stream(ThreadPool& pool, HostKernels kernels) : pool_(&pool), kernels_(kernels) {}

Stream::Stream(const Device& device, ThreadPool& pool)
    : device_(device), pool_(&pool), native_(device.api().make_stream()) {}

Stream::~Stream() {
  state_.reset();
  if (native_ != nullptr) device_.api().destroy_stream(native_);
}

void Stream::copy(const Tensor& from, const Tensor& to) {
  HEARTH_CHECK(from.dtype == to.dtype && from.n_elements() == to.n_elements(),
               "copy of " + from.shape.text() + " to " + to.shape.text());
  if (from.bytes() > 0 && from.data != to.data) device_.api().copy(native_, to.data, from.data, from.bytes());
}

void Stream::copy_rows(const Rows& from, const Rows& to, std::size_t row_bytes, std::size_t n_rows) {
  HEARTH_CHECK(n_rows < 2 || (from.pitch_bytes >= row_bytes && to.pitch_bytes >= row_bytes), "rows that overlap");
  if (row_bytes == 0 || n_rows == 0) return;
  const DeviceApi& api = device_.api();
  const auto at = [](const Rows& rows, std::size_t row) { return rows.first + row * rows.pitch_bytes; };
  if (n_rows == 1 || (from.pitch_bytes == row_bytes && to.pitch_bytes == row_bytes))
    return api.copy(native_, to.first, from.first, n_rows * row_bytes);
  if (std::max(from.pitch_bytes, to.pitch_bytes) > api.most_pitch_bytes) {  // few rows, as they are long
    for (std::size_t row = 0; row < n_rows; ++row) api.copy(native_, at(to, row), at(from, row), row_bytes);
    return;
  }
  api.copy_rows(native_, to.first, to.pitch_bytes, from.first, from.pitch_bytes, row_bytes, n_rows);
}

void Stream::zero(const Tensor& tensor) {
  if (tensor.bytes() > 0) device_.api().zero(native_, tensor.data, tensor.bytes());
}

void Stream::wait() {
  device_.api().wait(native_);
}

void Stream::wait_for(const Event& event) {
  device_.api().wait_in_stream(native_, event.native_);
}

Event::Event(const Device& device) : device_(device), native_(device.api().make_event()) {}
Event::~Event() {
  device_.api().destroy_event(native_);
}
void Event::record(Stream& stream) {
  device_.api().record(native_, stream.native());
}
void Event::wait() const {
  device_.api().wait_event(native_);
}
double Event::seconds_since(const Event& earlier) const {
  return device_.api().seconds_between(earlier.native_, native_);
}

Graph::~Graph() {
  device_.api().destroy_graph(native_);
}
void Graph::launch(Stream& stream) const {
  device_.api().launch_graph(native_, stream.native());
}

}  // namespace hearth
