# SPDX-License-Identifier: Apache-2.0
"""What the peer_*.py share: hearth's lines by gpu_ops, PyTorch's times by the same method (events of the device, a block
larger than its second-level cache overwritten before each run, the median), and the table of both. Without torch: 77."""
import argparse
import json
import subprocess
import sys
import time

try:
    import statistics  # no part of a minimal Python either

    import torch
except ImportError as error:
    print(f"peer: skipped: {error}", file=sys.stderr)
    sys.exit(77)

BUDGET_S = 0.25  # of one measurement's timed runs


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--ops", required=True, help="the program gpu_ops")
    parser.add_argument("--tiny", action="store_true", help="small shapes, also without a GPU: to try this script")
    parser.add_argument("-o", dest="output", required=True, help="JSON lines")
    args = parser.parse_args()
    args.device = "cuda" if torch.cuda.is_available() else "cpu"
    if args.device == "cpu" and not args.tiny:
        print("peer: skipped: PyTorch sees no GPU", file=sys.stderr)
        sys.exit(77)
    return args


def ours(args, set_name):
    """gpu_ops' lines; those of ops that failed hold "error"."""
    command = [args.ops, f"--set={set_name}"] + ["--tiny"] * args.tiny
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0:
        print(f"peer: gpu_ops ended with {done.returncode}", file=sys.stderr)
    return [line for line in lines if line["bench"] != "ceilings"]


class Clock:
    def __init__(self, device):
        self.device = device
        self.flush = torch.empty(256 << 20 if device == "cuda" else 1 << 16, dtype=torch.uint8, device=device)

    def seconds(self, run):
        if self.device == "cpu":
            run()
            start = time.perf_counter()
            run()
            return time.perf_counter() - start
        self._timed(run, 2)
        once = self._timed(run, 1)
        return self._timed(run, int(min(max(BUDGET_S / once, 3), 50)))

    def _timed(self, run, runs):
        pairs = []
        for _ in range(runs):
            self.flush.zero_()
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            run()
            end.record()
            pairs.append((begin, end))
        torch.cuda.synchronize()
        return statistics.median(1e-3 * begin.elapsed_time(end) for begin, end in pairs)


def complain(bench, name, error):
    print(f"peer: {bench} {name}: {str(error).splitlines()[0][:140] if str(error) else repr(error)}", file=sys.stderr)


def timed(clock, bench, name, run):
    try:
        return clock.seconds(run)
    except Exception as error:  # not every way exists for every shape
        complain(bench, name, error)
        return None


def compare(args, set_name, ways_of):
    """ways_of(line, device) yields (name, function): every way PyTorch has of doing what the line's op did."""
    clock = Clock(args.device)
    with open(args.output, "w") as output:
        for line in ours(args, set_name):
            times = {}
            try:
                for name, run in ways_of(line, args.device):
                    times[name] = timed(clock, line["bench"], name, run)
            except Exception as error:  # the operands do not fit, say
                complain(line["bench"], "", error)
            if args.device == "cuda":
                torch.cuda.empty_cache()
            line |= {"peer": "PyTorch " + torch.__version__, "peer_seconds": times}
            known = {name: seconds for name, seconds in times.items() if seconds}
            if known and "seconds" in line:
                line["speedup"] = min(known.values()) / line["seconds"]
            output.write(json.dumps(line) + "\n")
            output.flush()
            print(row(line, known), flush=True)


def row(line, known):
    shape = " ".join(f"{key} {value}" for key, value in line["shape"].items())
    head = f"{line['bench']:20} {line['dtype']:5} {shape:84}"
    if "seconds" not in line:
        return f"{head} FAILED: {line.get('error', '?')[:60]}"
    rate = f"{line['flops'] / line['seconds'] / 1e12:6.1f} TFLOP/s {100 * line['ratio']:3.0f} %"
    peers = "  ".join(f"{name} {1e3 * seconds:.3f} ms" for name, seconds in sorted(known.items(), key=lambda each: each[1]))
    ratio = f"{line['speedup']:.2f} x" if "speedup" in line else "no peer"
    return f"{head} {1e3 * line['seconds']:8.3f} ms {rate}   {peers}   {ratio}"
