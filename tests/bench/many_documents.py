#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""many_documents.py N WORDS [SEED]: N JSON lines of about WORDS words, to see the memory of `hearth shard`.

Of ten documents one is a copy of one before, two are like one before but for some words, one holds a passage that
hundreds hold; the others are their own. What is copied is drawn from few: clusters of all sizes, one of them of a
hundredth of all documents.
"""

import random
import sys


def main() -> None:
    n, words = int(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    syllables = [a + b for a in "bcdfghklmnprst" for b in ("a", "e", "i", "o", "u", "an", "el", "or")]
    vocabulary = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(30000)]
    common = ["the", "of", "and", "to", "with", "that", "have", "is"]

    def draw(k: int) -> list[str]:
        chosen = rng.choices(vocabulary, k=k)
        for i in range(3, k, 5):
            chosen[i] = common[rng.getrandbits(3)]
        for i in range(11, k, 12):
            chosen[i] += "."
        return chosen

    bases = [draw(words) for _ in range(max(2, n // 100))]
    passages = [draw(60) for _ in range(max(1, n // 5000))]
    write = sys.stdout.write
    for _ in range(n):
        kind = rng.randrange(10)
        if kind < 3:
            text = bases[0 if rng.random() < 0.03 else rng.randrange(len(bases))]
        else:
            text = draw(words)
        if kind in (1, 2):
            text = text[:]
            for _ in range(max(1, words // 60)):
                text[rng.randrange(words)] = rng.choice(vocabulary)
        elif kind == 3:
            text = text[: words // 2] + rng.choice(passages) + text[words // 2 :]
        write('{"text": "' + " ".join(text) + '."}\n')


if __name__ == "__main__":
    main()
