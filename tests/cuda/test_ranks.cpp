// SPDX-License-Identifier: Apache-2.0
// Collectives over NCCL: every case of the host's, by one rank on a GPU and by several on the SIMT machine as threads;
// there also what is said of ranks that call differently, and steps of pretraining by two ranks.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <future>
#include <mutex>
#include <vector>

#include "lib/base/file.h"
#include "lib/comm/activity.h"
#include "lib/comm/heartbeat.h"
#include "lib/comm/mesh.h"
#include "lib/comm/nccl/communicator.h"
#include "lib/device/memory.h"
#include "lib/nn/model.h"
#include "lib/tools/watched_ranks.h"
#include "lib/train/data_parallel.h"
#include "tests/cuda/support.h"
#include "tests/cuda/tiny_run.h"
#include "tests/lib/comm/collective_cases.h"
#include "tests/lib/comm/thread_transport.h"
#include "tests/simt/runtime.h"
#include "tests/support/catch.h"
#ifdef HEARTH_SIMT
#include "tests/simt/nccl.h"
#endif

namespace hearth::comm {
namespace {

// NCCL takes one rank a GPU.
#ifdef HEARTH_SIMT
constexpr int most_ranks = 4;
#else
constexpr int most_ranks = 1;
#endif

// Tensors of the host through a communicator of devices: there, and back when the call is waited for.
class ThroughDevice final : public Communicator {
 public:
  explicit ThroughDevice(std::unique_ptr<Communicator> inner, const Device& device, ThreadPool& pool)
      : inner_(std::move(inner)), stream_(std::make_shared<Stream>(device, pool)) {}
  ThroughDevice(std::unique_ptr<Communicator> inner, std::shared_ptr<Stream> stream)
      : inner_(std::move(inner)), stream_(std::move(stream)) {}

  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  Pending all_reduce(Stream&, const Tensor& data, Reduce op) override {
    return call({data}, {data}, [&](auto& t) { return inner_->all_reduce(*stream_, t[0], op); });
  }
  Pending reduce_scatter(Stream&, const Tensor& from, const Tensor& to, Reduce op) override {
    return call({from, to}, {to}, [&](auto& t) { return inner_->reduce_scatter(*stream_, t[0], t[1], op); });
  }
  Pending all_gather(Stream&, const Tensor& from, const Tensor& to) override {
    return call({from, to}, {to}, [&](auto& t) { return inner_->all_gather(*stream_, t[0], t[1]); });
  }
  Pending reduce_pieces(Stream&, const Tensor& data, std::span<const std::int64_t> bounds, Reduce op) override {
    return call({data}, {data}, [&](auto& t) { return inner_->reduce_pieces(*stream_, t[0], bounds, op); });
  }
  Pending gather_pieces(Stream&, const Tensor& data, std::span<const std::int64_t> bounds) override {
    return call({data}, {data}, [&](auto& t) { return inner_->gather_pieces(*stream_, t[0], bounds); });
  }
  Pending all_to_all(Stream&, const Tensor& from, std::span<const std::int64_t> send_rows, const Tensor& to,
                     std::span<const std::int64_t> receive_rows) override {
    return call({from, to}, {to},
                [&](auto& t) { return inner_->all_to_all(*stream_, t[0], send_rows, t[1], receive_rows); });
  }
  Pending broadcast(Stream&, const Tensor& data, int root) override {
    return call({data}, {data}, [&](auto& t) { return inner_->broadcast(*stream_, t[0], root); });
  }
  Pending exchange(Stream&, const Tensor& send, int to, const Tensor& receive, int from) override {
    return call({send, receive}, {receive}, [&](auto& t) { return inner_->exchange(*stream_, t[0], to, t[1], from); });
  }
  void barrier() override { inner_->barrier(); }
  std::unique_ptr<Communicator> split(int color, int key) override {
    auto part = inner_->split(color, key);
    return part == nullptr ? nullptr : std::make_unique<ThroughDevice>(std::move(part), stream_);
  }
  Traffic traffic() const override { return inner_->traffic(); }

 private:
  struct State final : Pending::State {
    void wait(Stream&) override {
      pending.wait(*stream);
      for (std::size_t i = 0; i < results.size(); ++i) stream->copy(on_device[i], results[i]);
      stream->wait();
    }
    void finish() noexcept override {}
    Pending pending;
    std::shared_ptr<Stream> stream;
    std::vector<Buffer> memory;
    std::vector<Tensor> results, on_device;
  };

  template <class Call>
  Pending call(const std::vector<Tensor>& operands, const std::vector<Tensor>& results, const Call& make) {
    auto state = std::make_shared<State>();
    state->stream = stream_;
    std::vector<Tensor> there;
    for (const Tensor& each : operands) {
      state->memory.emplace_back(std::max<std::size_t>(each.bytes(), 8), stream_->device());
      there.push_back(each.data == nullptr && each.bytes() > 0
                          ? Tensor{}
                          : Tensor(state->memory.back().data(), each.dtype, each.shape));
      if (each.data != nullptr) stream_->copy(each, there.back());
      for (const Tensor& result : results) {
        if (result.data != each.data || each.bytes() == 0) continue;
        state->results.push_back(result);
        state->on_device.push_back(there.back());
      }
    }
    state->pending = make(there);
    return Pending(state);
  }

