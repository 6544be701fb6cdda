# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/nn/*.safetensors: tiny models of transformers, their logits and gradients over packed documents.

Needs torch, transformers, safetensors. Run in the repository's root: python tests/golden/make/nn_models.py
Each file holds, in hearth's names and layout, the parameters, "gradient.<parameter>" of a weighted cross-entropy with
z-loss, "logits", "log_prob", "loss", and the batch; its metadata holds model.json.
"""
import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, Dots1Config, LlamaConfig, Qwen3Config, Qwen3MoeConfig

Z_LOSS = 0.01
LENGTHS = [7, 1, 12, 9]
SHAPE = dict(vocab_size=97, hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=4,
             num_key_value_heads=2, head_dim=8, max_position_embeddings=64, rms_norm_eps=1e-6)
ROUTED = dict(moe_intermediate_size=16, num_experts_per_tok=2, norm_topk_prob=True)
BASE = {"rope_type": "default", "rope_theta": 10000.0}
MODELS = {
    "qwen3": Qwen3Config(**{**SHAPE, "head_dim": 16}, rope_parameters=BASE, tie_word_embeddings=True,
                         use_sliding_window=True, sliding_window=5,
                         layer_types=["sliding_attention", "full_attention", "sliding_attention"]),
    "qwen3_moe": Qwen3MoeConfig(**SHAPE, **ROUTED, num_experts=6, mlp_only_layers=[1], rope_parameters=BASE),
    "dots1": Dots1Config(**SHAPE, **ROUTED, n_routed_experts=6, n_shared_experts=2, n_group=2, topk_group=1,
                         first_k_dense_replace=1, routed_scaling_factor=2.5, sliding_window=None, rope_parameters=BASE),
    "llama": LlamaConfig(**SHAPE, rope_parameters={**BASE, "rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0,
                                                   "high_freq_factor": 4.0, "original_max_position_embeddings": 16}),
}


def canonical(model, of):
    """hearth's tensors from model's, taking of(parameter) of each: its value or its gradient."""
    c, out = model.config, {}
    out["embedding"] = of(model.model.embed_tokens.weight)
    for number, layer in enumerate(model.model.layers):
        attention, ffn, p = layer.self_attn, layer.mlp, f"layers.{number}."
        out[p + "attention.norm"] = of(layer.input_layernorm.weight)
        for name in "qkvo":
            out[p + "attention." + name] = of(getattr(attention, name + "_proj").weight)
        if hasattr(attention, "q_norm"):
            out[p + "attention.q_norm"], out[p + "attention.k_norm"] = of(attention.q_norm.weight), of(attention.k_norm.weight)
        out[p + "ffn.norm"] = of(layer.post_attention_layernorm.weight)
        if not hasattr(ffn, "experts"):
            out[p + "ffn.gate_up"] = torch.cat([of(ffn.gate_proj.weight), of(ffn.up_proj.weight)])
            out[p + "ffn.down"] = of(ffn.down_proj.weight)
            continue
        out[p + "ffn.router"] = of(ffn.gate.weight)
        if hasattr(ffn.gate, "e_score_correction_bias"):
            out[p + "ffn.selection_bias"] = ffn.gate.e_score_correction_bias
        out[p + "ffn.experts.gate_up"] = of(ffn.experts.gate_up_proj)
        out[p + "ffn.experts.down"] = of(ffn.experts.down_proj)
        if hasattr(ffn, "shared_experts"):
            shared = ffn.shared_experts
            out[p + "ffn.shared.gate_up"] = torch.cat([of(shared.gate_proj.weight), of(shared.up_proj.weight)])
            out[p + "ffn.shared.down"] = of(shared.down_proj.weight)
    out["final_norm"] = of(model.model.norm.weight)
    if not c.tie_word_embeddings:
        out["head"] = of(model.lm_head.weight)
    return out


def model_json(model):
    c, layers, blocks = model.config, [], {}
    types = getattr(c, "layer_types", None) or ["full_attention"] * c.num_hidden_layers
    rope = c.rope_parameters
    scaling = {"kind": "base"}
    if rope["rope_type"] == "llama3":
        scaling = {"kind": "llama3", "factor": rope["factor"], "low_frequency": rope["low_freq_factor"],
                   "high_frequency": rope["high_freq_factor"], "original_context": rope["original_max_position_embeddings"]}
    for number, layer in enumerate(model.model.layers):
        window = types[number] == "sliding_attention"
        if hasattr(layer.mlp, "experts"):
            sigmoid = hasattr(layer.mlp, "shared_experts")
            ffn = {"kind": "moe", "experts": 6, "k": 2, "ffn": c.moe_intermediate_size,
                   "shared_ffn": 2 * c.moe_intermediate_size if sigmoid else 0,
                   "router": {"score": "sigmoid", "groups": c.n_group, "groups_kept": c.topk_group,
                              "scale": c.routed_scaling_factor} if sigmoid else {"score": "softmax"}}
        else:
            ffn = {"kind": "glu", "ffn": c.intermediate_size}
        name = ("window-" if window else "full-") + ffn["kind"]
        blocks[name] = {
            "mixer": {"kind": "gqa", "heads": c.num_attention_heads, "kv_heads": c.num_key_value_heads,
                      "head_dim": c.head_dim, "qk_norm": hasattr(layer.self_attn, "q_norm")},
            "rope": {"theta": rope["rope_theta"], "dims": c.head_dim, "scaling": scaling},
            "mask": {"kind": "window", "size": c.sliding_window} if window else {"kind": "full"}, "ffn": ffn}
        layers.append(name)
    return {"schema": "hearth.model/1", "vocab": c.vocab_size, "hidden": c.hidden_size,
            "context": c.max_position_embeddings, "epsilon": c.rms_norm_eps, "tie_embeddings": c.tie_word_embeddings,
            "blocks": blocks, "layers": layers}


def masks(lengths, window):
    """Additive masks that cross causality (and the window) with the documents' borders."""
    document = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    i, j = torch.arange(len(document))[:, None], torch.arange(len(document))[None, :]
    full = (document[:, None] == document[None, :]) & (j <= i)
    additive = lambda visible: torch.zeros(1, 1, *visible.shape).masked_fill(~visible, torch.finfo(torch.float32).min)
    return {"full_attention": additive(full), "sliding_attention": additive(full & (i - j < (window or 1)))}


