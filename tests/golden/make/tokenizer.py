#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/tokenizer/: small tokenizers trained by Hugging Face's `tokenizers`, one a pre-tokenizer, the corpora
they were trained on, and what the library makes of tricky texts (pieces and ids). Run by hand:
    python3 tests/golden/make/tokenizer.py
"""
import hashlib
import json
import pathlib
import random
import struct

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = pathlib.Path(__file__).resolve().parent.parent / "tokenizer"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
ENDINGS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
PREFIX = r"[^\r\n\p{L}\p{N}]?"
REGEXES = {
    "gpt2": [],
    "llama3": [ENDINGS + "|" + PREFIX + r"\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES],
    "qwen2": [ENDINGS + "|" + PREFIX + r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES],
    "qwen3.5": [ENDINGS + "|" + PREFIX + r"[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + SPACES],
    "o200k": [PREFIX + UPPER + "*" + LOWER + "+" + ENDINGS + "?|" + PREFIX + UPPER + "+" + LOWER + "*" + ENDINGS
              + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES],
    "tekken": [PREFIX + UPPER + "*" + LOWER + "+|" + PREFIX + UPPER + "+" + LOWER
               + r"*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES],
    "deepseek-v3": [r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
                    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
                    "?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"],
}
TEXTS = [
    "", "Hello, world!", "don't DON'T we'll WE'LL it'\u017f they've I'm he'd x'y", "HTTPResponse camelCase snake_case CONST_VALUE",
    "  two spaces\n\n   and  \t tabs\t\n \n", "trailing   ", "trailing newline\n", "\r\n\r\n  x \r y", " \u3000\u00a0 wide \u2028 spaces\u0085x",
    "1234567890 3.14 1,000 x1y22z333 ٣٤٥٦ ²³ Ⅷ ½", "int main() { return a->b[i]++ != 0x1F; }  // done\n\t\tfoo();\n",
    "e\u0301 \u00e9 \u0301\u0302 a\u0301b\u0301 \u1e9b\u0323", "ẞ ß İ ı Ǆ ǅ ǆ ʰ ª º K", "中文字符,日本語のテキスト。カタカナ・ー゛ 한국어 문장",
    "中文123かな456", "हिन्दी में पाठ ไทยภาษา العربية עברית", "😀😃 👨\u200d👩\u200d👧 👍🏽 ❤\ufe0f 🇩🇪", "zero\u200bwidth\ufeff\u200djoin", "a\u0000b\u0001\u007f\u0080c",
    "\ue000 \U000e0100 \u0378 \U0010ffff", "!!! ??? ... --- /// //x /* y */ #include <a/b.h>", "a!\u0301b  \u0301c", "<|endoftext|> <tool> text <|x|>",
    "Ａｂ ﬁ Å \u212b \u1100\u1161\u11a8", "word " * 20, "ab" * 40, "-" * 70, " " * 70 + "x", "\n" * 30 + "x", "9" * 50, "é" * 40,
    "q" * 15 + " " + "q" * 16 + " " + "q" * 48 + " " + "q" * 49,
]
REPEATS = [("a", 1000000), (" ", 1000000), ("\n", 1000000), ("7", 1000000), ("-", 100000), ("é", 100000), ("中", 100000), ("ab ", 100000), ("'", 100000)]


def corpus():
    """Words by Zipf's law in a few scripts, code, numbers: enough that every expression has merges to learn."""
    rng = random.Random(7)
    scripts = ["etaoinshrdlu", "etaoinshrdlu", "bcdfgaeiou", "αβγδεζη", "абвгдеж", "的一是不了人我在有", "かなカナー", "हिदीमं\u0301"]
    words = ["".join(rng.choice(rng.choice([s, s, s, scripts[0]])) for _ in range(rng.randint(1, 8))) for s in scripts for _ in range(60)]
    rng.shuffle(words)
    text = []
    for _ in range(5000):
        word = words[min(int(rng.paretovariate(0.7)) - 1, len(words) - 1)]
        word = rng.choice([word, word, word, word.capitalize(), word.upper()])
        text.append(word + rng.choice([" ", " ", " ", " ", ", ", ".\n", "'s ", "'ll ", "  ", "\n\n    ", str(rng.randrange(2000)) + " ", "_", "->", "();\n\t", "/"]))
    return "".join(text)


