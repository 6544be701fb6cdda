# SPDX-License-Identifier: Apache-2.0
"""bench_kernels and PyTorch on the same shapes, types and threads, in one run: one JSON line an op with both times.

    kernels_peer.py --bench build/cpu/bin/bench_kernels [--cpu-time] [--only TEXT]

Ends with 77 where torch is missing.
"""
import argparse
import json
import subprocess
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    print(f"kernels_peer: skipped: {error}", file=sys.stderr)
    sys.exit(77)


def peer_of(name, shape, dtype):
    """A function that does in PyTorch what the op of this name does, or None."""
    def new(*extents, grad=False):
        return torch.rand(*extents, dtype=dtype).sub_(0.5).requires_grad_(grad)

    if name.startswith("linear"):
        tokens, n_in, n_out = shape["tokens"], shape["in"], shape["out"]
        x, w, y = new(tokens, n_in), new(n_out, n_in), new(tokens, n_out)
        dw = torch.zeros(n_out, n_in, dtype=dtype)
        return {"linear_forward": lambda: F.linear(x, w), "linear_input_gradient": lambda: y @ w,
                "linear_weight_gradient": lambda: dw.add_(y.t() @ x)}[name]
    if name.startswith("attention"):
        n, length, q_heads, kv_heads, dim = (shape[k] for k in ("sequences", "length", "q_heads", "kv_heads", "head_dim"))
        q, k, v = new(n, q_heads, length, dim, grad=True), new(n, kv_heads, length, dim, grad=True), new(n, kv_heads, length, dim, grad=True)

        def forward():
            return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.125, enable_gqa=q_heads != kv_heads)
        if name == "attention_forward":
            return forward
        out, d_o = forward(), new(n, q_heads, length, dim)
        return lambda: torch.autograd.grad(out, (q, k, v), d_o, retain_graph=True)
    if name == "head_with_gradient":
        x, w = new(shape["tokens"], shape["hidden"], grad=True), new(shape["vocab"], shape["hidden"], grad=True)
        targets = torch.ones(shape["tokens"], dtype=torch.long)
        return lambda: torch.autograd.grad(F.cross_entropy(F.linear(x, w).float(), targets), (x, w))
    if name in ("rmsnorm_residual", "rmsnorm_backward"):
        x, r, w = new(shape["tokens"], shape["width"], grad=True), new(shape["tokens"], shape["width"]), new(shape["width"], grad=True)

        def forward():
            s = x + r
            return s, F.rms_norm(s, (shape["width"],), w, 1e-6)
        if name == "rmsnorm_residual":
            return forward
        (s, y), dy, past = forward(), new(shape["tokens"], shape["width"]), new(shape["tokens"], shape["width"])
        return lambda: torch.autograd.grad((s, y), (x, w), (past, dy), retain_graph=True)
    if name in ("glu", "glu_backward"):
        x = new(shape["tokens"], 2 * shape["width"], grad=True)

        def forward():
            gate, up = x.chunk(2, -1)
            return F.silu(gate) * up
        if name == "glu":
            return forward
        y, dy = forward(), new(shape["tokens"], shape["width"])
        return lambda: torch.autograd.grad(y, x, dy, retain_graph=True)
    if name == "adamw" and dtype == torch.float32:
        p = torch.rand(shape["n"], requires_grad=True)
        p.grad = torch.rand(shape["n"])
        return torch.optim.AdamW([p], fused=True).step
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--cpu-time", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1 if args.cpu_time else args.threads)
    clock = time.process_time if args.cpu_time else time.perf_counter
    command = [args.bench, f"--threads={args.threads}", f"--repetitions={args.repetitions}"]
    command += [f"--only={args.only}"] if args.only else []
    lines = subprocess.run(command + ["--cpu-time"] * args.cpu_time, check=True, capture_output=True, text=True).stdout
    for line in map(json.loads, lines.splitlines()):
        run = peer_of(line["bench"], line["shape"], torch.float32 if line["dtype"] == "f32" else torch.bfloat16)
        if run is None:
            continue
        best = 1e30
        for _ in range(args.repetitions):
            start = clock()
            run()
            best = min(best, clock() - start)
        line |= {"peer": "PyTorch " + torch.__version__, "peer_seconds": best, "speedup": best / line["seconds"]}
        print(json.dumps(line), flush=True)
        shape = ", ".join(f"{k} {v}" for k, v in line["shape"].items())
        print(f"{line['bench']:24} {line['dtype']:4} {shape:75} {1e3 * line['seconds']:8.2f} ms  {100 * line['ratio']:4.0f} %   "
              f"PyTorch {1e3 * best:8.2f} ms  {line['speedup']:.2f} x", file=sys.stderr)


if __name__ == "__main__":
    main()
