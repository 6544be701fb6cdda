// SPDX-License-Identifier: Apache-2.0
#include "lib/train/cluster/predict.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "lib/base/error.h"

namespace hearth::train {
namespace {

constexpr double reserve_bytes = 4e9;   // CUDA's and NCCL's own, and what fragments
constexpr double usable_memory = 0.96;  // of what is left
// Many ranks wait for the slowest of them at every step: 175B on 96 to 4,608 H100 lost 10 % so (Megatron-LM's README).
constexpr double straggling = 0.01;      // of a step, for each doubling
constexpr double hidden_exchange = 0.8;  // of one microbatch's pass, behind which the data ranks' exchange hides
constexpr double bf16_bytes = 2, fp32_bytes = 4;

// One pass of a layer, or of the head, over a microbatch: seconds of a rank.
struct Pass {
  double gemm = 0, attention = 0, memory_bound = 0, tensor = 0, dispatch = 0, context = 0;
  double total() const { return gemm + attention + memory_bound + tensor + dispatch + context; }
};

struct Cost {
  Pass forward, backward;
  double parameters = 0, expert_parameters = 0;  // that this rank holds
  double newton_schulz_flops = 0;                // of whole matrices, over all tensor and expert ranks
  double kept_bytes = 0, input_bytes = 0;        // activations of a microbatch: all, or only what recomputing needs
  double total() const { return forward.total() + backward.total(); }
};

class Rank {
 public:
  explicit Rank(const Job& job)
      : job_(job),
        tensor_(job.mesh.tensor),
        expert_(job.mesh.expert),
        tokens_(static_cast<double>(job.microbatch_rows * job.context) / job.mesh.context),
        own_tokens_(tokens_ / tensor_),
        hidden_(static_cast<double>(job.shape.hidden)) {
    nn::ContextTraffic traffic;
    for (const LayerShape& layer : job.shape.layers)
      traffic.add(layer.attention.heads, layer.attention.kv_heads, job.mesh.context, tensor_);
    ring_ = traffic.goes_round();
  }

  Cost layer(const LayerShape& shape) const;
  Cost head() const;
  double stage_send_s() const;  // of one microbatch's activations to the next stage
  double own_stream_bytes() const { return own_tokens_ * hidden_ * bf16_bytes; }

 private:
  Group tensor_group() const { return {tensor_, tensor_}; }
  Group expert_group() const { return {expert_, expert_ * (job_.software.experts_over_tensor ? 1 : tensor_)}; }
  Group context_group() const { return {job_.mesh.context, job_.mesh.context * tensor_}; }

  void add_product(const Product& product, const LayerShape& shape, Cost& cost) const;
  void add_attention(const AttentionShape& a, Cost& cost) const;
  void add_feed_forward(const LayerShape& shape, Cost& cost) const;
  void add_collectives(const LayerShape& shape, Cost& cost) const;
  void add_context(const AttentionShape& a, Cost& cost) const;
  double gemm(double groups, double m, double n, double k) const {
    return gemm_seconds(job_.cluster.gpu, job_.software.precision, groups, m, n, k);
  }
  // Of the tokens a rank's experts receive.
  double routed_rows(const LayerShape& shape) const {
    return (job_.software.experts_over_tensor ? own_tokens_ : tokens_) * static_cast<double>(shape.k) * job_.imbalance;
  }

  // That there is room for, and which are kept.
  double kept_rows(const LayerShape& shape) const {
    if (expert_ == 1 || job_.software.experts_over_tensor) return routed_rows(shape);
    const auto k = static_cast<double>(shape.k), own_experts = static_cast<double>(shape.experts) / expert_;
    return tokens_ * std::min(job_.software.expert_headroom * k, expert_ * std::min(k, own_experts));
  }

