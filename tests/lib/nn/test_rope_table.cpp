// SPDX-License-Identifier: Apache-2.0
// Every scaling of rope resolves to the numbers that transformers computes.
#include <cmath>

#include "lib/base/json_value.h"
#include "lib/nn/depth.h"
#include "lib/nn/rope_table.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::nn;

TEST_CASE("rope tables are transformers'") {
  const Json cases = read_json(std::string(HEARTH_SOURCE_DIR) + "/tests/golden/rope.json");
  REQUIRE(cases.size() == 8);
  for (const Json& expected : cases) {
    Json model = to_json(config_from_depth(1, false, 16, 16));
    Json& block = model["blocks"]["dense"];
    block["rope"] = expected.at("rope");
    block["mixer"]["head_dim"] = expected.at("rope").at("dims");
    const ModelConfig config = parse_config(model, "test");
    const Attention& attention = config.block(0).attention;
    const RopeTable table = resolve_rope(config.block(0).rope, attention.head_dim);
    INFO(dump_json(expected.at("rope")));
    const auto frequencies = expected.at("inverse_frequency").get<std::vector<double>>();
    REQUIRE(table.inverse_frequency.size() == frequencies.size());
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
      CHECK(table.inverse_frequency[i] == Approx(frequencies[i]).epsilon(2e-6));
    }
    CHECK(table.multiplier == Approx(expected.at("multiplier").get<double>()));
    CHECK(table.softmax_scale == Approx(1 / std::sqrt(static_cast<double>(attention.head_dim))));
  }
}

TEST_CASE("a head without rope has no table") {
  CHECK(resolve_rope({.theta = 10000, .dims = 0, .scaling = {}}, 64).inverse_frequency.empty());
}
