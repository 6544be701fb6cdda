// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/attention_dnn.h"

#include "kernels/cuda/launch.cuh"

namespace hearth::kernels::cuda {
namespace {

constexpr int64_t shortest = 64;  // rows that the plans of short sequences are made for
constexpr std::size_t line = 256;

std::size_t in_lines(int64_t elements, std::size_t bytes) {
  return (static_cast<std::size_t>(elements) * bytes + line - 1) / line * line;
}

// Where the sequences' rows begin in tensors of several widths; n + 1 of each.
struct WriteStarts {
  const int* cu_seqlens;
  int64_t n;
  int* lengths;
  int64_t* starts;  // five arrays
  int64_t widths[5];
  __device__ void operator()(int64_t i) const {
    const int64_t begin = cu_seqlens[i];
    if (i < n) lengths[i] = static_cast<int>(cu_seqlens[i + 1] - begin);
    for (int each = 0; each < 5; ++each) starts[each * (n + 1) + i] = begin * widths[each];
  }
};

// [q_heads, tokens] and [tokens, q_heads].
struct Transpose {
  const float* from;
  float* to;
  int64_t rows, columns;  // of from
  __device__ void operator()(int64_t i) const { to[i % columns * rows + i / columns] = from[i]; }
};

// The scratch memory of one call, in pieces.
struct Pieces {
  std::byte* at;
  std::byte* take(std::size_t bytes) {
    std::byte* piece = at;
    at += bytes;
    return piece;
  }
};

std::size_t common_bytes(const dnn::AttentionShape& s) {
  return in_lines(s.sequences, sizeof(int)) + in_lines(5 * (s.sequences + 1), sizeof(int64_t)) +
         in_lines(s.tokens * s.q_heads, sizeof(float));
}
std::size_t gradient_bytes(const dnn::AttentionShape& s) {
  const int64_t rows = s.tokens * s.q_heads;
  std::size_t bytes = in_lines(rows, sizeof(float)) + in_lines(rows * s.head_dim, sizeof(float));
  if (s.q_heads != s.kv_heads)
    bytes += in_lines(rows * s.head_dim, sizeof(Bf16)) + in_lines(rows * s.v_dim, sizeof(Bf16));
  return bytes;
}
// More than any plan asked for that was looked at (9.19): some hundred bytes a sequence.
std::size_t workspace_at_most(int64_t sequences) {
  return 512 * static_cast<std::size_t>(sequences) + (64u << 10);
}

template <class Args>
dnn::AttentionShape shape_of(const Args& args) {
  const int64_t tokens = args.q.shape[0], longest = args.longest > 0 ? args.longest : tokens;
  return {.tokens = tokens,
          .sequences = args.cu_seqlens.shape[0] - 1,
          .longest = std::max(longest, shortest),
          .q_heads = args.q.shape[1],
          .kv_heads = args.k.shape[1],
          .head_dim = args.q.shape[2],
          .v_dim = args.v.shape[2],
          .causal = args.mask.causal,
          .window = args.mask.window > 0 && args.mask.window < longest ? args.mask.window : 0,
          .scale = args.scale};
}

bool is_hopper() {
  int major = 0;
  return cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0) == cudaSuccess && major == 9;
}

// What cuDNN, or our use of it, leaves out.
template <class Args>
std::string refusal(const Stream& stream, const Args& args, std::initializer_list<Tensor> others) {
  const int64_t head_dim = args.q.shape[2], v_dim = args.v.shape[2];
  if (stream.gpu_kernels().exact) return "with --exact a token may not depend on its neighbours";
  if (args.q.dtype != DType::bf16) return "it is for bf16";
  if (head_dim % 16 != 0 || v_dim % 16 != 0 || head_dim > 256 || v_dim > head_dim)
    return "heads of " + std::to_string(head_dim) + " and " + std::to_string(v_dim) +
           " elements: it takes multiples of 16 up to 256, values no wider than keys";
  if (args.sinks) return "attention sinks";
  if (args.softcap > 0) return "a soft cap of the scores";
  if (args.mask.chunk > 0) return "a mask of chunks";
  if (args.runs) return "keys that are not the queries' own";
  const Tensor inputs[] = {args.q, args.k, args.v};
  const auto aligned = [](const Tensor& each) { return reinterpret_cast<std::uintptr_t>(each.data) % 16 == 0; };
  if (!std::all_of(std::begin(inputs), std::end(inputs), aligned) ||
      !std::all_of(others.begin(), others.end(), aligned))
    return "operands that do not begin at 16 bytes";
  if (!is_hopper()) return "packed sequences want a GPU of sm_90";
  return "";
}

// What forward and backward bind alike. Writes the starts and lengths.
std::vector<dnn::Binding> bind(Stream& stream, const Tensor& cu_seqlens, const dnn::AttentionShape& s, Pieces& pieces) {
  auto* lengths = reinterpret_cast<int*>(pieces.take(in_lines(s.sequences, sizeof(int))));
  auto* starts = reinterpret_cast<int64_t*>(pieces.take(in_lines(5 * (s.sequences + 1), sizeof(int64_t))));
  each(stream, s.sequences + 1,
       WriteStarts{
           data<const int>(cu_seqlens),
           s.sequences,
           lengths,
           starts,
           {s.q_heads * s.head_dim, s.kv_heads * s.head_dim, s.kv_heads * s.v_dim, s.q_heads * s.v_dim, s.q_heads}});
  std::vector<dnn::Binding> bindings{{dnn::lengths, lengths}};
  for (const dnn::AttentionId id : {dnn::q_starts, dnn::k_starts, dnn::v_starts, dnn::o_starts, dnn::stats_starts})
    bindings.push_back({id, starts + (id - dnn::q_starts) * (s.sequences + 1)});
  return bindings;
}

}  // namespace

