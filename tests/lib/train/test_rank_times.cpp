// SPDX-License-Identifier: Apache-2.0
#include "lib/base/json_value.h"
#include "lib/train/rank_times.h"
#include "tests/support/catch.h"

using namespace hearth::train;

TEST_CASE("a rank above one and a half times the median is slow") {
  CHECK(slow_ranks({}).empty());
  CHECK(slow_ranks({1, 1, 1, 1.4}).empty());
  CHECK(slow_ranks({0.001, 0.001, 0.004}).empty());  // too little to matter: the first rank's log
  RankTimes times;
  CHECK_FALSE(times.is_news({1, 1}));
  CHECK(times.is_news({1, 2}));
  CHECK_FALSE(times.is_news({1, 3}));
  CHECK(times.is_news({1, 1}));
  CHECK(slow_text({1, 1.2}, {"a", "b"}).empty());
  const std::vector<SlowRank> slow = slow_ranks({1, 1, 3, 1.1});
  REQUIRE(slow.size() == 1);
  CHECK(slow[0].rank == 2);
  CHECK(slow[0].ratio == Approx(3));
  CHECK(slow_text({1, 1, 3, 1.1}, {"a", "b", "c", "d"})
            .starts_with("rank 2 on c computes 3 times as long as the median"));
  const hearth::Json clock = to_json({2, 1}, {"a", "b"});  // of two, the faster is the measure
  CHECK(clock["slow"].size() == 1);
  CHECK(clock["slow"][0]["node"] == "a");
}
