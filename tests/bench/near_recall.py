#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many near-duplicates `shard` finds, by how near they are: every pair of a sample of a real corpus is compared exactly
(Jaccard similarity of sets of five folded words, written here anew) and beside it what `shard` does with the sample. The sample is all
documents, kept or rejected as near-duplicates, of every K-th folder of a corpus, so what shard found decides nothing. Needs numpy. Pairs
whose common runs all stand in more than 300 documents are not compared. Prints one line of JSON a bin of similarity.
    near_recall.py SHARD CORPUS.h5 [K]
"""
import collections
import json
import re
import subprocess
import sys
import tempfile
import unicodedata
import zlib

import numpy

COMMON = 300
WORD = re.compile(r"[^\W_]+")


def words_of(text):
    text = unicodedata.normalize("NFD", text.lower().replace("'", "").replace("\u2019", ""))
    text = "".join(c for c in text if not unicodedata.combining(c))
    return WORD.findall(text)


def shingles_of(text):
    words = words_of(text)
    if len(words) < 5:
        return numpy.zeros(0, numpy.int64)
    plain = ["0" if word.isdigit() else word for word in words]
    runs = (plain[i:i + 5] for i in range(len(words) - 4))
    hashes = {hash(tuple(words[i:i + 5] if run == ["0"] * 5 else run)) for i, run in enumerate(runs)}
    return numpy.array(sorted(hashes), numpy.int64)


def sample(shard, corpus, every):
    documents = []
    for more in ([], ["--rejected"]):
        with subprocess.Popen([shard, "cat", corpus, *more], stdout=subprocess.PIPE) as process:
            for line in process.stdout:
                document = json.loads(line)
                if more and document["reason"] != "duplicate-near":
                    continue
                folder = "/".join(document["source"].split("/")[:3])
                if zlib.crc32(folder.encode()) % every == 0 and len(document["text"].encode()) < 60_000:
                    documents.append((document["source"], document["text"]))
    documents.sort()
    return [text for _, text in documents]


def rejected_rows(shard, texts):
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/sample.jsonl", "w", encoding="utf-8") as file:
            for row, text in enumerate(texts):
                file.write(json.dumps({"id": str(row), "text": text}, ensure_ascii=False) + "\n")
        subprocess.run([shard, f"{folder}/sample.jsonl", "-o", f"{folder}/out.h5", "-q", "--id-field", "id", "--min-chars", "1",
                        "--quality", "none", "--privacy", "all=keep", "--repeated-passages", "keep"], check=True, capture_output=True)
        lines = subprocess.run([shard, "cat", f"{folder}/out.h5", "--rejected"], check=True, capture_output=True).stdout.split(b"\n")
    return {int(document["id"]): document["reason"] for document in map(json.loads, filter(None, lines))}


def nearest_before(sets):
    """For each row the greatest similarity to a row before it."""
    owners = collections.defaultdict(list)
    for row, shingles in enumerate(sets):
        for shingle in shingles.tolist():
            owners[shingle].append(row)
    nearest = numpy.zeros(len(sets))
    shared = collections.defaultdict(collections.Counter)
    for rows in owners.values():
        if 1 < len(rows) <= COMMON:
            for i, row in enumerate(rows):
                shared[row].update(rows[:i])
    for row, counter in shared.items():
        for other, rare in counter.items():
            smaller, larger = sorted((len(sets[row]), len(sets[other])))
            if smaller / larger <= nearest[row]:
                continue  # cannot be nearer
            if rare < 0.2 * smaller and rare < 50:
                continue  # what is common to many documents would have to be most of both
            both = len(numpy.intersect1d(sets[row], sets[other], assume_unique=True))
            nearest[row] = max(nearest[row], both / (len(sets[row]) + len(sets[other]) - both))
    return nearest


def main():
    shard, corpus = sys.argv[1:3]
    texts = sample(shard, corpus, int(sys.argv[3]) if len(sys.argv) > 3 else 10)
    rejected = rejected_rows(shard, texts)
    nearest = nearest_before([shingles_of(text) for text in texts])
    rows = [row for row in range(len(texts)) if rejected.get(row) in (None, "duplicate-near")]
    edges = [0, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0001]
    for low, high in zip(edges, edges[1:]):
        inside = [row for row in rows if low <= nearest[row] < high]
        found = sum(row in rejected for row in inside)
        middle = sum(nearest[row] for row in inside) / max(1, len(inside))
        print(json.dumps({"similarity": [low, min(high, 1)], "documents": len(inside), "found": found,
                          "share": round(found / max(1, len(inside)), 3),
                          "bands_alone": round(1 - (1 - middle ** 8) ** 14, 3)}))
    print(json.dumps({"documents": len(texts), "bytes": sum(len(text.encode()) for text in texts)}))


main()
