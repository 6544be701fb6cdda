# SPDX-License-Identifier: Apache-2.0
"""Training steps of hearth and of PyTorch (transformers' model, sdpa, fused AdamW), in turns in one run.

    training_step_peer.py --bench build/cpu/bin/bench_training_step [--depth 6] [--rows 8] [--context 512] [--compile]
        [--device cuda]

For fp32 and bf16, dense and mixture: the same shape, batch, cores. PyTorch's bf16 is tried as a user would (autocast over
f32 weights) and with all weights and moments in bf16, its mixtures in every way that transformers offers; the best counts.
Prints one JSON line each, then a table. Ends with 77 where torch or transformers is missing.
"""
import argparse
import contextlib
import json
import os
import subprocess
import sys
import time

try:
    import torch
    from transformers import AutoModelForCausalLM, Dots1Config, Qwen3Config
except ImportError as error:
    print(f"training_step_peer: skipped: {error}", file=sys.stderr)
    sys.exit(77)


def peer_config(model):
    """transformers' configuration of a hearth model.json made by the depth dial."""
    blocks, layers = model["blocks"], model["layers"]
    dense = blocks["dense"]
    common = dict(vocab_size=model["vocab"], hidden_size=model["hidden"], intermediate_size=dense["ffn"]["ffn"],
                  num_hidden_layers=len(layers), num_attention_heads=dense["mixer"]["heads"],
                  num_key_value_heads=dense["mixer"]["kv_heads"], head_dim=dense["mixer"]["head_dim"],
                  max_position_embeddings=model["context"], rms_norm_eps=model["epsilon"], use_cache=False,
                  rope_parameters={"rope_type": "default", "rope_theta": dense["rope"]["theta"]})
    if "mixture" not in blocks:
        return Qwen3Config(**common)
    moe = blocks["mixture"]["ffn"]
    return Dots1Config(**common, moe_intermediate_size=moe["ffn"], n_routed_experts=moe["experts"],
                       num_experts_per_tok=moe["k"], n_shared_experts=moe["shared_ffn"] // moe["ffn"], n_group=1,
                       topk_group=1, norm_topk_prob=True, first_k_dense_replace=layers.count("dense"),
                       routed_scaling_factor=moe["router"]["scale"], sliding_window=None)


def peer_seconds(config, args, dtype, autocast, experts, compiled):
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa", dtype=dtype).to(args.device)
    if experts:
        model.set_experts_implementation(experts)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), fused=True)
    ids = torch.randint(0, config.vocab_size, (args.rows, args.context + 1), device=args.device)
    wait = torch.cuda.synchronize if args.device == "cuda" else lambda: None

    def loss_of(inputs, targets):
        logits = model(inputs).logits
        return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())

    run = torch.compile(loss_of, dynamic=False) if compiled else loss_of
    best, best_cpu = 1e30, 1e30
    for _ in range(args.steps):
        wait()
        start, cpu_start = time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        with torch.autocast(args.device, torch.bfloat16) if autocast else contextlib.nullcontext():
            loss = run(ids[:, :-1], ids[:, 1:])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        wait()
        best, best_cpu = min(best, time.perf_counter() - start), min(best_cpu, time.process_time() - cpu_start)
    return best, best_cpu


def best_peer(config, args, dtype):
    """The fastest way PyTorch has here, and its name."""
    precisions = [(torch.float32, False)] if dtype == "f32" else [(torch.float32, True), (torch.bfloat16, False)]
    ways = []
    for torch_dtype, autocast in precisions:
        on_gpu = args.device == "cuda"  # there only the ways that have a chance are worth the time
        mixtures = ["grouped_mm"] if on_gpu else ["eager", "grouped_mm"]
        for experts in (mixtures if hasattr(config, "n_routed_experts") else [None]):
            for compiled in ([True] if args.compile and on_gpu else [False, True] if args.compile else [False]):
                name = " ".join(filter(None, ["autocast" if autocast else str(torch_dtype)[6:], experts,
                                              "compiled" if compiled else "eager mode"]))
                try:
                    ways.append((*peer_seconds(config, args, torch_dtype, autocast, experts, compiled), name))
                except Exception as error:  # not every way exists on every machine
                    print(f"training_step_peer: {name}: {str(error).splitlines()[0][:160]}", file=sys.stderr)
    for seconds, cpu, name in ways:
        print(f"training_step_peer: {dtype} {name}: {seconds:.3f} s, {cpu:.3f} s of CPU", file=sys.stderr)
    return min(ways)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True)
    for name, value in dict(depth=6, rows=8, context=512, vocab=8192, steps=3, threads=len(os.sched_getaffinity(0))).items():
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--dtype", nargs="*", default=["f32", "bf16"])
    parser.add_argument("--kind", nargs="*", default=["dense", "moe"])
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    table = []
    for kind in args.kind:
        for dtype in args.dtype:
            shape = [f"--{name}={getattr(args, name)}" for name in ("depth", "rows", "context", "vocab", "steps", "threads")]
            command = [args.bench, f"--dtype={dtype}", f"--device={args.device}", *shape] + (["--moe"] if kind == "moe" else [])
            ours = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            seconds, cpu, way = best_peer(peer_config(ours.pop("model")), args, dtype)
            again = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            ours["seconds"] = min(ours["seconds"], again["seconds"])
            ours["cpu_seconds"] = min(ours["cpu_seconds"], again["cpu_seconds"])
            ours["ratio"] = max(ours["ratio"], again["ratio"])
            ours |= {"kind": kind, "peer": way, "peer_seconds": seconds, "peer_cpu_seconds": cpu,
                     "speedup": seconds / ours["seconds"], "cpu_speedup": cpu / ours["cpu_seconds"]}
            print(json.dumps(ours), flush=True)
            table.append(f"{kind:6} {dtype:5} hearth {ours['seconds']:7.3f} s  {100 * ours['ratio']:4.0f} % of GEMM   "
                         f"PyTorch {seconds:7.3f} s ({way})   {ours['speedup']:.2f} x, in CPU time "
                         f"{ours['cpu_seconds']:.3f} s : {cpu:.3f} s = {ours['cpu_speedup']:.2f} x")
    print("\n".join(table), file=sys.stderr)


if __name__ == "__main__":
    main()