  const Job& job_;
  bool ring_;  // or heads are exchanged among context ranks
  int tensor_, expert_;
  double tokens_, own_tokens_, hidden_;  // of a microbatch: a context rank's, and after sequence parallelism
};

// Backward: the input's gradient [m, out] x [out, in] and the weight's [out, m] x [m, in].
void Rank::add_product(const Product& product, const LayerShape& shape, Cost& cost) const {
  const bool routed = product.rows == Product::Rows::routed;
  const bool split = !(routed && job_.software.experts_over_tensor);
  const double out = product.out / (split && product.split == Product::Split::out ? tensor_ : 1);
  const double in = product.in / (split && product.split == Product::Split::in ? tensor_ : 1);
  const double groups = routed ? static_cast<double>(shape.experts) / expert_ : 1;
  const double rows = routed                                  ? routed_rows(shape) / groups
                      : product.split == Product::Split::none ? own_tokens_
                                                              : tokens_;
  cost.forward.gemm += gemm(groups, rows, out, in);
  cost.backward.gemm += gemm(groups, rows, in, out) + gemm(groups, out, in, rows);
  (routed ? cost.expert_parameters : cost.parameters) += groups * out * in;
  const double least = std::min(product.out, product.in), most = std::max(product.out, product.in);
  const double copies = routed ? static_cast<double>(shape.experts) : 1;
  cost.newton_schulz_flops += copies * 5 * (4 * least * least * most + 2 * least * least * least);
}

void Rank::add_attention(const AttentionShape& a, Cost& cost) const {
  const double heads = static_cast<double>(a.heads) / tensor_, kv_heads = static_cast<double>(a.kv_heads) / tensor_;
  const double key = static_cast<double>(a.key_dim), value = static_cast<double>(a.value_dim);
  const double flops = 2 * tokens_ * nn::mean_keys(a.mask, job_.context) * heads * (key + value);
  cost.forward.attention += attention_seconds(job_.cluster.gpu, flops, job_.context, a.key_dim, false);
  cost.backward.attention += attention_seconds(job_.cluster.gpu, 2.5 * flops, job_.context, a.key_dim, true);
  const double qkv = heads * key + kv_heads * (key + value), o = heads * value;
  const double bytes = tokens_ * bf16_bytes * (4 * qkv + 2 * o);  // norm and rope; attention's own reading
  cost.forward.memory_bound += memory_seconds(job_.cluster.gpu, bytes);
  // q and k before their norm and after rope; o's statistics.
  cost.kept_bytes += tokens_ * (bf16_bytes * (2 * heads * key + 2 * kv_heads * key + kv_heads * value + o) +
                                fp32_bytes * (2 * heads + kv_heads));
}

void Rank::add_feed_forward(const LayerShape& shape, Cost& cost) const {
  const double dense = static_cast<double>(shape.ffn + shape.shared_ffn) / tensor_;
  double bytes = tokens_ * bf16_bytes * 3 * dense;  // SwiGLU
  cost.kept_bytes += tokens_ * bf16_bytes * 2 * dense;
  if (shape.experts > 0) {
    const double rows = routed_rows(shape);
    const double width = static_cast<double>(shape.expert_ffn) / (job_.software.experts_over_tensor ? 1 : tensor_);
    bytes += rows * bf16_bytes * (3 * width + 4 * hidden_);                      // gathered into rows, and combined
    bytes += own_tokens_ * fp32_bytes * 6 * static_cast<double>(shape.experts);  // router
    cost.kept_bytes += kept_rows(shape) * bf16_bytes * (2 * width + (expert_ > 1 ? hidden_ : 0)) +
                       own_tokens_ * fp32_bytes * 2 * static_cast<double>(shape.experts);
  }
  cost.forward.memory_bound += memory_seconds(job_.cluster.gpu, bytes);
}

void Rank::add_collectives(const LayerShape& shape, Cost& cost) const {
  const Cluster& cluster = job_.cluster;
  const Software& software = job_.software;
  // all_gather before, reduce_scatter after each of attention and feed-forward; the backward pass gathers the input of
  // the weights' gradient once more.
  const bool second = shape.ffn > 0 || shape.shared_ffn > 0 || !software.experts_over_tensor;
  const double one = gather_seconds(cluster, tensor_group(), tokens_ * hidden_ * bf16_bytes);
  const double n_modules = second ? 2 : 1;
  cost.forward.tensor += n_modules * 2 * one * (1 - software.tensor_hidden);
  cost.backward.tensor += n_modules * 3 * one * (1 - software.tensor_hidden);
  if (shape.experts > 0) {
    const double bytes = own_tokens_ * static_cast<double>(shape.k) * hidden_ * bf16_bytes * job_.imbalance;
    const double way =
        exchange_seconds(cluster, expert_group(), bytes, software.once_per_node, static_cast<double>(shape.k));
    const double shared = static_cast<double>(shape.shared_ffn) / tensor_;
    const double beside = shared > 0 ? gemm(1, tokens_, 2 * shared, hidden_) + gemm(1, tokens_, hidden_, shared) : 0;
    const double exposed = std::max(0.0, way - beside) + way;
    cost.forward.dispatch += software.dispatch_hidden > 0 ? 2 * way * (1 - software.dispatch_hidden) : exposed;
    cost.backward.dispatch +=
        software.dispatch_hidden > 0 ? 2 * way * (1 - software.dispatch_hidden) : std::max(0.0, way - 2 * beside) + way;
  }
  if (job_.mesh.context > 1) add_context(shape.attention, cost);
}

void Rank::add_context(const AttentionShape& a, Cost& cost) const {
  const int n = job_.mesh.context;
  const auto bytes = [&](std::int64_t elements) {
    return tokens_ * static_cast<double>(elements) / tensor_ * bf16_bytes;
  };
  const double q = bytes(a.heads * a.key_dim), k = bytes(a.kv_heads * a.key_dim), v = bytes(a.kv_heads * a.value_dim),
               o = bytes(a.heads * a.value_dim);
  if (ring_) {
    // One neighbour's share at a time, n - 1 times, beside attention with the share before; of it three quarters are
    // seen by somebody.
    const double hop = gather_seconds(job_.cluster, {2, context_group().span}, 0.75 * 2 * (k + v));
    cost.forward.context += (n - 1) * std::max(0.0, hop - cost.forward.attention / n);
    cost.backward.context += (n - 1) * std::max(0.0, 2 * hop - cost.backward.attention / n);
    return;
  }
  // Tokens to heads and back, which nothing hides; the backward pass so with their gradients.
  double exchanges = 0;
  for (const double each : {q, k, v, o}) exchanges += exchange_seconds(job_.cluster, context_group(), each, false, 1);
  cost.forward.context += exchanges;
  cost.backward.context += exchanges;
  cost.kept_bytes += q + k + v + o;  // of all tokens, a share of the heads
}

Cost Rank::layer(const LayerShape& shape) const {
  Cost cost;
  for (const Product& product : products_of(shape, job_.shape.hidden)) add_product(product, shape, cost);
  add_attention(shape.attention, cost);
  add_feed_forward(shape, cost);
  // Two norms, each with the addition before it: two tensors read, two written.
  const double norms = 8 * own_tokens_ * hidden_ * bf16_bytes;
  cost.forward.memory_bound += memory_seconds(job_.cluster.gpu, norms);
  cost.backward.memory_bound += 2 * cost.forward.memory_bound;
  cost.input_bytes = own_stream_bytes();
  cost.kept_bytes += 4 * own_stream_bytes() + own_tokens_ * fp32_bytes * 2;
  cost.parameters += 2 * hidden_;
  add_collectives(shape, cost);
  return cost;
}

// Logits and their gradients in chunks, gradients within the same pass.
Cost Rank::head() const {
  const double vocab = static_cast<double>(job_.shape.vocab) / tensor_;
  Cost cost;
  const Gpu& gpu = job_.cluster.gpu;
  cost.forward.gemm = gemm_seconds(gpu, Precision::bf16, 1, tokens_, vocab, hidden_);
  cost.backward.gemm = gemm_seconds(gpu, Precision::bf16, 1, tokens_, hidden_, vocab) +
                       gemm_seconds(gpu, Precision::bf16, 1, vocab, hidden_, tokens_);
  cost.forward.memory_bound = memory_seconds(gpu, 4 * tokens_ * vocab * fp32_bytes);
  cost.forward.tensor = gather_seconds(job_.cluster, tensor_group(), tokens_ * hidden_ * bf16_bytes);
  cost.backward.tensor = cost.forward.tensor;
  cost.parameters = vocab * hidden_ + hidden_;
  cost.kept_bytes = 2 * own_stream_bytes() + 2048 * vocab * fp32_bytes;
  return cost;
}

double Rank::stage_send_s() const {
  const int ranks_of_stage = job_.cluster.n_ranks() / job_.mesh.pipeline;
  const Group neighbours{2, job_.mesh.pipeline == 1 ? 1 : 2 * ranks_of_stage};
  return gather_seconds(job_.cluster, neighbours, 2 * own_stream_bytes());
}

// A stage: what its layers, and at the ends the tables, add up to.
struct Stage {
  Cost cost;
  std::size_t n_layers = 0;
  double largest_unit = 0;  // parameters of a layer, or of a table
};

void add(Pass& sum, const Pass& pass) {
  sum.gemm += pass.gemm;
  sum.attention += pass.attention;
  sum.memory_bound += pass.memory_bound;
  sum.tensor += pass.tensor;
  sum.dispatch += pass.dispatch;
  sum.context += pass.context;
}

void add(Stage& stage, const Cost& cost) {
  add(stage.cost.forward, cost.forward);
  add(stage.cost.backward, cost.backward);
  stage.cost.parameters += cost.parameters;
  stage.cost.expert_parameters += cost.expert_parameters;
  stage.cost.newton_schulz_flops += cost.newton_schulz_flops;
  stage.cost.kept_bytes += cost.kept_bytes;
  stage.cost.input_bytes += cost.input_bytes;
  stage.largest_unit = std::max(stage.largest_unit, cost.parameters + cost.expert_parameters);
}

// Neighbouring layers for each stage, none above `most` seconds; how many stages that takes.
std::vector<Stage> fill_stages(const std::vector<Cost>& layers, const Cost& head, double most) {
  std::vector<Stage> stages(1);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const double with_head = i + 1 == layers.size() ? head.total() : 0;
    if (stages.back().n_layers > 0 && stages.back().cost.total() + layers[i].total() + with_head > most)
      stages.emplace_back();
    add(stages.back(), layers[i]);
    ++stages.back().n_layers;
  }
  add(stages.back(), head);
  return stages;
}

std::vector<Stage> split_into_stages(const Job& job, const std::vector<Cost>& layers, const Cost& head) {
  const auto n = static_cast<std::size_t>(job.mesh.pipeline);
  double low = 0, high = head.total();
  for (const Cost& layer : layers) high += layer.total();
  high *= 1 + 1e-9;  // sums round
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    (fill_stages(layers, head, middle).size() > n ? low : high) = middle;
  }
  std::vector<Stage> stages = fill_stages(layers, head, high);
  stages.resize(n);
  const double table = static_cast<double>(job.shape.vocab * job.shape.hidden) / job.mesh.tensor;
  stages.front().cost.parameters += table;
  stages.front().largest_unit = std::max(stages.front().largest_unit, table);
  return stages;
}

