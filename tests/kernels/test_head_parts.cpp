// SPDX-License-Identifier: Apache-2.0
// The output layer of a vocabulary in three parts, one after the other as three ranks would have them, is the layer of
// the whole. Trusts head (test_cpu).
#include <vector>

#include "tests/kernels/support.h"

using namespace hearth;
using namespace hearth::kernels;
using namespace hearth::kernels::test;

namespace {

// What the parts tell each other of their chunks: gathered in a first round, in which everybody hears himself.
struct Gathered {
  std::vector<std::vector<ref::Values>> of = std::vector<std::vector<ref::Values>>(3);  // by part and chunk

  void note(std::size_t part, Stream& stream, const Tensor& own, const Tensor& all) {
    stream.wait();
    of[part].push_back(ref::read(own));
    ref::Values values;
    for (int i = 0; i < 3; ++i) values.insert(values.end(), of[part].back().begin(), of[part].back().end());
    ref::write(all, values);
  }
  void give(std::size_t chunk, Stream& stream, const Tensor& all) const {
    stream.wait();
    ref::Values values;
    for (const auto& part : of) values.insert(values.end(), part[chunk].begin(), part[chunk].end());
    ref::write(all, values);
  }
};

}  // namespace

TEST_CASE("head of a vocabulary in parts is head of the whole") {
  struct Case {
    std::int64_t tokens, hidden;
    std::vector<std::int64_t> bounds;
    float softcap;
  };
  const Case each = GENERATE(Case{70, 16, {0, 101, 202, 300}, 0}, Case{33, 8, {0, 1667, 3334, 5000}, 4},
                             Case{130, 2, {0, 90001, 180001, 270001}, 0});
  const DType dtype = GENERATE(f32, b16);
  const bool given = GENERATE(false, true);
  const std::int64_t vocab = each.bounds.back(), largest = each.bounds[1];
  if (vocab > 100000 && (dtype == b16 || given)) return;  // the case for chunks
  Memory memory;
  const Shape per_token{each.tokens};
  const Tensor hidden = memory.random(dtype, {each.tokens, each.hidden}),
               weight = memory.random(dtype, {vocab, each.hidden});
  const Tensor targets = memory.random_indices(per_token, vocab);
  targets.as<std::int32_t>()[2] = -1;
  const Tensor w = memory.random(f32, per_token), b = memory.random(f32, per_token);
  const auto run = [&](Stream& stream, const Tensor& part, const VocabularyPart& as) {
    const Results made{{"log_prob", memory.zeros(f32, per_token)},
                       {"log_normaliser", memory.zeros(f32, per_token)},
                       {"d_hidden", memory.zeros(dtype, hidden.shape)},
                       {"d_weight", memory.zeros(f32, part.shape)}};
    HeadArgs args{.hidden = hidden, .weight = part, .targets = targets, .softcap = each.softcap};
    args.log_prob = made[0].second, args.log_normaliser = made[1].second;
    args.d_hidden = made[2].second, args.d_weight = made[3].second;
    args.z_loss = 0.01f;
    (given ? args.d_log_prob : args.token_weight) = w;
    if (given) args.d_log_normaliser = b;
    args.part = as;
    const bool in_parts = bool(as.gather);
    args.workspace = memory.zeros(
        DType::u8, {head_workspace_bytes(each.tokens, in_parts ? largest : part.shape[0], in_parts ? 3 : 1)});
    head(stream, args);
    stream.wait();
    return made;
  };
  const double tolerance = dtype == b16 ? 5e-2 : vocab > 100000 ? 1e-3 : 1e-4;
  static Machine machine(2);
  const Results whole = run(machine.ref, weight, {});
  compare("head in parts", tolerance, [&](Stream& stream) {
    Gathered gathered;
    const auto part_of = [&](std::size_t p) {
      return VocabularyPart{.first = each.bounds[p], .whole = vocab, .largest = largest, .n_parts = 3};
    };
    const auto rows_of = [&](std::size_t p) {
      return weight.rows(each.bounds[p], each.bounds[p + 1] - each.bounds[p]);
    };
    for (std::size_t p = 0; p < 3; ++p) {
      VocabularyPart part = part_of(p);
      part.gather = [&](const Tensor& own, const Tensor& all) { gathered.note(p, stream, own, all); };
      run(stream, rows_of(p), part);
    }
    Results results;
    ref::Values d_hidden(static_cast<std::size_t>(hidden.n_elements()));
    for (std::size_t p = 0; p < 3; ++p) {
      VocabularyPart part = part_of(p);
      std::size_t chunk = 0;
      part.gather = [&](const Tensor&, const Tensor& all) { gathered.give(chunk++, stream, all); };
      const Results made = run(stream, rows_of(p), part);
      CHECK(relative_error(made[0].second, whole[0].second) < tolerance);
      CHECK(relative_error(made[1].second, whole[1].second) < tolerance);
      CHECK(relative_error(made[3].second, whole[3].second.rows(each.bounds[p], rows_of(p).shape[0])) < tolerance);
      const ref::Values summand = ref::read(made[2].second);
      for (std::size_t i = 0; i < summand.size(); ++i) d_hidden[i] += summand[i];
      results.insert(results.end(), made.begin(), made.end());
    }
    CHECK(relative_error(memory.of(f32, hidden.shape, d_hidden), whole[2].second) < tolerance);
    return results;
  });
}
