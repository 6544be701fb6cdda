// SPDX-License-Identifier: Apache-2.0
// Streams, events, graphs, memory and staging of a CUDA device, and of the host behind the same interface.
#include <vector>

#include "lib/device/memory.h"
#include "lib/device/snapshot.h"
#include "tests/cuda/support.h"
#include "tests/support/catch.h"

namespace hearth {
namespace {

TEST_CASE("tensors go to the device and come back in the stream's order") {
  const Device device = GENERATE(true, false) ? test::gpu() : Device();
  ThreadPool pool(1);
  Stream stream(device, pool);
  Arena arena(1 << 12, device);
  Staging staging(device);
  float values[3] = {1, 2, 3};
  const Tensor host(values, {3});
  const Tensor there = staging.upload(&stream, host, arena), other = arena.allocate(DType::f32, {3});
  if (!device.is_host()) values[0] = 7;  // the copy was staged
  stream.copy(there, other);
  const Tensor back = staging.fetch(stream, other);
  stream.wait();
  CHECK(back.as<float>()[0] == 1);
  CHECK(back.as<float>()[2] == 3);
  stream.zero(other);
  const Tensor zeros = staging.fetch(stream, other);
  stream.wait();
  CHECK(zeros.as<float>()[1] == 0);
  const Tensor large(nullptr, DType::f32, {1 << 20});
  Arena measuring;
  CHECK(bool(staging.upload(nullptr, large, measuring)) == false);
  CHECK((measuring.peak_bytes() == 0) == device.is_host());
}

TEST_CASE("rows are copied, also one of a matrix wider than any pitch of CUDA's") {
  const Device device = GENERATE(true, false) ? test::gpu() : Device();
  ThreadPool pool(1);
  Stream stream(device, pool);
  const Buffer from(12, device), to(12, device);
  const auto tensor_of = [](const Buffer& buffer) { return Tensor(buffer.data(), DType::u8, {12}); };
  std::vector<std::uint8_t> values{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const auto after = [&](const Stream::Rows& of, const Stream::Rows& there, std::size_t bytes, std::size_t n) {
    stream.copy(Tensor(values.data(), {12}), tensor_of(from));
    stream.zero(tensor_of(to));
    stream.copy_rows(of, there, bytes, n);
    return host_copy<std::uint8_t>(stream, tensor_of(to));
  };
  using Bytes = std::vector<std::uint8_t>;
  CHECK(after({from.data() + 1, 4}, {to.data(), 2}, 2, 3) == Bytes{1, 2, 5, 6, 9, 10, 0, 0, 0, 0, 0, 0});
  CHECK(after({from.data(), 3}, {to.data(), 3}, 3, 3) == Bytes{0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0});
  CHECK(after({from.data() + 2, std::size_t{5} << 30}, {to.data(), 2}, 2, 1) ==
        Bytes{2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("device memory begins as zeros, and staging memory is used again") {
  const Device device = test::gpu();
  ThreadPool pool(1);
  Stream stream(device, pool);
  const Buffer memory(1000, device);
  Staging staging(device);
  const Tensor all(memory.data(), DType::u8, {1000});
  const Tensor first = staging.fetch(stream, all);
  stream.wait();
  for (int i = 0; i < 1000; ++i) REQUIRE(first.as<std::uint8_t>()[i] == 0);
  staging.reset();
  CHECK(staging.fetch(stream, all).data == first.data);
  stream.wait();
}

TEST_CASE("streams wait for events, events know their time") {
  const Device device = GENERATE(true, false) ? test::gpu() : Device();
  ThreadPool pool(1);
  Stream first(device, pool), second(device, pool);
  Buffer memory(8, device), pinned(8, device, Buffer::Use::staging);
  const Tensor there(memory.data(), DType::f32, {2}), here(pinned.data(), DType::f32, {2});
  here.as<float>()[0] = 5;
  Event begin(device), copied(device);
  begin.record(first);
  first.copy(here, there);
  copied.record(first);
  second.wait_for(copied);
  Staging staging(device);
  const Tensor back = staging.fetch(second, there);
  second.wait();
  CHECK(back.as<float>()[0] == 5);
  copied.wait();
  CHECK(copied.seconds_since(begin) >= 0);
}

TEST_CASE("a snapshot holds up nothing but changes") {
  const Device device = GENERATE(true, false) ? test::gpu() : Device();
  ThreadPool pool(2);
  Stream stream(device, pool);
  Buffer memory(64, device), pinned(64, device, Buffer::Use::staging);
  const Tensor weights(memory.data(), DType::f32, {2}), other(memory.data() + 32, DType::f32, {2});
  const Tensor copy(pinned.data(), DType::f32, {2}), source(pinned.data() + 32, DType::f32, {2});
  Snapshot snapshot(stream);
  for (const float value : {5.0f, 6.0f}) {
    source.as<float>()[0] = value;
    stream.copy(source, weights);
    copy.as<float>()[0] = -1;
    snapshot.take(stream, {{weights, copy}});
    Event beside(device);
    stream.copy(weights, other);
    beside.record(stream);
    beside.wait();
#ifdef HEARTH_SIMT
    // What came between has run, and the copy, which happens as late as it may, has not.
    if (!device.is_host()) CHECK(copy.as<float>()[0] == -1);
#endif
    snapshot.before_changes(stream);
    stream.zero(weights);
    stream.wait();
    CHECK(copy.as<float>()[0] == value);
    snapshot.wait();
  }
}

TEST_CASE("a graph repeats what was recorded") {
  const Device device = test::gpu();
  ThreadPool pool(1);
  Stream stream(device, pool);
  Buffer memory(8, device), pinned(8, device, Buffer::Use::staging);
  const Tensor there(memory.data(), DType::f32, {2}), here(pinned.data(), DType::f32, {2});
  const Graph graph(stream, [&] { stream.copy(here, there); });
  Staging staging(device);
  for (const float value : {1.0f, 2.0f}) {
    here.as<float>()[0] = value;
    graph.launch(stream);
    const Tensor back = staging.fetch(stream, there);
    stream.wait();
    CHECK(back.as<float>()[0] == value);
  }
  CHECK_THROWS_AS(Graph(stream, [&] { throw Error(Kind::internal, "no"); }), Error);
  stream.zero(there);  // and the stream is no longer recording
  stream.wait();
}

}  // namespace
}  // namespace hearth