double replicas_of(const Job& job, bool experts) {
  const double all = job.mesh.data * job.mesh.context;
  if (!experts) return all;
  return all * (job.software.experts_over_tensor ? job.mesh.tensor : 1) / job.mesh.expert;
}

// Microbatches whose activations stage s holds at once.
double in_flight(const Job& job, std::size_t s, double microbatches) {
  const double p = job.mesh.pipeline, v = job.software.interleave;
  const double chunks = p - static_cast<double>(s) + (v > 1 ? (p - 1) / v : 0);
  return std::min(microbatches, chunks);
}

Prediction::Bytes bytes_of(const Job& job, const Stage& stage, double held, double recomputed) {
  const Cost& c = stage.cost;
  const double all = c.parameters + c.expert_parameters;
  const double owned = c.parameters / replicas_of(job, false) + c.expert_parameters / replicas_of(job, true);
  // Two units are whole at a time: layers, or tables of the vocabulary.
  const double shared = std::min(all, owned + 2 * stage.largest_unit);
  const double layer = stage.n_layers > 0 ? c.kept_bytes / static_cast<double>(stage.n_layers) : 0;
  Prediction::Bytes bytes;
  bytes.weights = bf16_bytes * (job.software.shard == nn::Shard::parameters ? shared : all);
  bytes.masters = fp32_bytes * owned;
  bytes.gradients = fp32_bytes * (job.software.shard == nn::Shard::optimizer ? all : shared);
  bytes.optimizer = (job.software.muon ? 4 : 8) * owned;
  // Beside what is kept, the gradients of one layer's activations.
  bytes.activations = held * ((1 - recomputed) * c.kept_bytes + recomputed * c.input_bytes) + layer;
  bytes.reserve = reserve_bytes;
  return bytes;
}

