// SPDX-License-Identifier: Apache-2.0
#include "lib/infer/parity.h"

#include <cmath>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::infer;

namespace {

constexpr std::uint32_t vocab = 11;

// Logits that depend on the token before and on the position.
std::vector<float> toy_logits(std::span<const std::uint32_t> ids) {
  std::vector<float> logits;
  for (std::size_t position = 0; position < ids.size(); ++position) {
    for (std::uint32_t id = 0; id < vocab; ++id) {
      logits.push_back(std::sin(static_cast<float>(id * 3 + ids[position] * 7 + position)));
    }
  }
  return logits;
}

Parity toy_parity() {
  return make_parity(parity_prompts(nullptr, vocab), toy_logits, vocab);
}

}  // namespace

TEST_CASE("a model agrees with its own parity file to the last bit, through JSON and back") {
  const Json json = parse_json(dump_json(parity_json(toy_parity(), Json::object())), "parity.json");
  const Parity parity = parity_from_json(json, "parity.json");
  const ParityResult result = compare_parity(parity, toy_logits, vocab, nullptr);
  CHECK(result.largest_difference == 0);
  CHECK(result.n_compared == parity.prompts.at(0).ids.size() * 5);
}

TEST_CASE("the top logits are the greatest, greatest first") {
  const Parity parity = toy_parity();
  const ParityPrompt& prompt = parity.prompts.at(0);
  const std::vector<float> logits = toy_logits(prompt.ids);
  const auto& top = prompt.top.at(3);
  REQUIRE(top.size() == 5);
  for (std::size_t i = 0; i + 1 < top.size(); ++i) CHECK(top[i].logit > top[i + 1].logit);
  int n_greater = 0;
  for (std::uint32_t id = 0; id < vocab; ++id)
    n_greater += logits[3 * vocab + id] >= static_cast<float>(top[4].logit) ? 1 : 0;
  CHECK(n_greater == 5);
}

TEST_CASE("one changed logit is found, with its size and place") {
  const Parity parity = toy_parity();
  const std::uint32_t id = parity.prompts[0].top[2][1].id;
  const auto changed = [&](std::span<const std::uint32_t> ids) {
    std::vector<float> logits = toy_logits(ids);
    logits[2 * vocab + id] += 0.25f;
    return logits;
  };
  const ParityResult result = compare_parity(parity, changed, vocab, nullptr);
  CHECK(result.largest_difference == Approx(0.25).margin(1e-6));
  CHECK(result.where == "prompt 1, position 2, token " + std::to_string(id));
}

TEST_CASE("a logit that is not a number is never taken for agreement") {
  const auto broken = [](std::span<const std::uint32_t> ids) {
    return std::vector<float>(ids.size() * vocab, std::nanf(""));
  };
  CHECK(!(compare_parity(toy_parity(), broken, vocab, nullptr).largest_difference <= 1e9));
  CHECK_THROWS_AS(make_parity(parity_prompts(nullptr, vocab), broken, vocab), Error);
}

TEST_CASE("damaged and foreign parity files are refused") {
  const Json good = parity_json(toy_parity(), Json::object());
  const auto refused = [&](const std::function<void(Json&)>& change, const std::string& part) {
    Json bad = good;
    change(bad);
    try {
      compare_parity(parity_from_json(bad, "dist/parity.json"), toy_logits, vocab, nullptr);
    } catch (const Error& error) {
      INFO(error.what());
      return error.kind() == Kind::data && std::string(error.what()).find(part) != std::string::npos;
    }
    return false;
  };
  CHECK(refused([](Json& json) { json["schema"] = "hearth.parity/2"; }, "holds 'hearth.parity/2'"));
  CHECK(refused([](Json& json) { json.erase("prompts"); }, "'prompts' is missing"));
  CHECK(refused([](Json& json) { json["prompts"] = Json::array(); }, "holds no prompts"));
  CHECK(refused([](Json& json) { json["prompts"][0]["top"].erase(0); }, "the file is damaged"));
  CHECK(refused([](Json& json) { json["prompts"][0]["ids"][0] = 99; }, "outside the model's vocabulary"));
  CHECK(refused([](Json& json) { json["prompts"][0]["top"][0][0][0] = 99; }, "outside the model's vocabulary"));
}
