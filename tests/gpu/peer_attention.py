# SPDX-License-Identifier: Apache-2.0
"""Attention, forward and backward, beside PyTorch's: scaled_dot_product_attention by each of its backends, and for
windows flex_attention, compiled. hearth's own kernels, and where cuDNN is installed cuDNN through hearth ("_cudnn"). The last column is the time of PyTorch's fastest over hearth's."""
import peer  # first: it ends with 77 where there is no torch
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

BACKENDS = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION,
            "efficient": SDPBackend.EFFICIENT_ATTENTION}


def attentions(shape, device):
    """name -> function of (q, k, v)."""
    grouped = shape["q_heads"] != shape["kv_heads"]
    if shape["window"] > 0:
        from torch.nn.attention.flex_attention import create_block_mask, flex_attention
        window = shape["window"]
        mask = create_block_mask(lambda b, h, i, j: (i >= j) & (i - j < window), None, None, shape["length"], shape["length"],
                                 device=device)
        compiled = torch.compile(flex_attention, dynamic=False) if device == "cuda" else flex_attention
        return {"flex": lambda q, k, v: compiled(q, k, v, block_mask=mask, scale=0.125, enable_gqa=grouped)}
    found = {}
    for name, backend in (BACKENDS if device == "cuda" else {"math": SDPBackend.MATH}).items():
        def run(q, k, v, backend=backend):
            with sdpa_kernel(backend):
                return F.scaled_dot_product_attention(q, k, v, is_causal=shape["causal"], scale=0.125, enable_gqa=grouped)
        found[name] = run
    return found


def ways_of(line, device):
    shape, dtype = line["shape"], torch.bfloat16 if line["dtype"] == "bf16" else torch.float32

    def tensor(heads):  # laid out as a model's projections leave it
        storage = torch.rand(shape["sequences"], shape["length"], heads, shape["head_dim"], device=device, dtype=dtype) - 0.5
        return storage.transpose(1, 2).requires_grad_(True)

    q, k, v = tensor(shape["q_heads"]), tensor(shape["kv_heads"]), tensor(shape["kv_heads"])
    for name, attention in attentions(shape, device).items():
        if not line["bench"].startswith("attention_backward"):
            yield name, lambda attention=attention: attention(q, k, v)
            continue
        try:
            o = attention(q, k, v)
        except Exception as error:
            def fail(error=error):
                raise error
            yield name, fail
            continue
        d_o = (torch.rand_like(o) - 0.5).detach()
        yield name, lambda o=o, d_o=d_o: torch.autograd.grad(o, (q, k, v), d_o, retain_graph=True)


if __name__ == "__main__":
    peer.compare(peer.arguments(__doc__), "attention", ways_of)