// Seconds of the exchange among data ranks that passes of so long do not hide.
double data_exchange_s(const Job& job, const Cost& cost, double forward_s, double backward_s, double microbatches) {
  double reduce = 0, gather = 0;
  for (const bool experts : {false, true}) {
    const double n = replicas_of(job, experts);
    const double parameters = experts ? cost.expert_parameters : cost.parameters;
    if (n <= 1 || parameters == 0) continue;
    const Group group{static_cast<int>(n), job.cluster.n_ranks() / job.mesh.pipeline};
    reduce += gather_seconds(job.cluster, group, fp32_bytes * parameters);
    gather += gather_seconds(job.cluster, group, bf16_bytes * parameters);
  }
  if (job.software.shard == nn::Shard::gradients) {
    return microbatches * std::max(0.0, reduce - hidden_exchange * backward_s) +
           std::max(0.0, gather - hidden_exchange * forward_s);
  }
  if (job.software.shard == nn::Shard::parameters) {
    return microbatches * (std::max(0.0, gather - hidden_exchange * forward_s) +
                           std::max(0.0, gather + reduce - hidden_exchange * backward_s));
  }
  return std::max(0.0, reduce - hidden_exchange * backward_s) + std::max(0.0, gather - hidden_exchange * forward_s);
}

// What a rank sends in all of that.
double data_exchange_bytes(const Job& job, const Cost& cost, double microbatches) {
  double sent = 0;  // elements
  for (const bool experts : {false, true}) {
    const double n = replicas_of(job, experts);
    sent += (experts ? cost.expert_parameters : cost.parameters) * (n - 1) / n;
  }
  const nn::Shard shard = job.software.shard;
  return sent * (fp32_bytes * (shard == nn::Shard::optimizer ? 1 : microbatches) +
                 bf16_bytes * (shard == nn::Shard::parameters ? 2 * microbatches : 1));
}

