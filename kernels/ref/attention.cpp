// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention.h"

#include <cmath>
#include <limits>

#include "kernels/backend.h"
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {
namespace {

bool visible(const AttentionMask& mask, std::int64_t query, std::int64_t key) {
  if (mask.causal && key > query) return false;
  if (mask.window > 0 && std::abs(query - key) >= mask.window) return false;
  return mask.chunk <= 0 || query / mask.chunk == key / mask.chunk;
}

// One query's (token, head) place among all, its position, and the keys of its sequence: tokens begin to end of k, the
// first at position first_key.
struct Query {
  std::int64_t token, head, position, begin, end, first_key;

  bool sees(const AttentionMask& mask, std::int64_t key) const {
    return visible(mask, position, key - begin + first_key);
  }
};

template <class Body>
void for_each_query(const Tensor& cu_seqlens, const AttentionRuns& runs, std::int64_t heads, const Body& body) {
  const std::vector<std::int64_t> begin = read_indices(cu_seqlens);
  const std::vector<std::int64_t> keys = runs ? read_indices(runs.key_seqlens) : begin, none(begin.size());
  const std::vector<std::int64_t> first_query = runs ? read_indices(runs.first_query) : none,
                                  first_key = runs ? read_indices(runs.first_key) : none;
  for (std::size_t s = 0; s + 1 < begin.size(); ++s) {
    for (std::int64_t token = begin[s]; token < begin[s + 1]; ++token) {
      for (std::int64_t head = 0; head < heads; ++head)
        body(Query{token, head, token - begin[s] + first_query[s], keys[s], keys[s + 1], first_key[s]});
    }
  }
}

double dot(const Values& a, std::int64_t a_row, const Values& b, std::int64_t b_row, std::int64_t width) {
  double sum = 0;
  for (std::int64_t i = 0; i < width; ++i) sum += a[a_row * width + i] * b[b_row * width + i];
  return sum;
}

}  // namespace

void attention(Stream&, const AttentionArgs& args) {
  const std::int64_t tokens = args.q.shape[0], heads = args.q.shape[1], kv_heads = args.k.shape[1];
  const std::int64_t head_dim = args.q.shape[2], v_dim = args.v.shape[2];
  const Values q = read(args.q), k = read(args.k), v = read(args.v), sinks = read(args.sinks);
  Values o(tokens * heads * v_dim), lse(heads * tokens);
  for_each_query(args.cu_seqlens, args.runs, heads, [&](const Query& at) {
    const std::int64_t kv_head = at.head * kv_heads / heads;
    const double none = -std::numeric_limits<double>::infinity();
    Values z(at.end - at.begin, none);
    double greatest = args.sinks ? sinks[at.head] : none;
    for (std::int64_t key = at.begin; key < at.end; ++key) {
      if (!at.sees(args.mask, key)) continue;
      double score = args.scale * dot(q, at.token * heads + at.head, k, key * kv_heads + kv_head, head_dim);
      if (args.softcap > 0) score = args.softcap * std::tanh(score / args.softcap);
      z[key - at.begin] = score;
      greatest = std::max(greatest, score);
    }
    double& log_sum = lse[at.head * tokens + at.token];
    log_sum = none;
    if (greatest == none) return;
    double sum = args.sinks ? std::exp(sinks[at.head] - greatest) : 0;
    for (const double score : z) sum += std::exp(score - greatest);
    log_sum = greatest + std::log(sum);
    for (std::int64_t key = at.begin; key < at.end; ++key) {
      const double p = std::exp(z[key - at.begin] - log_sum);
      for (std::int64_t i = 0; i < v_dim && p != 0; ++i) {
        o[(at.token * heads + at.head) * v_dim + i] += p * v[(key * kv_heads + kv_head) * v_dim + i];
      }
    }
  });
  write(args.o, o);
  write(args.lse, lse);
}

void attention_backward(Stream&, const AttentionBackwardArgs& args) {
  const std::int64_t tokens = args.q.shape[0], heads = args.q.shape[1], kv_heads = args.k.shape[1];
  const std::int64_t head_dim = args.q.shape[2], v_dim = args.v.shape[2];
  const Values q = read(args.q), k = read(args.k), v = read(args.v), sinks = read(args.sinks);
  const Values o = read(args.o), lse = read(args.lse), d_o = read(args.d_o);
  Values dq(q.size()), dk(k.size()), dv(v.size()), dsinks = read(args.dsinks);
  for_each_query(args.cu_seqlens, args.runs, heads, [&](const Query& at) {
    const std::int64_t query = at.token * heads + at.head, kv_head = at.head * kv_heads / heads;
    const double log_sum = lse[at.head * tokens + at.token];
    if (std::isinf(log_sum)) return;
    const double d = dot(d_o, query, o, query, v_dim);
    if (args.sinks) dsinks[at.head] -= std::exp(sinks[at.head] - log_sum) * d;
    for (std::int64_t token = at.begin; token < at.end; ++token) {
      if (!at.sees(args.mask, token)) continue;
      const std::int64_t key = token * kv_heads + kv_head;
      double z = args.scale * dot(q, query, k, key, head_dim), slope = 1;
      if (args.softcap > 0) {
        const double t = std::tanh(z / args.softcap);
        z = args.softcap * t;
        slope = 1 - t * t;
      }
      const double p = std::exp(z - log_sum);
      const double dz = args.scale * slope * p * (dot(d_o, query, v, key, v_dim) - d);
      for (std::int64_t i = 0; i < v_dim; ++i) dv[key * v_dim + i] += p * d_o[query * v_dim + i];
      for (std::int64_t i = 0; i < head_dim; ++i) {
        dq[query * head_dim + i] += dz * k[key * head_dim + i];
        dk[key * head_dim + i] += dz * q[query * head_dim + i];
      }
    }
  });
  write(args.dq, dq);
  write(args.dk, dk);
  write(args.dv, dv);
  write(args.dsinks, dsinks);
}

void attention_cut(Stream&, const AttentionCutArgs& args) {
  const std::vector<std::int64_t> starts = read_indices(args.cu_seqlens);
  const auto cut = [&](std::int64_t begin, std::int64_t n, const Tensor& to, const Tensor& first) {
    std::vector<std::int64_t> within, positions;
    for (const std::int64_t start : starts) {
      within.push_back(std::clamp<std::int64_t>(start - begin, 0, n));
      positions.push_back(std::max<std::int64_t>(begin - start, 0));
    }
    positions.pop_back();
    write_indices(to, within);
    write_indices(first, positions);
  };
  cut(args.query_begin, args.n_queries, args.cu_queries, args.runs.first_query);
  cut(args.key_begin, args.n_keys, args.runs.key_seqlens, args.runs.first_key);
}

void attention_merge(Stream&, const AttentionMergeArgs& args) {
  const std::int64_t tokens = args.o.shape[0], heads = args.o.shape[1], v_dim = args.o.shape[2];
  Values o = read(args.o), lse = read(args.lse);
  const Values part_o = read(args.part_o), part_lse = read(args.part_lse);
  for (std::int64_t row = 0; row < tokens * heads; ++row) {
    double& log_sum = lse[row % heads * tokens + row / heads];
    const double part = part_lse[row % heads * tokens + row / heads];
    if (std::isinf(part)) continue;
    const double greatest = std::max(log_sum, part);
    const double both = greatest + std::log(std::exp(log_sum - greatest) + std::exp(part - greatest));
    for (std::int64_t i = row * v_dim; i < (row + 1) * v_dim; ++i)
      o[i] = std::exp(log_sum - both) * o[i] + std::exp(part - both) * part_o[i];
    log_sum = both;
  }
  write(args.o, o);
  write(args.lse, lse);
}

}  // namespace hearth::kernels::ref
