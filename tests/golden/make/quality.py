#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/quality/decisions.jsonl: texts, and what datatrove (0.10.0) decides of each by its Gopher, C4 and FineWeb
filters, words split at white space as hearth does. The texts are passages of this repository's pages, whole and spoilt.
    quality.py REPOSITORY OUTPUT
"""
import json
import pathlib
import random
import sys

import datatrove.pipeline.filters.c4_filters as c4
import datatrove.pipeline.filters.fineweb_quality_filter as fineweb
import datatrove.pipeline.filters.gopher_quality_filter as gopher
import datatrove.pipeline.filters.gopher_repetition_filter as repetition
from datatrove.data import Document

for module in (gopher, repetition, fineweb):
    module.split_into_words = lambda text, language=None: text.split()
FILTERS = {"gopher": gopher.GopherQualityFilter(), "repetition": repetition.GopherRepetitionFilter(),
           "c4": c4.C4QualityFilter(), "fineweb": fineweb.FineWebQualityFilter()}


def passages(root):
    pages = sorted(root.glob("*.md")) + sorted(root.glob("*/README.md")) + sorted(root.glob("formats/*.md"))
    text = "\n".join(page.read_text() for page in pages)
    step = len(text) // 60
    for i in range(60):
        yield text[i * step:i * step + random.randrange(120, 1500)]


def spoilt(text):
    lines, words = text.split("\n"), text.split()
    yield text
    yield "\n".join(random.choice([[line], [line, line], [line] * 3])[-1] + "\n" + line for line in lines)
    yield "\n\n".join(lines[:3] * random.randrange(1, 4) + lines)
    yield " ".join(words[:20] * random.randrange(1, 9) + words)
    yield "\n".join("- " + line for line in lines)
    yield "\n".join(line + random.choice(["...", "\u2026", ".", "!", ""]) for line in lines)
    yield " ".join(random.choice([word, "#", "12", word + word + word, "..."]) for word in words)
    yield ". ".join(words).capitalize() + ". Lorem ipsum dolor sit amet." * random.randrange(2)
    yield "\n".join("The page says [12] that " + line + random.choice([" {", " about Javascript.", " in the privacy policy.", "."])
                    for line in lines)


def decide(text):
    result = {"text": text}
    for name, filter in FILTERS.items():
        document = Document(text=text, id="")
        verdict = filter.filter(document)
        result[name] = "" if verdict is True else verdict[1]
        if name == "c4" and verdict is True:
            result["c4_text"] = document.text
    return result


def main():
    random.seed(1)
    root, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    output.parent.mkdir(parents=True, exist_ok=True)
    results = [decide(text) for passage in passages(root) for text in spoilt(passage) if text.strip()]
    chosen = random.sample(results, 220)  # and what is rare, up to three of each
    seen = {}
    for result in results:
        for name in FILTERS:
            key = name, result[name]
            if seen.setdefault(key, 0) < 3 and result not in chosen:
                seen[key] += 1
                chosen.append(result)
    with output.open("w") as file:
        for result in chosen:
            file.write(json.dumps(result, ensure_ascii=False) + "\n")


main()
