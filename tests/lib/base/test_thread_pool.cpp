// SPDX-License-Identifier: Apache-2.0
#include "lib/base/thread_pool.h"

#include <stdexcept>

#include "tests/support/catch.h"

using namespace hearth;

TEST_CASE("for_each runs every index once, on any number of threads") {
  for (const int n_threads : {1, 2, 5}) {
    ThreadPool pool(n_threads);
    for (const std::int64_t count : {0, 1, 3, 1000}) {
      std::vector<int> seen(static_cast<std::size_t>(count));
      pool.for_each(count, [&](std::int64_t i, int thread) {
        if (thread >= 0 && thread < n_threads) seen[static_cast<std::size_t>(i)] += 1;
      });
      REQUIRE(std::count(seen.begin(), seen.end(), 1) == count);
    }
  }
}

TEST_CASE("for_each passes on the first exception and stays usable") {
  ThreadPool pool(2);
  REQUIRE_THROWS_AS(pool.for_each(100, [](std::int64_t i, int) { if (i == 7) throw std::runtime_error("seven"); }),
                    std::runtime_error);
  std::atomic<int> sum = 0;
  pool.for_each(10, [&](std::int64_t i, int) { sum += static_cast<int>(i); });
  REQUIRE(sum == 45);
}

TEST_CASE("a nested call runs serially on its thread") {
  ThreadPool pool(2);
  std::atomic<int> calls = 0;
  pool.for_each(4, [&](std::int64_t, int outer) {
    pool.for_each(3, [&](std::int64_t, int inner) { calls += inner == outer; });
  });
  REQUIRE(calls == 12);
}

TEST_CASE("for_ranges covers the count in whole grains") {
  ThreadPool pool(3);
  for (const std::int64_t count : {1, 63, 64, 65, 1000}) {
    std::vector<int> seen(static_cast<std::size_t>(count));
    pool.for_ranges(count, 64, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) seen[static_cast<std::size_t>(i)] += begin % 64 == 0;
    });
    REQUIRE(std::count(seen.begin(), seen.end(), 1) == count);
  }
}