def ties():
    """Few letters, many pairs of equal counts, tokens that come about in two ways."""
    rng = random.Random(11)
    return "".join(rng.choice("aab  b") for _ in range(4000))


def new_tokenizer(name):
    tokenizer = Tokenizer(models.BPE())
    splits = [pre_tokenizers.Split(Regex(regex), "isolated") for regex in REGEXES[name]]
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=name == "gpt2")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(splits + [byte_level]) if splits else byte_level
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def train(name, text, vocab_size, special):
    tokenizer = new_tokenizer(name)
    tokenizer.train_from_iterator([text], trainers.BpeTrainer(
        vocab_size=vocab_size, min_frequency=1, special_tokens=special, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def variants(text):
    made = {name: train(name, text, 500, []) for name in REGEXES}
    made["ties"] = train("gpt2", ties(), 2000, [])
    # As Qwen's files: NFC, special tokens, and added tokens that are not special.
    nfc = train("qwen2", text, 400, [])
    nfc.normalizer = normalizers.NFC()
    nfc.add_special_tokens(["<|endoftext|>", "<|x|>"])
    nfc.add_tokens([AddedToken("<tool>", normalized=False), AddedToken("caf\u00e9", normalized=True)])
    made["qwen2-nfc"] = nfc
    # As Llama 3's: whole pieces are looked up first, some of which no merge can make. "a b" is the older spelling of merges.
    llama = json.loads(train("llama3", text, 400, []).to_str())
    for token in ["ĠHello", "world", "camel", "123", "Ġcount"]:
        llama["model"]["vocab"].setdefault(token, len(llama["model"]["vocab"]))
    llama["model"]["ignore_merges"] = True
    made["llama3-ignore-merges"] = Tokenizer.from_str(json.dumps(llama))
    return made


def summary(ids):
    return hashlib.sha256(struct.pack(f"<{len(ids)}I", *ids)).hexdigest()


def expectation(tokenizer, text):
    normalized = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
    pieces = [normalized[begin:end] for _, (begin, end) in tokenizer.pre_tokenizer.pre_tokenize_str(normalized)]
    tokenizer.encode_special_tokens = False
    parsed = tokenizer.encode(text, add_special_tokens=False).ids
    tokenizer.encode_special_tokens = True
    as_text = tokenizer.encode(text, add_special_tokens=False).ids
    return {"text": text, "pieces": pieces, "as_text": as_text, "parsed": parsed}


def main():
    OUT.mkdir(exist_ok=True)
    text = corpus()
    (OUT / "corpus.txt").write_text(text, encoding="utf-8", newline="")
    (OUT / "ties.txt").write_text(ties(), encoding="utf-8", newline="")
    expected = {"made_with": f"tokenizers {tokenizers.__version__}", "tokenizers": {}}
    for name, tokenizer in variants(text).items():
        layout = json.loads(tokenizer.to_str())
        if name == "llama3-ignore-merges":
            layout["model"]["merges"] = [" ".join(pair) for pair in layout["model"]["merges"]]
        (OUT / f"{name}.json").write_text(json.dumps(layout, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
        texts = TEXTS + (["cafe\u0301 caf\u00e9s <|x|><tool>cafe\u0301"] if name == "qwen2-nfc" else [])
        repeats = []
        for unit, times in REPEATS:
            ids = tokenizer.encode(unit * times, add_special_tokens=False).ids
            repeats.append({"unit": unit, "times": times, "n_ids": len(ids), "sha256": summary(ids)})
        expected["tokenizers"][name] = {"texts": [expectation(tokenizer, t) for t in texts], "repeats": repeats}
    (OUT / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, separators=(",", ":")).replace('{"text"', '\n{"text"') + "\n", encoding="utf-8")


main()
