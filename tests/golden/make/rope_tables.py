# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/rope.json: inverse frequencies and cos/sin multipliers as transformers computes them.

Run in the repository's root: python tests/golden/make/rope_tables.py
"""
import json
import pathlib

from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

CASES = [
    ({"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}, 64),
    ({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
      "original_max_position_embeddings": 8192, "rope_theta": 500000.0}, 128),
    ({"rope_type": "llama3", "factor": 16.0, "low_freq_factor": 1.0, "high_freq_factor": 1.0,
      "original_max_position_embeddings": 8192, "rope_theta": 500000.0}, 128),
    ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768, "rope_theta": 1e6}, 128),
    ({"rope_type": "yarn", "factor": 32.0, "original_max_position_embeddings": 4096, "rope_theta": 150000.0,
      "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False}, 64),
    ({"rope_type": "yarn", "factor": 40.0, "original_max_position_embeddings": 4096, "rope_theta": 10000.0,
      "mscale": 1.0, "mscale_all_dim": 1.0}, 64),
    ({"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 2048, "rope_theta": 10000.0,
      "attention_factor": 1.25, "beta_fast": 16.0, "beta_slow": 2.0}, 64),
    ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "rope_theta": 10000.0}, 8),
]
KEYS = {"rope_theta": "theta", "original_max_position_embeddings": "original_context", "rope_type": "kind",
        "low_freq_factor": "low_frequency", "high_freq_factor": "high_frequency"}


def main():
    results = []
    for parameters, dims in CASES:
        config = LlamaConfig(hidden_size=2 * dims, num_attention_heads=2, head_dim=dims, rope_parameters=dict(parameters),
                             max_position_embeddings=int(parameters.get("original_max_position_embeddings", 2048)
                                                         * parameters["factor"]))
        frequencies, multiplier = ROPE_INIT_FUNCTIONS[parameters["rope_type"]](config, "cpu")
        scaling = {KEYS.get(key, key): value for key, value in parameters.items() if key != "rope_theta"}
        results.append({"rope": {"theta": parameters["rope_theta"], "dims": dims, "scaling": scaling},
                        "inverse_frequency": frequencies.tolist(), "multiplier": multiplier})
    path = pathlib.Path(__file__).resolve().parents[1] / "rope.json"
    path.write_text(json.dumps(results) + "\n")


if __name__ == "__main__":
    main()
