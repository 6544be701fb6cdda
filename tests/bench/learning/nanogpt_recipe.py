#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nanoGPT's recipe for small character models, written afresh in PyTorch: the peer of compare.sh.

GPT with learned positions, LayerNorm without bias, GELU, tied head; N(0, 0.02), projections into the residual stream
scaled by 1/sqrt(2 layers); AdamW lr 1e-3 -> 1e-4 (cosine, 100 steps of warm-up), betas 0.9 / 0.99, weight decay 0.1 on
matrices, gradients clipped to norm 1, no dropout. Batches are random blocks of the training text. The validation loss
is over the whole held-out text in consecutive blocks: what `pretrain` measures on the same text as one document.
"""
import argparse
import json
import math
import time

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x):  # [batch, context, width]
        b, t, w = x.shape
        q, k, v = (y.view(b, t, self.heads, -1).transpose(1, 2) for y in self.qkv(self.norm1(x)).split(w, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, w))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Gpt(nn.Module):
    def __init__(self, vocab, context, layers, heads, width):
        super().__init__()
        self.embedding, self.positions = nn.Embedding(vocab, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                residual = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * layers) if residual else 0.02)

    def forward(self, tokens):
        x = self.embedding(tokens) + self.positions.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.embedding.weight.T


@torch.no_grad()
def validation_loss(model, text, context):
    n = (len(text) - 1) // context
    total = 0.0
    for begin in range(0, n, 64):
        rows = range(begin, min(begin + 64, n))
        x = torch.stack([text[i * context : (i + 1) * context] for i in rows])
        y = torch.stack([text[i * context + 1 : (i + 1) * context + 1] for i in rows])
        total += F.cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction="sum").item()
    return total / (n * context)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("train")
    parser.add_argument("validation")
    for name, default in (("layers", 4), ("heads", 4), ("width", 128), ("context", 64), ("batch", 12), ("steps", 2000), ("seed", 1), ("threads", 2)):
        parser.add_argument("--" + name, type=int, default=default)
    a = parser.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    train, validation = (torch.tensor(list(open(path, "rb").read())) for path in (a.train, a.validation))
    model = Gpt(256, a.context, a.layers, a.heads, a.width)
    decayed = [p for p in model.parameters() if p.dim() >= 2]
    others = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], lr=1e-3, betas=(0.9, 0.99))
    start = time.time()
    for step in range(a.steps):
        warm, done = (step + 1) / 101, min(1.0, max(0.0, (step - 100) / (a.steps - 100)))
        rate = 1e-3 * warm if step < 100 else 1e-4 + 0.5 * (1 + math.cos(math.pi * done)) * 9e-4
        for group in optimizer.param_groups:
            group["lr"] = rate
        at = torch.randint(len(train) - a.context, (a.batch,))
        x = torch.stack([train[i : i + a.context] for i in at])
        y = torch.stack([train[i + 1 : i + 1 + a.context] for i in at])
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    seconds = time.time() - start
    print(json.dumps({"recipe": "nanogpt", "parameters": sum(p.numel() for p in model.parameters()), "seed": a.seed,
                      "validation_loss": validation_loss(model, validation, a.context), "seconds": round(seconds, 1),
                      "tokens_per_s": round(a.steps * a.batch * a.context / seconds)}))


if __name__ == "__main__":
    main()
