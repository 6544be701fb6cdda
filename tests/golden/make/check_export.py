# SPDX-License-Identifier: Apache-2.0
"""Loads exported folders with transformers and compares them with their parity files.

    python tests/golden/make/check_export.py [--text FILE] FOLDER...

For each folder: AutoModelForCausalLM and AutoTokenizer load it without custom code, the tokenizer gives the parity
file's ids, and the logits in fp32 differ from the file's by at most 1e-4. With --text the tokenizer also encodes FILE
and decodes it back. Prints one line a folder; exits 1 when one fails.
"""
import argparse
import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

TOLERANCE = 1e-4


def check(folder, text):
    parity = json.loads((folder / "parity.json").read_text())
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager",
                                                       output_loading_info=True)
    problems = [f"{kind}: {sorted(names)[:3]}" for kind, names in info.items() if names]
    has_tokenizer = (folder / "tokenizer.json").exists()
    tokenizer = AutoTokenizer.from_pretrained(folder) if has_tokenizer else None
    largest = 0.0
    count = 0
    for prompt in parity["prompts"]:
        if tokenizer is not None and tokenizer(prompt["text"], add_special_tokens=False)["input_ids"] != prompt["ids"]:
            problems.append(f"other ids for {prompt['text']!r}")
        with torch.no_grad():
            logits = model.eval()(torch.tensor([prompt["ids"]])).logits[0].double()
        for position, top in enumerate(prompt["top"]):
            greatest = logits[position].max().item()
            for rank, (token, logit) in enumerate(top):
                largest = max(largest, abs(logits[position, token].item() - logit))
                count += 1
                if rank == 0 and greatest - logit > TOLERANCE:
                    problems.append(f"position {position}: another token is likelier")
    if not largest <= TOLERANCE:
        problems.append(f"logits differ by more than {TOLERANCE}")
    if tokenizer is not None and text is not None:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        if tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False) != text:
            problems.append("the text does not survive encoding and decoding")
    print(f"{folder}: {type(model).__name__}, {count} logits, largest difference {largest:.2e}"
          + "".join(f"; PROBLEM {p}" for p in problems))
    return not problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=pathlib.Path)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    text = arguments.text.read_text(encoding="utf-8") if arguments.text else None
    results = [check(folder, text) for folder in arguments.folders]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
