// SPDX-License-Identifier: Apache-2.0
// The option table of pretrain.
#include <memory>

#include "lib/tools/pretrain.h"
#include "lib/tools/pretrain_cluster.h"

namespace hearth::tools {
namespace {

void add_model(Command& c, PretrainOptions& o) {
  c.group("What to train (one of --depth and --model)");
  c.option("depth", &o.depth, "N|auto",
           "a new model of N layers, everything else following from N; auto: what --hours allows");
  c.flag("moe", &o.moe, "with --depth: a mixture of experts");
  c.option("hours", &o.hours, "H", "with --depth auto: choose the model that trains best in H hours on this machine")
      .range(0.001);
  c.option(
      "model", &o.model, "PATH",
      "a model.json to start from nothing, or a run, checkpoint or Hugging Face folder whose weights to start from");
  c.option("context", &o.context, "N",
           "tokens a row, the longest text seen at once (default: 512, or what --model says)")
      .range(1, 1 << 20);
  c.option("moe-experts", &o.moe_experts, "N", "with --moe: experts of a layer").range(1, 4096);
  c.option("moe-k", &o.moe_k, "N", "with --moe: experts a token goes to").range(1, 4096);
  c.option("moe-ffn", &o.moe_ffn, "N", "with --moe: width of an expert").range(1);
  c.option("moe-shared", &o.moe_shared, "N", "with --moe: width of the expert that every token passes; 0: none")
      .range(0);
}

void add_data(Command& c, PretrainOptions& o) {
  c.group("On what");
  c.option("data", &o.data, "FILE[=WEIGHT]",
           "tokens file (hearth tokenize encode); with WEIGHT its share of the rows, without by its size")
      .must_unless("nodes");
  c.option("weights", &o.weights, "SOURCE=WEIGHT",
           "share of the rows for documents of a source (hearth tokenize encode --source-by), over all files; sources "
           "not named share the rest by size; may be repeated");
  c.option("max-epochs", &o.max_epochs, "E",
           "see no file or source more than E times: what it leaves goes to the others")
      .range(0.0001);
  c.option("tokenizer", &o.tokenizer, "PATH",
           "tokenizer.json of the tokens, or its folder, or none (default: found through the tokens file)");
}

void add_run(Command& c, PretrainOptions& o) {
  c.group("Where and how long");
  c.option("output", &o.output, "DIR", "the run's folder: checkpoints, metrics.jsonl, report.html").letter('o').must_unless("nodes");
  c.option("resume", &o.resume, "WHEN", "whether to go on with the run in the folder")
      .one_of({"auto", "never", "must"});
  c.option("steps", &o.steps, "N", "train for N steps (default: 12 tokens for each parameter, at most 4 epochs)")
      .range(1);
  c.count("tokens", &o.tokens, "N", "train on N tokens, as in 30M; 0: as --steps");
  c.option("epochs", &o.epochs, "E", "train on the data E times").range(0.0001);
  c.option("max-hours", &o.max_hours, "H", "after H hours finish the step, save, exit 75; 0: no limit").range(0);
  c.option("stop-at", &o.stop_at, "N", "after step N measure, save, exit 75, to go on later; 0: go on to the last").range(0);
  c.option("eval-every", &o.eval_every, "N", "steps between measurements on held-out text; 0: at start and end")
      .range(0);
  c.count("eval-tokens", &o.eval_tokens, "N", "held-out tokens to measure on, at most");
  c.option("checkpoint-every", &o.checkpoint_every, "N", "steps between checkpoints; 0: only at the end").range(0);
  c.option("keep", &o.keep, "N", "newest checkpoints to keep").range(1);
  c.option("keep-every", &o.keep_every, "N", "keep checkpoints of every Nth step for good; 0: none").range(0);
}

void add_training(Command& c, PretrainOptions& o) {
  c.group("How (the defaults follow from the model's size)");
  c.count("batch-tokens", &o.batch_tokens, "N",
          "tokens of a step; 0: what suits the model's size and the run's length");
  c.option("lr", &o.learning_rate, "X", "peak learning rate, the same for both optimisers").range(0);
  c.option("optimizer", &o.optimizer, "NAME", "muon: Muon for matrices, AdamW for the rest").one_of({"muon", "adamw"});
  c.option("schedule", &o.schedule, "NAME", "wsd: warm-up, constant, linear decay").one_of({"wsd", "cosine"});
  c.option("warmup", &o.warmup, "N", "warm-up: steps, or below 1 a share of them").range(0);
  c.option("decay", &o.decay, "N", "with wsd, the decay at the end: steps, or below 1 a share of them").range(0);
  c.option("final-lr", &o.final_lr, "X",
           "learning rate at the end, as a share of the peak (default: wsd 0, cosine 0.1)")
      .range(0, 1);
  c.option("weight-decay", &o.weight_decay, "X", "weight decay of matrices").range(0);
  c.option("beta2", &o.beta2, "X", "of AdamW").range(0, 0.999999);
  c.option("clip", &o.clip, "X", "largest norm of the gradient; 0: no clipping").range(0);
  c.option("z-loss", &o.z_loss, "X", "weight of the squared log-normaliser in the loss").range(0);
  c.option("moe-gamma", &o.moe_gamma, "X", "mixtures: step of the selection bias that balances experts").range(0);
  c.option("moe-balance", &o.moe_balance, "X", "mixtures: weight of the balance loss within a sequence").range(0);
}

void add_watch(Command& c, PretrainOptions& o) {
  c.group("Watching many ranks (rarely needed)");
  c.option("watchdog", &o.watchdog_s, "SECONDS",
           "when a call among them takes longer (a GPU's work: also than 4 of its steps, the first than 6 times this), "
           "name the rank that is waited for and exit 69; 0: wait")
      .range(0);
  c.option("compare-replicas-every", &o.compare_every, "N",
           "steps between comparisons of their weights, bit by bit; 0: never")
      .range(0);
}

void add_machine(Command& c, PretrainOptions& o) {
  c.group("Machine");
  c.option("dtype", &o.dtype, "NAME", "of weights and activations; the optimiser always keeps fp32")
      .one_of({"fp32", "bf16"});
  c.count("microbatch-tokens", &o.microbatch_tokens, "N", "tokens of one pass; 0: what fits into memory");
  c.size("recompute", &o.recompute, "BYTES",
         "keep at most BYTES of activations, as in 2GiB, and recompute the rest; 0: keep all");
  c.option("cuda-graphs", &o.cuda_graphs, "WHEN",
           "on a GPU record passes whose shapes repeat; the same bits either way")
      .one_of({"on", "off"});
  c.option("gemm", &o.gemm, "NAME", "on a GPU: sm90: own products where GPU and shape suit (no GPU has run them yet)")
      .one_of({"cublaslt", "sm90"});
  c.option("attention", &o.attention, "NAME",
           "on a GPU: cudnn: cuDNN's or an error; auto: its forward pass where it can (no GPU has run them yet)")
      .one_of({"portable", "auto", "cudnn"});
  c.option("grouped-gemm", &o.grouped_gemm, "NAME",
           "on a GPU: the experts' products; cublaslt: one each, on streams; waits, so with --cuda-graphs off")
      .one_of({"own", "cublaslt"});
  c.flag("exact", &o.exact, "on a GPU too, a token's forward pass does not depend on what is computed beside it");
  c.flag("check-kernels", &o.check_kernels, "at every measurement compare with the slow reference kernels");
}

void add_mesh(Command& c, PretrainOptions& o) {
  c.group("Among many ranks (mpirun, srun)");
  c.option("dp", &o.mesh.data, "N", "ranks that share a step's rows; 0: what the others leave over").range(0);
  c.option("shard", &o.shard, "WHAT",
           "what else they share out: the optimiser's state; gradients too (ZeRO-2); parameters too (ZeRO-3, FSDP)")
      .one_of({"optimizer", "gradients", "parameters"});
  c.option("pp", &o.mesh.pipeline, "N", "pipeline parallel: N stages of layers").range(1);
  c.option("cp", &o.mesh.context, "N",
           "context parallel: N ranks share a row's tokens; attention exchanges heads, or keys in a ring")
      .range(1);
  c.option("tp", &o.mesh.tensor, "N", "tensor parallel: N ranks share the heads, columns and vocabulary").range(1);
  c.option("ep", &o.mesh.expert, "N", "expert parallel: a mixture's experts spread over N of the --dp times --cp ranks")
      .range(1);
  c.option("moe-headroom", &o.moe_headroom, "X",
           "room for rows of spread experts, in means; a surplus takes more rounds")
      .range(0.1, 1e6);
}

void add_cluster(Command& c, PretrainOptions& o) {
  c.group("Planning for a cluster that is not at hand");
  c.option("nodes", &o.nodes, "N",
           "with --dry-run: predict memory, time by part and the best mesh on N nodes; --model also takes published "
           "models, such as mistral-small-4 (any other word lists them)")
      .range(1, 1 << 16);
  c.option("gpus-per-node", &o.gpus_per_node, "N", "GPUs of a node").range(1, 64);
  c.option("gpu", &o.gpu, "NAME", "which").one_of({"a100", "h100", "h200", "h800"});
  c.option("network", &o.network, "GBIT", "what the network carries for each GPU, Gbit/s one way").range(1, 100000);
}

}  // namespace

Command pretrain_command(const std::vector<std::string>& argv) {
  auto options = std::make_shared<PretrainOptions>();
  Command c{"pretrain", "train a language model from tokens files"};
  c.details =
      "Everything lands in one run folder: checkpoints (step-*/), metrics.jsonl (one event a line), report.html "
      "(curves, kept "
      "fresh), tokenizer/. The same command again goes on where the run was, with the same bits as if it had never "
      "stopped. USR1, "
      "TERM or Ctrl-C finish the step, save and exit 75; a second one ends at once. Under mpirun or srun "
      "(--mpi=pmix) the ranks "
      "share the work; the folder must be one that all see.";
  c.examples = {{"hearth pretrain --depth 4 --data tokens.h5 -o runs/small", "a first model"},
                {"hearth pretrain --depth auto --hours 2 --data tokens.h5 -o runs/base",
                 "the best model for two hours of this machine"},
                {"hearth pretrain --depth 8 --moe --data code.h5=0.7 --data text.h5=0.3 -o runs/moe",
                 "a mixture of experts on a mixture of data"},
                {"hearth pretrain --depth 12 --data tokens.h5 -o runs/base --dry-run",
                 "what it would take: parameters, memory, time"},
                {"mpirun -np 4 pretrain --depth 12 --data tokens.h5 -o runs/base",
                 "on four ranks: each a share of every step, and of the optimiser's state"},
                {"mpirun -np 8 pretrain --depth 24 --moe --tp 2 --ep 4 --data tokens.h5 -o runs/moe",
                 "a mixture too large for one rank: matrices cut in two, experts spread over four"},
                {"hearth pretrain --model llama-3.1-405b --tokens 15T --nodes 2048 --gpu h100 --dry-run",
                 "what a run elsewhere would take, and with which mesh"},
                {"hearth pretrain --model runs/base --data ours.h5 --epochs 2 --lr 2e-4 -o runs/ours",
                 "on with new data, from trained weights"}};
  add_model(c, *options);
  add_data(c, *options);
  add_run(c, *options);
  add_training(c, *options);
  add_machine(c, *options);
  add_watch(c, *options);
  add_mesh(c, *options);
  add_cluster(c, *options);
  add_common(c, options->common,
             {.seed = true, .dry_run = true, .overwrite = false, .tmpdir = false, .no_provenance = true, .json = true, .device = true});
  c.run = [options, argv](const Command& self) {
    if (options->nodes) {
      return run_with_context(self, options->common, argv,
                              [&](const Context& context) { return plan_cluster(*options, context); });
    }
    return run_on_ranks(self, options->common, argv, options->mesh,
                        [&](Context& context) { return run(*options, context); }, options->shard != "optimizer");
  };
  return c;
}

}  // namespace hearth::tools