def randomise(model, generator):
    with torch.no_grad():
        for name, tensor in list(model.named_parameters()) + list(model.named_buffers()):
            if name.endswith("e_score_correction_bias"):
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.2)
            elif "norm" in name:
                tensor.copy_(1 + 0.2 * torch.randn(tensor.shape, generator=generator))
            elif tensor.dim() >= 2:
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * tensor.shape[-1] ** -0.5)


def run(name, config, seed):
    generator = torch.Generator().manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32)
    randomise(model, generator)
    model.eval()
    n = sum(LENGTHS)
    ids, targets = (torch.randint(0, config.vocab_size, (n,), generator=generator) for _ in range(2))
    targets[torch.tensor(LENGTHS).cumsum(0) - 1] = -1
    weights = torch.where(targets < 0, 0.0, torch.rand(n, generator=generator) + 0.5)
    positions = torch.cat([torch.arange(length) for length in LENGTHS])
    mask = masks(LENGTHS, getattr(config, "sliding_window", None))
    if not getattr(config, "layer_types", None):
        mask = mask["full_attention"]
    logits = model(ids[None], attention_mask=mask, position_ids=positions[None]).logits[0]
    normaliser = torch.logsumexp(logits, -1)
    log_prob = torch.where(targets < 0, 0.0, logits.gather(-1, targets.clamp(min=0)[:, None])[:, 0] - normaliser)
    loss = (weights * (-log_prob + Z_LOSS * normaliser**2)).sum() / weights.sum()
    loss.backward()
    tensors = {key: value.detach().clone().contiguous() for key, value in canonical(model, lambda p: p).items()}
    gradients = canonical(model, lambda p: p.grad if p.grad is not None else torch.zeros_like(p))
    tensors |= {"gradient." + key: value.clone().contiguous() for key, value in gradients.items() if "selection_bias" not in key}
    tensors |= {"ids": ids.int(), "positions": positions.int(), "targets": targets.int(), "token_weight": weights,
                "cu_seqlens": torch.tensor([0] + LENGTHS).cumsum(0).int(), "logits": logits.detach().contiguous(),
                "log_prob": log_prob.detach(), "loss": loss.detach()[None]}
    folder = pathlib.Path(__file__).resolve().parents[1] / "nn"
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / (name + ".safetensors"),
              metadata={"model": json.dumps(model_json(model)), "z_loss": str(Z_LOSS)})
    print(name, loss.item())


if __name__ == "__main__":
    torch.set_num_threads(1)
    for number, (name, config) in enumerate(MODELS.items()):
        run(name, config, 100 + number)
