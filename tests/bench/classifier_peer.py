#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""shard train-classifier beside fastText (word pairs, its other defaults but 5 epochs at 0.5) and scikit-learn (HashingVectorizer with
pairs, LogisticRegression) on the same documents: four fifths to train on, the rest judged by all. Processor time of training.
Peers that are not installed are left out; 77 when none is.
    classifier_peer.py FOLDER_OF_SHARD GOOD.jsonl BAD.jsonl
"""
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time


def load(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


def accuracy_and_auc(scores, labels):
    """scores of documents, labels True for good ones."""
    right = sum((score >= 0.5) == label for score, label in zip(scores, labels)) / len(labels)
    order = sorted(range(len(scores)), key=lambda i: scores[i])
    ranks, i = [0.0] * len(scores), 0
    while i < len(order):
        j = i
        while j < len(order) and scores[order[j]] == scores[order[i]]:
            j += 1
        for k in range(i, j):
            ranks[order[k]] = (i + j - 1) / 2 + 1
        i = j
    n_good = sum(labels)
    n_bad = len(labels) - n_good
    auc = (sum(rank for rank, label in zip(ranks, labels) if label) - n_good * (n_good + 1) / 2) / (n_good * n_bad)
    return {"accuracy": round(right, 4), "auc": round(auc, 4)}


def write_jsonl(path, texts):
    with open(path, "w", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")


def child_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def hearth(tools, folder, train, test):
    for name, label in (("good", True), ("bad", False)):
        write_jsonl(f"{folder}/{name}.jsonl", [text for text, good in train if good == label])
    with open(f"{folder}/test.jsonl", "w", encoding="utf-8") as file:
        for i, (text, _) in enumerate(test):
            file.write(json.dumps({"id": str(i), "text": text}, ensure_ascii=False) + "\n")
    begin = child_seconds()
    subprocess.run([f"{tools}/shard", "train-classifier", f"{folder}/good.jsonl", "--against", f"{folder}/bad.jsonl", "-o", f"{folder}/a.clf",
                    "--held-out-fraction", "0.01", "--scope", "all", "--quiet", "--threads", "1"], check=True, stdout=subprocess.DEVNULL)
    seconds = child_seconds() - begin
    subprocess.run([f"{tools}/shard", f"{folder}/test.jsonl", "-o", f"{folder}/test.h5", "--id-field", "id", "--min-chars", "0", "--quality", "none",
                    "--near-duplicates", "keep", "--repeated-passages", "keep", "--privacy", "all=keep", "--classifier", f"{folder}/a.clf",
                    "--quality-action", "tag", "--quiet"], check=True, stdout=subprocess.DEVNULL)
    out = subprocess.run([f"{tools}/shard", "cat", f"{folder}/test.h5"], check=True, capture_output=True, text=True).stdout
    scores = {document["id"]: document["attributes"]["quality_score"] for document in map(json.loads, out.splitlines())}
    return [scores.get(str(i)) for i in range(len(test))], seconds


def fasttext_scores(folder, train, test):
    import fasttext
    def flat(text):
        return " ".join(text.split())
    with open(f"{folder}/train.txt", "w", encoding="utf-8") as file:
        for text, good in train:
            file.write(f"__label__{'good' if good else 'bad'} {flat(text)}\n")
    begin = time.process_time()
    model = fasttext.train_supervised(f"{folder}/train.txt", wordNgrams=2, epoch=5, lr=0.5, thread=1, verbose=0)
    seconds = time.process_time() - begin
    scores = []
    for text, _ in test:
        found = model.f.predict(flat(text) + "\n", 2, 0.0, "strict")
        scores.append({label: p for p, label in found}.get("__label__good", 0.0))
    return scores, seconds


def sklearn_scores(folder, train, test):
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import LogisticRegression
    begin = time.process_time()
    vectorizer = HashingVectorizer(ngram_range=(1, 2), n_features=1 << 20, alternate_sign=False)
    model = LogisticRegression(C=100, max_iter=200, class_weight="balanced")
    model.fit(vectorizer.transform([text for text, _ in train]), [good for _, good in train])
    seconds = time.process_time() - begin
    return list(model.predict_proba(vectorizer.transform([text for text, _ in test]))[:, 1]), seconds


def main():
    tools, good, bad = sys.argv[1:4]
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    documents = sorted({(text, True) for text in load(good)} | {(text, False) for text in load(bad)})
    random.Random(1).shuffle(documents)
    cut = len(documents) * 4 // 5
    train, test = documents[:cut], documents[cut:]
    n_peers = 0
    with tempfile.TemporaryDirectory() as folder:
        scores, seconds = hearth(tools, folder, train, test)
        kept = [i for i, score in enumerate(scores) if score is not None]  # texts equal after normalisation are one
        labels = [test[i][1] for i in kept]
        size = sum(len(text.encode()) for text, _ in train)
        print(json.dumps({"documents": len(documents), "train_bytes": size, "judged": len(kept)}))
        print(json.dumps({"tool": "hearth", **accuracy_and_auc([scores[i] for i in kept], labels), "train_seconds": round(seconds, 1)}), flush=True)
        for name, run in (("fasttext", fasttext_scores), ("scikit-learn", sklearn_scores)):
            try:
                scores, seconds = run(folder, train, test)
            except ImportError as problem:
                print(f"{name} is not installed: {problem}", file=sys.stderr)
                continue
            n_peers += 1
            print(json.dumps({"tool": name, **accuracy_and_auc([scores[i] for i in kept], labels), "train_seconds": round(seconds, 1)}), flush=True)
    return 0 if n_peers else 77


if __name__ == "__main__":
    sys.exit(main())