  std::unique_ptr<Communicator> inner_;
  std::shared_ptr<Stream> stream_;
};

// body(communicator over NCCL, a stream on the device) by each of n ranks.
void with_gpus(int n, const std::function<void(std::unique_ptr<Communicator>, Stream&)>& body) {
  with_thread_ranks(n, [&](std::unique_ptr<Communicator> host) {
    ThreadPool pool(1);
    const Device device = test::gpu();
    Stream stream(device, pool);
    body(make_nccl_communicator(std::move(host), device, pool), stream);
  });
}

// Whether there is an NCCL to be tried; a test that needs one passes without.
bool has_nccl() {
  try {
    with_gpus(1, [](std::unique_ptr<Communicator>, Stream&) {});
  } catch (const Error& error) {
    if (error.kind() != Kind::unavailable) throw;
    WARN("not tried: " << error.what());
    return false;
  }
  return true;
}

TEST_CASE("NCCL's collectives give the bits of the host's") {
  if (!has_nccl()) return;
  for (int n = 1; n <= most_ranks; ++n) {
    INFO(n << " ranks");
    with_gpus(n, [](std::unique_ptr<Communicator> world, Stream& stream) {
      ThroughDevice through(std::move(world), stream.device(), stream.pool());
      check_collectives(through, false);
    });
  }
}

#ifdef HEARTH_SIMT
TEST_CASE("a stream sees a collective's result when it waits for it, and goes on meanwhile") {
  with_gpus(2, [](std::unique_ptr<Communicator> world, Stream& stream) {
    const Buffer memory(1 << 12, stream.device());
    const Tensor a(memory.data(), DType::f32, {100}), b(memory.data() + 1024, DType::f32, {100});
    std::vector<float> ones(100, 1), result(100);
    stream.copy(Tensor(ones.data(), {100}), a);
    const std::int64_t calls = world->traffic().calls;
    Pending sum = world->all_reduce(stream, a);
    stream.zero(b);  // does not wait for it
    sum.wait(stream);
    stream.copy(a, b);
    stream.copy(b, Tensor(result.data(), {100}));
    stream.wait();
    if (result[99] != 2) throw Error(Kind::internal, "the sum is " + std::to_string(result[99]));
    if (world->traffic().calls != calls + 1) throw Error(Kind::internal, "one call");
  });
}

TEST_CASE("ranks that call in different orders, or send other lengths, are named") {
  simt::patience() = std::chrono::seconds(1);  // the other rank's part never comes
  const auto said = [](const std::function<void(Communicator&, Stream&, const Tensor&)>& body) {
    std::mutex mutex;
    std::string all;
    try {
      with_gpus(2, [&](std::unique_ptr<Communicator> world, Stream& stream) {
        const Buffer memory(1 << 12, stream.device());
        try {
          body(*world, stream, Tensor(memory.data(), DType::f32, {64}));
        } catch (const Error& error) {
          const std::lock_guard lock(mutex);
          all += error.what();
          throw;
        }
      });
    } catch (const Error&) {
    }
    return all;
  };
  using Catch::Contains;
  CHECK_THAT(said([](Communicator& world, Stream& stream, const Tensor& x) {
               if (world.rank() == 0)
                 world.broadcast(stream, x, 0).wait(stream);
               else
                 world.all_gather(stream, x.rows(0, 32), x).wait(stream);
               stream.wait();
             }),
             Contains("call 0 of the group") && Contains("broadcast of 256 bytes from rank 0") &&
                 Contains("all_gather of 128 bytes"));
  CHECK_THAT(said([](Communicator& world, Stream& stream, const Tensor& x) {
               const int peer = 1 - world.rank();
               world.exchange(stream, x.rows(0, 8 + world.rank()), peer, x.rows(32, 8), peer).wait(stream);
               stream.wait();
             }),
             Contains("message 0 from rank 1 to rank 0") && Contains("36 ") && Contains("32 "));
  simt::patience() = std::chrono::seconds(60);
}

TEST_CASE("what NCCL finds broken meanwhile ends a run by its heartbeat") {
  const test::Folder folder("broken");
  std::mutex mutex;
  std::vector<std::string> said;
  with_gpus(2, [&](std::unique_ptr<Communicator> world, Stream&) {
    const std::unique_ptr<Communicator> alone = world->split(world->rank(), 0);
    if (!world->failure().empty() || !alone->failure().empty()) throw Error(Kind::internal, "nothing is broken yet");
    std::promise<std::string> hung;
    const Activity activity;
    Heartbeat heartbeat(
        folder.path, {world->rank(), "node"}, activity, 1,
        [&](const std::string& what, bool speaks) { hung.set_value(speaks ? what : "silence"); },
        [&] { return alone->failure(); });
    world->barrier();
    if (world->rank() == 0) nccl::break_groups(2);
    const std::string what = hung.get_future().get();
    const std::lock_guard lock(mutex);
    said.push_back(what);
  });
  REQUIRE(said.size() == 2);
  for (const std::string& what : said)
    CHECK_THAT(what, Catch::Contains("NCCL: ranks lost each other: remote process exited"));
}

TEST_CASE("a rank that an error takes out of its calls waits for nobody") {
  std::promise<void> gone;
  std::shared_future<void> has_gone = gone.get_future().share();
  with_thread_ranks(2, [&](std::unique_ptr<Communicator> host) {
    ThreadPool pool(1);
    const Device device = test::gpu();
    const std::unique_ptr<Communicator> world = make_nccl_communicator(std::move(host), device, pool);
    Stream stream(device, pool);
    const Buffer memory(64, device);
    const Tensor all(memory.data(), DType::f32, {2});
    const auto gather = [&](Communicator& group) { return group.all_gather(stream, all.rows(group.rank(), 1), all); };
    std::unique_ptr<Communicator> part = world->split(0, world->rank());
    if (world->rank() == 1) {  // comes only when the other has left
      has_gone.wait();
      gather(*part).wait(stream);
      stream.wait();
      return;
    }
    try {
      const std::unique_ptr<Communicator> own = std::move(part);
      const Pending under_way = gather(*own);
      throw Error(Kind::data, "of this rank alone");
    } catch (const Error& error) {
      CHECK(error.kind() == Kind::data);
    }
    gone.set_value();
  });
}

// The child's ranks are threads of one process, which the first to fail ends.
TEST_CASE("a rank with a GPU that fails while another waits for it is told, and ends its process") {
  const test::Folder folder("failing-rank");
  const std::string said = (folder.path / "stderr").string();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (std::freopen(said.c_str(), "w", stderr) == nullptr) ::_exit(1);
    with_thread_ranks(2, [&](std::unique_ptr<Communicator> host) {
      ThreadPool pool(1);
      const Device device = test::gpu();
      const Mesh mesh(make_nccl_communicator(std::move(host), device, pool), {.data = 2});
      Log log{"test", LogLevel::error, Log::Progress::off};
      Stream stream(device, pool);
      Context context{.log = log, .pool = pool, .stream = stream, .seed = 1, .invocation = {}, .mesh = &mesh};
      context.invocation.tool = "test";
      tools::watched(context, folder.path, 0, [&](const tools::Guard& guard) {
        const Buffer memory(64, device);
        guard([&] {
          const Tensor all(memory.data(), DType::f32, {2});
          Communicator& world = mesh.world();
          world.barrier();  // both have a heartbeat
          const Pending under_way =
              world.exchange(stream, all.rows(0, 1), 1 - world.rank(), all.rows(1, 1), world.rank() == 0 ? 1 : -1);
          if (world.rank() == 0) throw Error(Kind::data, "of this rank alone");
          stream.wait();
          world.barrier();
        });
      });
    });
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == Error(Kind::data, "").exit_code());
  CHECK_THAT(read_file(said), Catch::Contains("test: of this rank alone"));
  const std::vector<Beat> beats = read_beats(folder.path / "heartbeats");
  REQUIRE(beats.size() == 2);
  CHECK(beats[0].end == Error(Kind::data, "").exit_code());
  CHECK_FALSE(beats[1].end);
}

#endif

}  // namespace
}  // namespace hearth::comm

