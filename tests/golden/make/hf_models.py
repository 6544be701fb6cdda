# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/hf/: tiny random models of each family in Hugging Face layout, and the logits transformers gives.

Needs torch, transformers, tokenizers. Run in the repository's root: python tests/golden/make/hf_models.py
Each folder holds what save_pretrained writes, and logits.safetensors: "ids" i32 [sequence], "logits" f32 [sequence, vocab].
"""
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from transformers import (AutoModelForCausalLM, Dots1Config, LlamaConfig, MistralConfig, Qwen3Config, Qwen3MoeConfig)

SHAPE = dict(vocab_size=272, hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=4,
             num_key_value_heads=2, head_dim=8, max_position_embeddings=64, rms_norm_eps=1e-6, bos_token_id=None,
             eos_token_id=256, pad_token_id=None)
ROUTED = dict(moe_intermediate_size=12, num_experts_per_tok=2, norm_topk_prob=True)

MODELS = {
    "qwen3": Qwen3Config(**{**SHAPE, "head_dim": 16}, rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
                         tie_word_embeddings=True),
    "qwen3-window": Qwen3Config(**SHAPE, rope_parameters={"rope_type": "default", "rope_theta": 1e6},
                                use_sliding_window=True, sliding_window=5,
                                layer_types=["sliding_attention", "full_attention", "sliding_attention"]),
    "qwen3_moe": Qwen3MoeConfig(**SHAPE, **ROUTED, num_experts=6, mlp_only_layers=[1],
                                rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
    "dots1": Dots1Config(**SHAPE, **ROUTED, n_routed_experts=6, n_shared_experts=2, n_group=1, topk_group=1,
                         first_k_dense_replace=1, routed_scaling_factor=2.5, sliding_window=None,
                         rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
    "llama": LlamaConfig(**{**SHAPE, "hidden_size": 32},
                         rope_parameters={"rope_type": "llama3", "rope_theta": 10000.0, "factor": 4.0,
                                          "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                          "original_max_position_embeddings": 16}),
    "mistral": MistralConfig(**SHAPE, sliding_window=6, rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0,
                             "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 32.0, "beta_slow": 1.0}),
}


def randomise(model, generator):
    """Weights large enough that every part shows in the logits; norms around 1; selection biases that change the choice."""
    with torch.no_grad():
        for name, tensor in list(model.named_parameters()) + list(model.named_buffers()):
            if name.endswith("e_score_correction_bias"):
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.2)
            elif "norm" in name:
                tensor.copy_(1 + 0.2 * torch.randn(tensor.shape, generator=generator))
            elif tensor.dim() >= 2:
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * tensor.shape[-1] ** -0.5)


def main():
    torch.set_num_threads(1)
    root = pathlib.Path(__file__).resolve().parents[1] / "hf"
    for number, (name, config) in enumerate(MODELS.items()):
        folder = root / name
        shutil.rmtree(folder, ignore_errors=True)
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32).eval()
        generator = torch.Generator().manual_seed(1000 + number)
        randomise(model, generator)
        model.save_pretrained(folder, max_shard_size="60KB" if name == "dots1" else "5GB")
        (folder / "generation_config.json").unlink()
        ids = torch.randint(0, 256, (24,), generator=generator)
        with torch.no_grad():
            logits = model(ids[None]).logits[0]
        save_file({"ids": ids.int(), "logits": logits.float().contiguous()}, folder / "logits.safetensors")
        print(name, sum(p.numel() for p in model.parameters()), logits.std().item())


if __name__ == "__main__":
    main()