double optimizer_s(const Job& job, const Cost& cost) {
  const double owned = cost.parameters / replicas_of(job, false) + cost.expert_parameters / replicas_of(job, true);
  double seconds = memory_seconds(job.cluster.gpu, 30 * owned);
  if (job.software.muon) {
    const double ranks = static_cast<double>(job.cluster.n_ranks()) / job.mesh.pipeline;
    seconds += cost.newton_schulz_flops / ranks / (0.5 * job.cluster.gpu.bf16_flops);
  }
  return seconds;
}

// The least share of recomputed layers with which every stage fits; 1 when none does.
double recomputed_share(const Job& job, const std::vector<Stage>& stages, double microbatches, double room) {
  if (job.software.recomputed >= 0) return job.software.recomputed;
  double share = 0;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const double held = in_flight(job, s, microbatches);
    const double none = bytes_of(job, stages[s], held, 0).total(), all = bytes_of(job, stages[s], held, 1).total();
    if (none > room) share = std::max(share, std::min(1.0, (none - room) / std::max(1.0, none - all)));
  }
  return share;
}

}  // namespace

double Prediction::Seconds::total() const {
  return gemm + attention + memory_bound + recompute + tensor + dispatch + context + pipeline + data + bubble +
         optimizer + straggling;
}

std::string why_impossible(const Job& job) {
  const comm::MeshShape& mesh = job.mesh;
  const auto text = [](std::int64_t n) { return std::to_string(n); };
  if (mesh.n_ranks() != job.cluster.n_ranks())
    return "the mesh has " + text(mesh.n_ranks()) + " ranks, the cluster " + text(job.cluster.n_ranks());
  if (static_cast<std::size_t>(mesh.pipeline) > job.shape.layers.size())
    return text(mesh.pipeline) + " pipeline stages for " + text(static_cast<std::int64_t>(job.shape.layers.size())) +
           " layers";
  for (const LayerShape& layer : job.shape.layers) {
    if (layer.attention.heads % mesh.tensor != 0)
      return text(layer.attention.heads) + " heads do not divide among " + text(mesh.tensor) + " tensor ranks";
    if (layer.attention.kv_heads % mesh.tensor != 0)
      return text(layer.attention.kv_heads) + " key-value heads do not divide among " + text(mesh.tensor) +
             " tensor ranks";
    if (layer.experts > 0 && layer.experts % mesh.expert != 0)
      return text(layer.experts) + " experts do not divide among " + text(mesh.expert) + " expert ranks";
  }
  const std::int64_t rows = mesh.data * job.microbatch_rows;
  if (rows == 0 || job.batch_rows < rows || job.batch_rows % rows != 0)
    return text(job.batch_rows) + " rows of a step do not divide among " + text(mesh.data) +
           " data ranks in microbatches of " + text(job.microbatch_rows);
  return "";
}