#ifdef HEARTH_SIMT
namespace hearth::train {
namespace {

TEST_CASE("two ranks pretrain on GPUs: the losses of one, the same bits twice") {
  const bool mixture = GENERATE(false, true);
  const test::Folder folder("ranks");
  const data::Corpus corpus({{test::tokens_file(folder.path).string(), {}}}, {});
  const auto losses_of = [&](int n, const std::string& name) {
    std::vector<double> losses;
    comm::with_thread_ranks(n, [&](std::unique_ptr<comm::Communicator> host) {
      ThreadPool pool(1);
      const Device device = test::gpu();
      const comm::Mesh mesh(comm::make_nccl_communicator(std::move(host), device, pool), {.data = n});
      const auto own = test::losses_of_run(mesh, device, pool, corpus, folder.path / name, test::tiny(mixture),
                                           test::tiny_settings(DType::f32, 4));
      if (mesh.rank() == 0) losses = own;
    });
    return losses;
  };
  const std::vector<double> one = losses_of(1, "one"), two = losses_of(2, "two"), again = losses_of(2, "again");
  REQUIRE(one.size() == 4);
  REQUIRE(two.size() == 4);
  CHECK(two == again);
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(two[i] == Approx(one[i]).epsilon(mixture ? 1e-3 : 1e-5));
}

}  // namespace
}  // namespace hearth::train

#endif
