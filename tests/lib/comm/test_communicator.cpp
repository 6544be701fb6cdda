// SPDX-License-Identifier: Apache-2.0
#include "lib/comm/activity.h"
#include "lib/comm/agreement.h"
#include "lib/comm/host_communicator.h"
#include "lib/comm/mesh.h"
#include "tests/lib/comm/collective_cases.h"
#include "tests/lib/comm/thread_transport.h"
#include "tests/support/catch.h"

#include <map>
#include <mutex>
#include <optional>
#include <set>

namespace hearth::comm {

TEST_CASE("one rank is a group like any other") {
  const auto self = make_self_communicator();
  check_collectives(*self);
  CHECK(self->traffic().bytes == 0);
}

TEST_CASE("collectives among 2 to 7 ranks") {
  for (const int n : {2, 3, 4, 7}) {
    with_thread_ranks(n, [](std::unique_ptr<Communicator> world) { check_collectives(*world); });
  }
}

TEST_CASE("a message that cannot be sent is an error of the exchange") {
  Transport cut{};
  cut.release = [](Group) {};
  cut.rank = [](Group) { return 0; };
  cut.size = [](Group) { return 2; };
  cut.send = [](Group, const void*, std::size_t, int, int) -> Request { throw Error(Kind::unavailable, "a cut wire"); };
  cut.wait = [](Request*, int) {};
  for (const bool threaded : {false, true}) {
    const auto world = make_host_communicator(cut, nullptr, std::make_shared<Queue>(threaded));
    ThreadPool pool(1);
    Stream stream(pool);
    float value = 1;
    CHECK_THROWS_WITH(world->exchange(stream, Tensor(&value, {1}), 1, {}, -1).wait(stream), "a cut wire");
  }
}

TEST_CASE("a reduction sends each element but a rank's own once") {
  std::mutex mutex;
  std::int64_t total = 0;
  with_thread_ranks(4, [&](std::unique_ptr<Communicator> world) {
    ThreadPool pool(1);
    Stream stream(pool);
    std::vector<float> whole(4 * 100000), piece(100000);
    world->reduce_scatter(stream, Tensor(whole.data(), {400000}), Tensor(piece.data(), {100000})).wait(stream);
    const std::lock_guard lock(mutex);
    total += world->traffic().bytes;
  });
  CHECK(total == 4 * 3 * 400000);
}

TEST_CASE("a failed rank fails the others, who say so") {
  CHECK_THROWS_AS(with_thread_ranks(3,
                                    [](std::unique_ptr<Communicator> world) {
                                      if (world->rank() == 1) throw Error(Kind::io, "disk full");
                                      world->barrier();
                                    }),
                  Error);
}

TEST_CASE("a mesh fills in the data dimension and refuses what does not divide") {
  CHECK(MeshShape{}.for_ranks(8) == MeshShape{.data = 8});
  CHECK(MeshShape{.pipeline = 2, .tensor = 2}.for_ranks(8) == MeshShape{.data = 2, .pipeline = 2, .tensor = 2});
  const auto message = [](const MeshShape& shape, int ranks) {
    try {
      shape.for_ranks(ranks);
    } catch (const Error& error) {
      CHECK(error.kind() == Kind::config);
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK(message({.tensor = 3}, 8).find("= 3 does not divide the 8 ranks") != std::string::npos);
  CHECK(message({.data = 3, .tensor = 2}, 8).find("--dp x --pp x --cp x --tp = 6, but there are 8") !=
        std::string::npos);
  CHECK(message({.expert = 3}, 8).find("--ep 3 does not divide --dp x --cp = 8") != std::string::npos);
  CHECK(message({.pipeline = 0}, 8).find("--pp 0") != std::string::npos);
}

// Each group of a mesh holds the ranks that agree in all other coordinates.
TEST_CASE("the groups of a mesh are its lines") {
  const std::vector<MeshShape> shapes{{.data = 8},
                                      {.data = 2, .pipeline = 2, .tensor = 2},
                                      {.data = 2, .context = 2, .tensor = 2, .expert = 4},
                                      {.data = 4, .pipeline = 2, .expert = 2},
                                      {.data = 1, .pipeline = 2, .context = 2, .tensor = 2, .expert = 2},
                                      {.data = 4, .context = 2, .expert = 4}};
  for (const MeshShape& shape : shapes) {
    with_thread_ranks(8, [&](std::unique_ptr<Communicator> world) {
      const Mesh mesh(std::move(world), shape);
      ThreadPool pool(1);
      Stream stream(pool);
      const Coordinates at = mesh.coordinates();
      const auto members = [&](Communicator& group) {
        std::vector<std::int64_t> own{mesh.rank()}, all(static_cast<std::size_t>(group.size()));
        group.all_gather(stream, Tensor(own.data(), {1}), Tensor(all.data(), {group.size()})).wait(stream);
        return all;
      };
      const auto check = [&](Communicator& group, const char* name, auto&& alike) {
        std::vector<std::int64_t> expected;
        for (int r = 0; r < 8; ++r) {
          if (alike(coordinates_of(shape, r), r)) expected.push_back(r);
        }
        if (members(group) != expected) throw Error(Kind::internal, std::string("the group of ") + name);
      };
      const int width = shape.data * shape.context;
      const auto plane = [&](const Coordinates& c) { return c.data * shape.context + c.context; };
      const auto same_stage = [&](const Coordinates& c) { return c.pipeline == at.pipeline && c.tensor == at.tensor; };
      check(mesh.data(), "data", [&](const Coordinates& c, int) { return same_stage(c) && c.context == at.context; });
      check(mesh.context(), "context", [&](const Coordinates& c, int) { return same_stage(c) && c.data == at.data; });
      check(mesh.pipeline(), "pipeline", [&](const Coordinates& c, int) {
        return c.data == at.data && c.context == at.context && c.tensor == at.tensor;
      });
      check(mesh.tensor(), "tensor",
            [&](const Coordinates& c, int) { return c.pipeline == at.pipeline && plane(c) == plane(at); });
      check(mesh.replicas(), "replicas", [&](const Coordinates& c, int) { return same_stage(c); });
      check(mesh.expert(), "expert", [&](const Coordinates& c, int) {
        return same_stage(c) && plane(c) / shape.expert == plane(at) / shape.expert;
      });
      check(mesh.expert_replicas(), "expert replicas",
            [&](const Coordinates& c, int) { return same_stage(c) && c.expert == at.expert; });
      if (mesh.expert().size() * mesh.expert_replicas().size() != width) throw Error(Kind::internal, "the fold");
    });
  }
}

TEST_CASE("ranks that differ at the start are named") {
  const auto problem = [](int n, const std::function<std::vector<Fact>(int)>& facts) {
    std::mutex mutex;
    std::set<std::string> said;
    with_thread_ranks(n, [&](std::unique_ptr<Communicator> world) {
      std::string text = "agreed";
      try {
        check_agreement(*world, facts(world->rank()));
      } catch (const Error& error) {
        text = error.what();
      }
      const std::lock_guard lock(mutex);
      said.insert(text);
    });
    REQUIRE(said.size() == 1);  // all say the same
    return *said.begin();
  };
  CHECK(problem(4, [](int) { return std::vector<Fact>{{"the options", "a"}, {"the data", "b"}}; }) == "agreed");
  CHECK(problem(4, [](int rank) {
          return std::vector<Fact>{{"the options", "a"}, {"the data", rank == 2 ? "c" : "b"}};
        }).find("the data of rank 2 differ from the rest:") == 0);
  CHECK(problem(4, [](int rank) {
          return std::vector<Fact>{{"the program", std::to_string(rank)}, {"the options", rank > 1 ? "x" : "y"}};
        }).find("the program of ranks 1, 2 and 3 differ from the rest; the options of ranks 2 and 3 differ") == 0);
}

TEST_CASE("what each rank did among the others is told by names that all use") {
  std::mutex mutex;
  std::map<int, Done> done;
  with_thread_ranks(2, [&](std::unique_ptr<Communicator> world) {
    ThreadPool pool(1);
    Stream stream(pool);
    float mine = 1, theirs = 0;
    const Tensor sent(&mine, {1}), came(&theirs, {1});
    for (int i = 0; i < 3; ++i) world->all_reduce(stream, sent).wait(stream);
    const auto half = world->split(0, 0);
    half->barrier();
    const int other = 1 - world->rank();
    for (int i = 0; i < 2; ++i) world->exchange(stream, sent, other, came, other).wait(stream);
    if (world->rank() == 0) world->exchange(stream, sent, 1, {}, -1).wait(stream);
    if (world->rank() == 1) world->exchange(stream, {}, -1, came, 0).wait(stream);
    const Activity::Now now = world->activity()->now();
    if (now.call != nullptr || now.calls != 8) throw Error(Kind::internal, "calls that are over");
    const std::lock_guard lock(mutex);
    done[world->rank()] = now.done;
  });
  CHECK(done[0] == Done{{"world", 4}, {"world.1:0", 1}, {"world 0->1", 3}, {"world 1->0 received", 2}});
  CHECK(done[1] == Done{{"world", 4}, {"world.1:0", 1}, {"world 1->0", 2}, {"world 0->1 received", 3}});
}

TEST_CASE("what fails on one rank fails on all, and rank 0's word is everyone's") {
  std::mutex mutex;
  std::map<int, std::string> said;
  with_thread_ranks(3, [&](std::unique_ptr<Communicator> world) {
    together(*world, [] {});
    std::string text;
    try {
      together(*world, [&] {
        if (world->rank() == 1) throw Error(Kind::io, "disk full");
      });
    } catch (const PeerError& error) {
      text = std::string(error.what()) + ", " + std::to_string(error.exit_code()) + (error.speaks() ? ", said" : "");
    } catch (const Error& error) {
      text = std::string(error.what()) + ", its own";
    }
    if (largest(*world, {10 - world->rank(), world->rank()}) != std::vector<std::int64_t>{10, 2})
      throw Error(Kind::internal, "largest");
    const std::string word = shared_text(*world, world->rank() == 0 ? "zero's" : "another");
    const std::lock_guard lock(mutex);
    said[world->rank()] = text + "; " + word;
  });
  CHECK(said[0] == "rank 1: disk full, 74, said; zero's");
  CHECK(said[1] == "disk full, its own; zero's");
  CHECK(said[2] == "rank 1: disk full, 74; zero's");
}

TEST_CASE("ranks that are stopped while another fails leave with its error") {
  const auto ends = [](const std::vector<std::optional<Error>>& failures) {
    std::mutex mutex;
    std::vector<std::string> said(failures.size());
    with_thread_ranks(static_cast<int>(failures.size()), [&](std::unique_ptr<Communicator> world) {
      const auto rank = static_cast<std::size_t>(world->rank());
      std::string text = "went on";
      try {
        together(*world, [&] {
          if (failures[rank]) throw Error(*failures[rank]);
        });
      } catch (const PeerError& error) {
        text = std::to_string(error.exit_code()) + ", " + error.what() + (error.speaks() ? ", said" : "");
      } catch (const Error& error) {
        text = std::to_string(error.exit_code()) + ", " + error.what();
      }
      const std::lock_guard lock(mutex);
      said[rank] = text;
    });
    return said;
  };
  using Said = std::vector<std::string>;
  const Error stopped(Kind::stopped, "by a signal"), full(Kind::io, "disk full");
  CHECK(ends({stopped, full, stopped, full, std::nullopt}) == Said{"74, ranks 1 and 3: disk full, said",
                                                                   "74, disk full", "74, ranks 1 and 3: disk full",
                                                                   "74, disk full", "74, ranks 1 and 3: disk full"});
  CHECK(ends({stopped, std::nullopt, stopped}) ==
        Said{"75, by a signal", "75, ranks 0 and 2: by a signal, said", "75, by a signal"});
  CHECK(ends({full, stopped}) == Said{"74, disk full", "74, rank 0: disk full, said"});
}

}  // namespace hearth::comm
