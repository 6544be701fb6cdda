// SPDX-License-Identifier: Apache-2.0
// cuDNN as the provider of attention: the graphs against the reference, and what it leaves to others (training with it:
// test_training.cpp). On the SIMT machine a stand-in checks and runs the graphs; on a GPU this is the library itself.
#define HEARTH_TEST_DEVICE
#include "tests/cuda/support.h"
// before all others
#include "kernels/cuda/attention_dnn.h"
#include "kernels/cuda_backend.h"
#include "tests/kernels/support.h"

namespace hearth::kernels::test {
namespace {

using Choice = GpuKernels::Attention;

// Whether there is a cuDNN for this GPU; a test that needs one passes without.
bool has_dnn() {
  try {
    cuda_dnn();
  } catch (const Error& error) {
    WARN("not tried: " << error.what());
    return false;
  }
  return true;
}

struct Case {
  std::vector<std::int64_t> cu_seqlens;
  std::int64_t q_heads, kv_heads, head_dim, v_dim;
  AttentionMask mask;
  std::int64_t longest;
};

// The operands and results of forward and backward.
struct Problem {
  AttentionArgs forward;
  AttentionBackwardArgs backward;

  Problem(Memory& memory, const Case& c) {
    const std::int64_t tokens = c.cu_seqlens.back();
    const auto heads = [&](std::int64_t n, std::int64_t width) { return memory.random(b16, {tokens, n, width}); };
    forward.q = heads(c.q_heads, c.head_dim), forward.k = heads(c.kv_heads, c.head_dim);
    forward.v = heads(c.kv_heads, c.v_dim), forward.cu_seqlens = memory.indices(c.cu_seqlens);
    forward.mask = c.mask, forward.scale = 1 / std::sqrt(static_cast<float>(c.head_dim)), forward.longest = c.longest;
    backward.d_o = heads(c.q_heads, c.v_dim);
    with_results(memory);
  }
  void with_results(Memory& memory) {
    const Shape o{forward.q.shape[0], forward.q.shape[1], forward.v.shape[2]};
    forward.o = memory.zeros(b16, o), forward.lse = memory.zeros(f32, {o[1], o[0]});
    backward.q = forward.q, backward.k = forward.k, backward.v = forward.v, backward.cu_seqlens = forward.cu_seqlens;
    backward.o = forward.o, backward.lse = forward.lse, backward.mask = forward.mask, backward.scale = forward.scale;
    backward.longest = forward.longest;
    backward.dq = memory.zeros(b16, forward.q.shape), backward.dk = memory.zeros(b16, forward.k.shape);
    backward.dv = memory.zeros(b16, forward.v.shape);
  }
};

TEST_CASE("cuDNN's attention agrees with the reference") {
  if (!has_dnn()) return;
  const Case each =
      GENERATE(Case{{0, 5, 5, 18}, 2, 1, 16, 16, {}, 0}, Case{{0, 111, 112, 200}, 2, 2, 64, 64, {}, 128},
               Case{{0, 70}, 4, 2, 128, 128, {}, 0}, Case{{0, 40, 75, 75}, 2, 2, 192, 128, {.window = 20}, 64},
               Case{{0, 66}, 2, 1, 256, 256, {}, 0}, Case{{0, 90, 101}, 4, 1, 32, 32, {.window = 37}, 0},
               Case{{0, 100}, 3, 1, 48, 32, {.causal = false}, 0},
               Case{{0, 60, 130}, 2, 2, 16, 16, {.causal = false, .window = 5}, 70}, Case{{0, 1}, 1, 1, 16, 16, {}, 1});
  Machine machine;
  machine.fast.choose({.attention = Choice::cudnn});
  const Schedule schedule(GENERATE(0, 3));
  Memory memory;
  Problem ours(memory, each);
  Problem expected = ours;
  expected.with_results(memory);
  attention(machine.fast, ours.forward);
  attention_backward(machine.fast, ours.backward);
  machine.fast.wait();
  attention(machine.ref, expected.forward);
  attention_backward(machine.ref, expected.backward);
  INFO("heads of " << each.head_dim << ", " << each.cu_seqlens.back() << " tokens");
  CHECK(relative_error(ours.forward.o, expected.forward.o) < 6e-2);
  CHECK(relative_error(ours.forward.lse, expected.forward.lse) < 1e-4);
  CHECK(relative_error(ours.backward.dq, expected.backward.dq) < 8e-2);
  CHECK(relative_error(ours.backward.dk, expected.backward.dk) < 8e-2);
  CHECK(relative_error(ours.backward.dv, expected.backward.dv) < 8e-2);
}

TEST_CASE("what cuDNN's attention is not for is refused by name, and done by our own where the choice is automatic") {
  if (!has_dnn()) return;
  Machine machine;
  Memory memory;
  const Case usual{{0, 20, 33}, 2, 1, 32, 32, {}, 0};
  struct Other {
    const char* reason;
    std::function<void(AttentionArgs&)> change;
  };
  const auto f32_of = [&](const Tensor& like) { return memory.random(f32, like.shape); };
  const Other other = GENERATE_REF(
      Other{"sinks", [&](AttentionArgs& a) { a.sinks = memory.random(f32, {2}); }},
      Other{"soft cap", [](AttentionArgs& a) { a.softcap = 20; }},
      Other{"chunks", [](AttentionArgs& a) { a.mask.chunk = 8; }},
      Other{"bf16",
            [&](AttentionArgs& a) { a.q = f32_of(a.q), a.k = f32_of(a.k), a.v = f32_of(a.v), a.o = f32_of(a.o); }},
      Other{"heads of 24", [&](AttentionArgs& a) {
              a.q = memory.random(b16, {33, 2, 24}), a.k = memory.random(b16, {33, 1, 24});
              a.v = memory.random(b16, {33, 1, 24}), a.o = memory.zeros(b16, {33, 2, 24});
            }});
  AttentionArgs args = Problem(memory, usual).forward;
  other.change(args);
  machine.fast.choose({.attention = Choice::cudnn});
  CHECK_THROWS_WITH(attention(machine.fast, args), Catch::Contains(other.reason) && Catch::Contains("take portable"));
  machine.fast.choose({.attention = Choice::automatic});
  attention(machine.fast, args);
  machine.fast.wait();
  const Tensor o = memory.copy(args.o);
  attention(machine.ref, args);
  INFO(other.reason);
  CHECK(relative_error(o, args.o) < 6e-2);
}

TEST_CASE("the automatic choice takes cuDNN forward, and our own backward for the sake of same bits") {
  if (!has_dnn()) return;
  Machine machine;
  Memory memory;
  Problem by_name(memory, {{0, 50, 121}, 4, 2, 64, 64, {}, 0});
  CHECK(cuda::attention_by_dnn(machine.fast, by_name.forward).empty());
  Problem automatic = by_name, portable = by_name;
  automatic.with_results(memory), portable.with_results(memory);
  machine.fast.choose({.attention = Choice::automatic});
  attention(machine.fast, automatic.forward);
  machine.fast.wait();
  CHECK(same_bits(automatic.forward.o, by_name.forward.o));
  portable.backward.o = automatic.forward.o, portable.backward.lse = automatic.forward.lse;
  attention_backward(machine.fast, automatic.backward);
  machine.fast.choose({.attention = Choice::portable});
  attention_backward(machine.fast, portable.backward);
  machine.fast.wait();
  CHECK(same_bits(automatic.backward.dq, portable.backward.dq));
  CHECK(same_bits(automatic.backward.dk, portable.backward.dk));
  machine.fast.choose({.attention = Choice::automatic, .exact = true});
  CHECK(!cuda::attention_by_dnn(machine.fast, by_name.forward).empty());
}

}  // namespace
}  // namespace hearth::kernels::test
