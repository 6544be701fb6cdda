#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes unicode_tables.cpp: the class each code point has in the regular expressions of Hugging Face's `tokenizers`.

The library itself is asked, over all code points, so that the table is what its regex engine does, not what some version
of the Unicode database says. Run by hand when the library's engine moves on:
    python3 lib/text/tokenizer/make_unicode_tables.py > lib/text/tokenizer/unicode_tables.cpp
"""
import sys
import unicodedata

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models
from tokenizers.pre_tokenizers import Split

# Order is the value in the table and in enum CharClass (unicode_classes.h). What none of them matches is `other`.
CLASSES = [("upper", r"\p{Lu}"), ("title", r"\p{Lt}"), ("lower", r"\p{Ll}"), ("modifier", r"\p{Lm}"), ("letter", r"\p{Lo}"),
           ("mark", r"\p{M}"), ("number", r"\p{N}"), ("punctuation", r"\p{P}"), ("symbol", r"\p{S}"),
           ("newline", r"[\r\n]"), ("space", r"[^\S\r\n]")]
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def matched(regex, text):
    """Which characters of text the regex matches, as a list of booleans."""
    flags = [True] * len(text)
    for _, (begin, end) in Split(Regex(regex), "removed").pre_tokenize_str(text):
        flags[begin:end] = [False] * (end - begin)
    return flags


def classes():
    text = "".join(map(chr, CODE_POINTS))
    values = [0] * 0x110000
    for value, (name, regex) in enumerate(CLASSES, start=1):
        for code_point, hit in zip(CODE_POINTS, matched(regex, text)):
            if hit:
                assert values[code_point] == 0, f"U+{code_point:04X} is in two classes"
                values[code_point] = value
    letters = matched(r"\p{L}", text)
    assert all(hit == (1 <= values[c] <= 5) for c, hit in zip(CODE_POINTS, letters)), "\\p{L} is not the union of its parts"
    return values


def contraction_folds():
    """The characters beyond ASCII that (?i:...) takes for a letter of a contraction: U+017F for s, nothing else."""
    folds = {}
    for letter in "stremvld":
        text = "".join("'" + chr(c) + " " for c in CODE_POINTS if c >= 128)
        hits = matched(f"(?i:'{letter})", text)
        for i in range(0, len(text), 3):
            if hits[i]:
                folds.setdefault(letter, []).append(ord(text[i + 1]))
    return folds


def word_exceptions(values):
    """Runs of code points for which \\w, as single_word asks it, is not the classes letter, mark and number."""
    tokenizer = Tokenizer(models.BPE(vocab={"?": 0}, merges=[], unk_token="?", fuse_unk=True))
    tokenizer.add_tokens([AddedToken("\x01", single_word=True, normalized=False)])
    found = {begin for i, (begin, _) in zip(*(lambda e: (e.ids, e.offsets))(tokenizer.encode(" ".join(chr(c) + "\x01" for c in CODE_POINTS)))) if i == 1}
    runs = []
    for place, c in enumerate(CODE_POINTS):
        if (3 * place + 1 not in found) == (1 <= values[c] <= 7):
            continue
        if runs and runs[-1][1] == c - 1:
            runs[-1][1] = c
        else:
            runs.append([c, c])
    return [c for run in runs for c in run]


def print_list(items):
    line = "   "
    for item in items:
        item = f" {item:#x},"
        if len(line) + len(item) > 118:
            print(line)
            line = "   "
        line += item
    print(line)
    print("};")


def main():
    assert contraction_folds() == {"s": [0x17F]}, contraction_folds()
    values = classes()
    ranges = [(c, values[c]) for c in range(0x110000) if c == 0 or values[c] != values[c - 1]]
    newest = max((v for v, c in (("17.0", 0x11DB0), ("16.0", 0x10D4A), ("15.1", 0x2FFC), ("15.0", 0x11F04),
                                 ("14.0", 0x10570)) if values[c] != 0), key=lambda v: float(v), default="before 14.0")
    print("// SPDX-License-Identifier: Apache-2.0")
    print("// Written by make_unicode_tables.py; do not edit. Runs of code points of one class, (first << 4) | class.")
    print(f"// Asked of tokenizers {tokenizers.__version__}, whose engine knows Unicode {newest}; {len(ranges)} runs.")
    print('#include "lib/text/tokenizer/unicode_classes.h"\n')
    print("namespace hearth::text {\n")
    print(f'const char* const unicode_version = "{newest}";\n')
    print(f"const std::uint32_t unicode_runs[] = {{")
    print_list([(first << 4) | value for first, value in ranges])
    print("const std::size_t n_unicode_runs = sizeof unicode_runs / sizeof unicode_runs[0];\n")
    print("const std::uint32_t word_exceptions[] = {")
    print_list(word_exceptions(values))
    print("const std::size_t n_word_exceptions = sizeof word_exceptions / sizeof word_exceptions[0] / 2;\n")
    print("}  // namespace hearth::text")
    print(f"python's own database: Unicode {unicodedata.unidata_version}", file=sys.stderr)


main()