std::string attention_by_dnn(Stream& stream, const AttentionArgs& args) {
  if (std::string reason = refusal(stream, args, {args.o}); !reason.empty()) return reason;
  State& state = stream.state<State>();
  if (state.dnn() == nullptr) return state.dnn_problem();
  const dnn::AttentionShape s = shape_of(args);
  const auto& [plan, problem] = state.dnn()->forward(s);
  if (!plan) return problem;
  const int64_t rows = s.tokens * s.q_heads;
  Pieces pieces{state.scratch(common_bytes(s) + plan->workspace_bytes())};
  std::vector<dnn::Binding> bindings = bind(stream, args.cu_seqlens, s, pieces);
  auto* stats = reinterpret_cast<float*>(pieces.take(in_lines(rows, sizeof(float))));
  for (const dnn::Binding& each :
       {dnn::Binding{dnn::q, args.q.data}, dnn::Binding{dnn::k, args.k.data}, dnn::Binding{dnn::v, args.v.data},
        dnn::Binding{dnn::o, args.o.data}, dnn::Binding{dnn::stats, stats}})
    bindings.push_back(each);
  plan->run(state.dnn()->handle(), bindings, pieces.at);
  each(stream, rows, Transpose{stats, data<float>(args.lse), s.tokens, s.q_heads});
  return "";
}

std::string attention_backward_by_dnn(Stream& stream, const AttentionBackwardArgs& args) {
  if (std::string reason = refusal(stream, args, {args.o, args.d_o, args.dq, args.dk, args.dv}); !reason.empty())
    return reason;
  State& state = stream.state<State>();
  if (state.dnn() == nullptr) return state.dnn_problem();
  const dnn::AttentionShape s = shape_of(args);
  const auto& [plan, problem] = state.dnn()->backward(s);
  if (!plan) return problem;
  const int64_t rows = s.tokens * s.q_heads;
  Pieces pieces{state.scratch(common_bytes(s) + gradient_bytes(s) + plan->workspace_bytes())};
  std::vector<dnn::Binding> bindings = bind(stream, args.cu_seqlens, s, pieces);
  auto* stats = reinterpret_cast<float*>(pieces.take(in_lines(rows, sizeof(float))));
  each(stream, rows, Transpose{data<const float>(args.lse), stats, s.q_heads, s.tokens});
  for (const dnn::Binding& each :
       {dnn::Binding{dnn::q, args.q.data}, dnn::Binding{dnn::k, args.k.data}, dnn::Binding{dnn::v, args.v.data},
        dnn::Binding{dnn::o, args.o.data}, dnn::Binding{dnn::d_o, args.d_o.data}, dnn::Binding{dnn::dq, args.dq.data},
        dnn::Binding{dnn::dk, args.dk.data}, dnn::Binding{dnn::dv, args.dv.data}, dnn::Binding{dnn::stats, stats},
        dnn::Binding{dnn::row_dots, pieces.take(in_lines(rows, sizeof(float)))},
        dnn::Binding{dnn::dq_sums, pieces.take(in_lines(rows * s.head_dim, sizeof(float)))}})
    bindings.push_back(each);
  if (s.q_heads != s.kv_heads) {
    bindings.push_back({dnn::dk_heads, pieces.take(in_lines(rows * s.head_dim, sizeof(Bf16)))});
    bindings.push_back({dnn::dv_heads, pieces.take(in_lines(rows * s.v_dim, sizeof(Bf16)))});
  }
  plan->run(state.dnn()->handle(), bindings, pieces.at);
  return "";
}

std::size_t attention_dnn_scratch(int64_t tokens, int64_t q_heads, int64_t head_dim) {
  const dnn::AttentionShape s{.tokens = tokens,
                              .sequences = 2 * tokens + 16,
                              .q_heads = q_heads,
                              .kv_heads = 0,  // the buffers of grouped heads are planned for
                              .head_dim = head_dim,
                              .v_dim = head_dim};
  return common_bytes(s) + gradient_bytes(s) + workspace_at_most(s.sequences);
}

}  // namespace hearth::kernels::cuda