Prediction predict(const Job& job) {
  if (const std::string why = why_impossible(job); !why.empty()) throw Error(Kind::config, why);
  const Rank rank(job);
  std::vector<Cost> layers;
  for (std::size_t i = 0; i < job.shape.layers.size(); ++i) {
    const bool as_before = i > 0 && job.shape.layers[i] == job.shape.layers[i - 1];
    layers.push_back(as_before ? layers.back() : rank.layer(job.shape.layers[i]));
  }
  const std::vector<Stage> stages = split_into_stages(job, layers, rank.head());

  Prediction p;
  p.microbatches = job.batch_rows / (job.mesh.data * job.microbatch_rows);
  const double m = static_cast<double>(p.microbatches);
  const double room = job.cluster.gpu.memory_bytes * usable_memory;
  p.recomputed = recomputed_share(job, stages, m, room);
  const Stage* slowest = &stages.front();
  double average = 0;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const Prediction::Bytes bytes = bytes_of(job, stages[s], in_flight(job, s, m), p.recomputed);
    if (bytes.total() > p.bytes.total()) p.bytes = bytes;
    if (stages[s].cost.total() > slowest->cost.total()) slowest = &stages[s];
    average += stages[s].cost.total() / static_cast<double>(stages.size());
  }
  p.fits = p.bytes.total() <= room * 1.0001;

  const Cost& cost = slowest->cost;
  const double even = job.software.interleave > 1 ? average / cost.total() : 1;  // small chunks even out
  Prediction::Seconds& s = p.seconds;
  const Pass &f = cost.forward, &b = cost.backward;
  s.gemm = m * even * (f.gemm + b.gemm);
  s.attention = m * even * (f.attention + b.attention);
  s.memory_bound = m * even * (f.memory_bound + b.memory_bound);
  s.tensor = m * even * (f.tensor + b.tensor);
  s.dispatch = m * even * (f.dispatch + b.dispatch);
  s.context = m * even * (f.context + b.context);
  s.recompute = m * even * p.recomputed * f.total();
  s.pipeline = job.mesh.pipeline > 1 ? 2 * m * job.software.interleave * rank.stage_send_s() : 0;
  s.bubble = (job.mesh.pipeline - 1.0) / job.software.interleave * even * (cost.total() + p.recomputed * f.total());
  s.data = data_exchange_s(job, cost, f.total(), b.total(), m);
  p.data_bytes = data_exchange_bytes(job, cost, m);
  s.optimizer = optimizer_s(job, cost);
  s.straggling = straggling * std::log2(job.cluster.n_ranks()) * s.total();

  const double tokens = static_cast<double>(job.batch_rows * job.context), ranks = job.cluster.n_ranks();
  p.tokens_per_s = tokens / s.total();
  p.tokens_per_s_of_rank = p.tokens_per_s / ranks;
  p.flops_of_rank = p.tokens_per_s_of_rank * train_flops_per_token(job.shape, job.context);
  p.utilisation = p.flops_of_rank / job.cluster.gpu.bf16_flops;
  return p;
}

}  // namespace hearth::train
