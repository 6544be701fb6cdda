#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/tokenizer/characters/: small vocabularies of SentencePiece-style BPE as tokenizer.json (in the shapes of
Llama 2, Gemma, Mistral) and as .model files, and what `tokenizers` and `sentencepiece` make of tricky texts. Run by hand:
    python3 tests/golden/make/tokenizer_characters.py
"""
import hashlib
import io
import json
import pathlib
import random
import struct

import sentencepiece
import tokenizers
from tokenizers import Tokenizer

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tokenizer"
OUT = GOLDEN / "characters"
MARK = "\u2581"
REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": MARK}
PREPEND = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": MARK}, REPLACE]}
DECODER = [{"type": "Replace", "pattern": {"String": MARK}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]
STRIP = {"type": "Strip", "content": " ", "start": 1, "stop": 0}


def texts():
    made = [entry["text"] for entry in json.loads((GOLDEN / "expected.json").read_text(encoding="utf-8"))["tokenizers"]["qwen2-nfc"]["texts"]]
    made += ["a\u2581b \u2581 \u2581\u2581c", MARK, " " + MARK, " ", "  ", " a", "a ", "<0x41><0x0A>", "<unk> <s></s> a<s>b", "xx<mask> \t y <mask>z", "word wordy a word.word \u00b2word word\u00b2 \u24b6word _word",
             "\u20ac\u20ac \u20acunknown \U0001F600\U0001F600", "end </s>", "lr\n\n  <lr> \u3000<lr>  <lr><lr> x<lr>", "[n] x[n]  [n]", "tool  <tool>", "\u2581<tool>", "\n\n\n\t\t", "<x>|<x>|y|<x|"]
    rng = random.Random(5)
    for _ in range(12):  # of all of Unicode
        made.append("".join(chr(rng.choice([c for c in (rng.randrange(0x110000), rng.randrange(0x3000), rng.randrange(128)) if not 0xD800 <= c < 0xE000])) for _ in range(40)))
    return made


def train_model(corpus, **options):
    model = io.BytesIO()
    arguments = dict(model_type="bpe", vocab_size=900, character_coverage=0.98, byte_fallback=True, normalization_rule_name="identity",
                     remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, minloglevel=2, num_threads=1)
    arguments.update(options)
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus.split("\n")), model_writer=model, **arguments)
    return model.getvalue()


def layout_of(model, **members):
    """The model's pieces as a tokenizer.json: all ways to cut a piece in two, as transformers' converters do it."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    pieces = [processor.id_to_piece(i) for i in range(len(processor))]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    merges = []
    for piece in sorted((p for p in pieces if len(p) > 1 and not p.startswith("<")), key=lambda p: -processor.get_score(vocab[p])):
        merges += sorted(([piece[:i], piece[i:]] for i in range(1, len(piece)) if piece[:i] in vocab and piece[i:] in vocab), key=lambda m: (vocab[m[0]], vocab[m[1]]))
    layout = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None,
              "decoder": {"type": "Sequence", "decoders": DECODER + [STRIP]},
              "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None,
                        "fuse_unk": True, "byte_fallback": True, "ignore_merges": False, "vocab": vocab, "merges": merges}}
    layout["added_tokens"] = [added(i, pieces[i], special=True) for i in range(3)]
    layout.update(members)
    return layout


def added(id, content, **flags):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False} | flags


def layouts(model):
    n = len(sentencepiece.SentencePieceProcessor(model_proto=model))
    flags = [added(n, "<mask>", lstrip=True, special=True), added(n + 1, "word", single_word=True), added(n + 2, "<lr>", lstrip=True, rstrip=True),
             added(n + 3, "[n]", normalized=True, lstrip=True), added(n + 4, "<tool>", normalized=True), added(n + 5, "<x>|<x", special=True), added(n + 6, "|y|"), added(n + 7, "\u2581lr", normalized=True)]
    llama = layout_of(model, normalizer=PREPEND)
    llama["added_tokens"] += flags
    gemma = layout_of(model, normalizer=REPLACE, decoder={"type": "Sequence", "decoders": DECODER},
                      pre_tokenizer={"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False})
    gemma["added_tokens"] += [added(n, "\n\n"), added(n + 1, "<x>", rstrip=True), added(n + 2, MARK + MARK, normalized=True)]
    mistral = layout_of(model, pre_tokenizer={"type": "Metaspace", "replacement": MARK, "prepend_scheme": "first", "split": False})
    mistral["added_tokens"] += flags
    always = layout_of(model, pre_tokenizer={"type": "Metaspace", "replacement": MARK, "prepend_scheme": "always", "split": True})
    always["added_tokens"] += flags[:3]
    always["model"]["ignore_merges"] = True
    # Without some bytes, and without all: unknown tokens, joined or not.
    some = layout_of(model, normalizer=REPLACE)
    del some["model"]["vocab"]["<0xE2>"], some["model"]["vocab"]["<0x0A>"]
    none = layout_of(model, normalizer=REPLACE, decoder={"type": "Sequence", "decoders": [DECODER[0], DECODER[2]]})
    none["model"].update(byte_fallback=False, fuse_unk=False)
    return {"llama": llama, "gemma": gemma, "mistral": mistral, "always": always, "some-bytes": some, "no-bytes": none}


def expectation(tokenizer, text):
    tokenizer.encode_special_tokens = True
    as_text = tokenizer.encode(text, add_special_tokens=False).ids
    tokenizer.encode_special_tokens = False
    parsed = tokenizer.encode(text, add_special_tokens=False).ids
    return {"text": text, "as_text": as_text, "parsed": parsed, "decoded": tokenizer.decode(as_text, skip_special_tokens=False)}


def summary(ids):
    return hashlib.sha256(struct.pack(f"<{len(ids)}I", *ids)).hexdigest()


def main():
    OUT.mkdir(exist_ok=True)
    corpus = (GOLDEN / "corpus.txt").read_text(encoding="utf-8")
    samples = texts()
    everything = "".join(chr(c) for c in range(1, 0x30000) if not 0xD800 <= c < 0xE000)
    model = train_model(corpus)
    (OUT / "llama.model").write_bytes(model)
    expected = {"made_with": f"tokenizers {tokenizers.__version__}, sentencepiece {sentencepiece.__version__}", "tokenizers": {}, "models": {}}
    for name, layout in layouts(model).items():
        (OUT / f"{name}.json").write_text(json.dumps(layout, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
        tokenizer = Tokenizer.from_str(json.dumps(layout))
        tokenizer.encode_special_tokens = True
        expected["tokenizers"][name] = {"everything": summary(tokenizer.encode(everything, add_special_tokens=False).ids), "texts": [expectation(tokenizer, t) for t in samples]}
    models = {"llama": model,
              "gemma": train_model(corpus, add_dummy_prefix=False, user_defined_symbols=["\n", "\n\n", "\t", MARK * 2, MARK * 4, "<x>"]),
              "no-bytes": train_model(corpus, byte_fallback=False, vocab_size=640)}
    for name, model in models.items():
        (OUT / f"{name}.model").write_bytes(model)
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        expected["models"][name] = {"everything": summary(processor.encode(everything)), "texts": [{"text": t, "as_text": processor.encode(t)} for t in samples]}
    (OUT / "unigram.model").write_bytes(train_model(corpus, model_type="unigram", vocab_size=600))
    (OUT / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, separators=(",", ":")).replace('{"text"', '\n{"text"') + "\n", encoding="utf-8")


main()
