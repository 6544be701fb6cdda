# SPDX-License-Identifier: Apache-2.0
"""Whole layers of experts, forward and backward, beside the same layer on PyTorch's grouped_mm, as it is and compiled.
The last column is the time of PyTorch's fastest over hearth's."""
import peer  # first: it ends with 77 where there is no torch
import torch
import torch.nn.functional as F

grouped_mm = getattr(F, "grouped_mm", None) or torch._grouped_mm


def layer(x, router, gate_up, down, k):
    n_experts = router.shape[0]
    scores = torch.sigmoid(F.linear(x.float(), router))
    weights, ids = torch.topk(scores, k, dim=-1)
    weights = weights / weights.sum(-1, keepdim=True)
    order = torch.argsort(ids.flatten(), stable=True)
    experts = torch.arange(n_experts, device=x.device, dtype=ids.dtype)
    offsets = torch.searchsorted(ids.flatten()[order], experts, right=True).to(torch.int32)
    rows = grouped_mm(x[order // k], gate_up.transpose(1, 2), offs=offsets)
    gate, up = rows.chunk(2, dim=-1)
    activated = F.silu(gate) * up * weights.flatten()[order].to(x.dtype)[:, None]
    out = grouped_mm(activated, down.transpose(1, 2), offs=offsets)
    back = torch.argsort(order)
    return out[back].view(x.shape[0], k, x.shape[1]).sum(1)


def ways_of(line, device):
    shape, dtype = line["shape"], torch.bfloat16

    def tensor(*extents, dtype=dtype):
        return (torch.rand(*extents, device=device, dtype=dtype) - 0.5).requires_grad_(True)

    x = tensor(shape["tokens"], shape["hidden"])
    router = tensor(shape["experts"], shape["hidden"], dtype=torch.float32)
    gate_up = tensor(shape["experts"], 2 * shape["ffn"], shape["hidden"])
    down = tensor(shape["experts"], shape["hidden"], shape["ffn"])
    dy = (torch.rand_like(x) - 0.5).detach()
    runs = {"eager": layer}
    if device == "cuda":
        runs["compiled"] = torch.compile(layer, dynamic=False)
    for name, run in runs.items():
        if line["bench"] == "moe_layer":
            yield name, lambda run=run: run(x, router, gate_up, down, shape["k"])
            continue
        try:
            y = run(x, router, gate_up, down, shape["k"])
        except Exception as error:
            def fail(error=error):
                raise error
            yield name, fail
            continue
        yield name, lambda y=y: torch.autograd.grad(y, (x, router, gate_up, down), dy, retain_graph=True)


if __name__ == "__main__":
    peer.compare(peer.arguments(__doc__), "moe", ways_of)
