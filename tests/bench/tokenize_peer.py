#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hearth's tokenizer beside Hugging Face's `tokenizers`, and beside tiktoken where its ranks are given: the same file, cut into the
same documents, on one core each; the best processor time of each document counts for all. Prints one line of JSON; ends with 1 when
the ids differ, 77 without the library.
    tokenize_peer.py BENCH_TOKENIZE TOKENIZER_JSON TEXT [PASSES [RANKS]]     RANKS: the .tiktoken file that `tokenize convert` read
"""
import array
import base64
import json
import os
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
DOCUMENT_BYTES = 10_000  # as in tokenize.cpp


def documents_in(data):
    begin = 0
    while begin < len(data):
        line_end = data.find(b"\n", begin + DOCUMENT_BYTES)
        end = len(data) if line_end < 0 else line_end + 1
        yield data[begin:end].decode("utf-8")
        begin = end


def read_sum_rate(data):
    """Bytes a second of adding up the text's 64-bit words, the best of five."""
    try:
        import numpy
    except ImportError:
        return None
    words, best = numpy.frombuffer(data[: len(data) // 8 * 8], dtype=numpy.uint64), float("inf")
    for _ in range(5):
        start = time.thread_time()
        words.sum()
        best = min(best, time.thread_time() - start)
    return len(data) / best


def of_tiktoken(ranks_path, tokenizer_path):
    import tiktoken

    with open(ranks_path, "rb") as file:
        ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, filter(None, file.read().split(b"\n")))}
    with open(tokenizer_path, "rb") as file:
        splits = [part for part in json.load(file)["pre_tokenizer"]["pretokenizers"] if part["type"] == "Split"]
    assert len(splits) == 1, "one expression"
    return tiktoken.Encoding("given", pat_str=splits[0]["pattern"]["Regex"], mergeable_ranks=ranks, special_tokens={})


def theirs(encode, documents, passes):
    best, ids = [float("inf")] * len(documents), array.array("I")
    for p in range(passes):
        for i, document in enumerate(documents):
            start = time.thread_time()
            encoded = encode(document)
            best[i] = min(best[i], time.thread_time() - start)
            if p == 0:
                ids.extend(encoded)
    return sum(best), ids


def main():
    try:
        import tokenizers
    except ImportError:
        print("skipped: the Python package tokenizers is not installed")
        sys.exit(77)
    bench, tokenizer_path, text_path = sys.argv[1:4]
    passes = int(sys.argv[4]) if len(sys.argv) > 4 else 3
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with open(text_path, "rb") as file:
        data = file.read().decode("utf-8", "ignore").encode()
    with tempfile.TemporaryDirectory() as folder:
        text, ids = os.path.join(folder, "text"), os.path.join(folder, "ids")
        with open(text, "wb") as file:
            file.write(data)
        ours = json.loads(subprocess.run([bench, tokenizer_path, text, str(passes), ids], check=True, capture_output=True).stdout)
        with open(ids, "rb") as file:
            our_ids = array.array("I", file.read())
    tokenizer = tokenizers.Tokenizer.from_file(tokenizer_path)
    tokenizer.encode_special_tokens = True
    documents = list(documents_in(data))
    seconds, their_ids = theirs(lambda text: tokenizer.encode(text, add_special_tokens=False).ids, documents, passes)
    rate = len(data) / 1e6 / seconds
    same = our_ids == their_ids
    more = {"read_rate": round(read_sum_rate(data) / 1e6)}
    if len(sys.argv) > 5:
        seconds, their_ids = theirs(of_tiktoken(sys.argv[5], tokenizer_path).encode_ordinary, documents, passes)
        more["tiktoken_rate"] = round(len(data) / 1e6 / seconds, 2)
        more["tiktoken_ids_apart"] = sum(a != b for a, b in zip(our_ids, their_ids)) if len(our_ids) == len(their_ids) else "lengths"
    print(json.dumps({"bench": "tokenize_peer", "input": text_path, "pretokenizer": ours["pretokenizer"], "work": len(data) / 1e6, "unit": "MB",
                      "tokens": len(our_ids), "same_ids": same, "passes": passes, "hearth_rate": ours["rate"],
                      "hearth_first_pass_rate": ours["first_pass_rate"], "peer": f"tokenizers {tokenizers.__version__}",
                      "peer_rate": round(rate, 2), "ratio": round(ours["rate"] / rate, 1), **more, "machine": ours["machine"]}))
    sys.exit(0 if same else 1)


main()
