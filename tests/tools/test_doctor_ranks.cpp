// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/doctor_checks.h"
#include "tests/support/catch.h"

using namespace hearth::tools::doctor;

TEST_CASE("a node below four fifths of the median is named, with what is slow") {
  CHECK(slow_nodes({}).empty());
  CHECK(slow_nodes({{"a", 10, 10, 10}, {"b", 9, 8.1, 12}, {"c", 11, 10, 10}}).empty());
  const auto slow = slow_nodes({{"a", 10e9, 1e11, 1e9}, {"b", 4e9, 1e11, 1e9}, {"c", 10e9, 0.5e11, 1e9}});
  REQUIRE(slow.size() == 2);
  CHECK(slow[0] == "b memory copy 4 GB/s, 40 % of the median");
  CHECK(slow[1] == "c product of matrices 50 GFLOP/s, 50 % of the median");
  CHECK(slow_nodes({{"a", 1, 1, 1}, {"b", 2, 1, 1}}).size() == 1);  // of two, the better is the measure
}
