#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/tokenizer/kinds/: one small vocabulary in the other files that tokenizers come in, and the ids that
`tiktoken` (ranks, tekken.json) and `tokenizers` (vocab.json with merges.txt) give texts. Run by hand:
    python3 tests/golden/make/tokenizer_kinds.py
"""
import base64
import json
import pathlib

import tiktoken
import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tokenizer"
OUT = GOLDEN / "kinds"
N_SPECIAL, N_LEFT_OUT = 24, 30


def ranks_of(name):
    """Bytes to rank: the tokens of a golden tokenizer by id."""
    layout = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    to_byte = {c: b for b, c in enumerate(byte_characters())}
    vocab = sorted(layout["model"]["vocab"].items(), key=lambda item: item[1])
    ranks = {bytes(to_byte[c] for c in spelled): rank for rank, (spelled, _) in enumerate(vocab)}
    # Tokens that no merging of others makes: only as a whole piece.
    for extra in (b" Vi\xe1\xbb\x87t", b"zqzqzq", b"q" * 15):
        ranks.setdefault(extra, len(ranks))
    return ranks, layout["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]


def byte_characters():
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in kept]
    return [chr(b) if b in kept else chr(256 + others.index(b)) for b in range(256)]


def write_ranks(texts):
    ranks, pattern = ranks_of("llama3")
    folder = OUT / "ranks"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "small.tiktoken").write_text("".join(f"{base64.b64encode(t).decode()} {r}\n" for t, r in ranks.items()))
    special = {"<|begin_of_text|>": len(ranks), "<|end_of_text|>": len(ranks) + 3}
    config = {"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>", "added_tokens_decoder":
              {str(i): {"content": name, "special": True, "normalized": False} for name, i in special.items()}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    encoding = tiktoken.Encoding("small", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
    return [{"text": t, "as_text": encoding.encode_ordinary(t), "parsed": encoding.encode(t, allowed_special="all")} for t in texts]


def write_tekken(texts):
    ranks, pattern = ranks_of("tekken")
    # tekken wants the bytes first, in order of value.
    ordered = [bytes([b]) for b in range(256)] + [t for t in ranks if len(t) > 1]
    kept = {t: i for i, t in enumerate(ordered[:-N_LEFT_OUT])}
    layout = {"config": {"pattern": pattern, "num_vocab_tokens": len(ordered), "default_vocab_size": len(kept) + N_SPECIAL,
                         "default_num_special_tokens": N_SPECIAL, "version": "v3"},
              "vocab": [{"rank": i, "token_bytes": base64.b64encode(t).decode(), "token_str": None} for i, t in enumerate(ordered)]}
    (OUT / "tekken.json").write_text(json.dumps(layout, ensure_ascii=False).replace('{"rank"', '\n{"rank"') + "\n", encoding="utf-8")
    encoding = tiktoken.Encoding("tekken", pat_str=pattern, mergeable_ranks=kept, special_tokens={})
    return [{"text": t, "as_text": [N_SPECIAL + i for i in encoding.encode_ordinary(t)]} for t in texts]


def write_pair(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator([(GOLDEN / "corpus.txt").read_text(encoding="utf-8")], trainers.BpeTrainer(
        vocab_size=450, special_tokens=["<|endoftext|>"], show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    folder = OUT / "pair"
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.model.save(str(folder))
    result = []
    for text in texts:
        tokenizer.encode_special_tokens = True
        as_text = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = False
        result.append({"text": text, "as_text": as_text, "parsed": tokenizer.encode(text, add_special_tokens=False).ids})
    return result


def main():
    texts = [entry["text"] for entry in json.loads((GOLDEN / "expected.json").read_text(encoding="utf-8"))["tokenizers"]["llama3"]["texts"]]
    texts += ["a Việt Việt zqzqzq azqzqzq", "<|begin_of_text|>x<|end_of_text|>", "aaaaaaa aaa aa abababa", "x  \n  ", " \n \n"]
    OUT.mkdir(exist_ok=True)
    expected = {"made_with": f"tiktoken {tiktoken.__version__}, tokenizers {tokenizers.__version__}",
                "kinds": {"ranks": write_ranks(texts), "tekken": write_tekken(texts), "pair": write_pair(texts)}}
    (OUT / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, separators=(",", ":")).replace('{"text"', '\n{"text"') + "\n", encoding="utf-8")


main()
