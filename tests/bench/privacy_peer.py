#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What hearth finds in real files beside what others find in the same ones: detect-secrets for keys and passwords,
datatrove's PII formatter for e-mail addresses and public IPv4, phonenumbers' matcher (leniency VALID; regions US, GB, DE)
for telephones. Prints one JSON line a kind; with a folder to write to, lists KIND.ours, KIND.theirs_only and KIND.both of
seeded samples, for people to judge. A tool that is not installed is left out; 77 when none is.
    privacy_peer.py BENCH_PRIVACY FOLDER [OUTPUT_FOLDER] [SEED]
"""
import collections
import json
import os
import random
import subprocess
import sys
import time

SAMPLE = 50
MOST_FILE_BYTES = 1 << 20
PEER_BYTES = {"detect-secrets": 10_000_000, "datatrove": 40_000_000, "phonenumbers": 10_000_000}  # the slow see less


def texts_below(folder, rng):
    paths = sorted(os.path.join(where, name) for where, _, names in os.walk(folder) for name in names)
    rng.shuffle(paths)
    for path in paths:
        if os.path.islink(path) or os.path.getsize(path) > MOST_FILE_BYTES:
            continue
        data = open(path, "rb").read()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            yield path, text


def ours(bench, paths):
    """(file, begin, end in bytes, kind, value, around)."""
    found = []
    for at in range(0, len(paths), 500):
        out = subprocess.run([bench, "--findings", *paths[at:at + 500]], check=True, capture_output=True, text=True).stdout
        for line in map(json.loads, out.splitlines()):
            found.append((line["file"], line["begin"], line["begin"] + len(line["value"].encode()), line["kind"], line["value"], line["around"]))
    return found


def detect_secrets(texts):
    from detect_secrets.core.scan import scan_file
    from detect_secrets.settings import default_settings
    with default_settings():
        for path, text in texts:
            lines = text.split("\n")
            for secret in scan_file(path):
                line = lines[secret.line_number - 1]
                at = max(line.find(secret.secret_value), 0)
                start = len("\n".join(lines[:secret.line_number - 1]).encode()) + (secret.line_number > 1) + len(line[:at].encode())
                yield path, start, start + len(secret.secret_value.encode()), "secret", secret.secret_value, f"{secret.type}: {line[:200]}"


def datatrove(texts):
    from datatrove.pipeline.formatters.pii import PIIFormatter
    formatter = PIIFormatter()
    replacers = {"email": formatter.emails_replacer, "ip": formatter.ip_replacer}
    for path, text in texts:
        for kind, replacer in replacers.items():
            for match in replacer.regex.finditer(text):
                value = match.group(0)
                if replacer.validator and not replacer.validator(value):
                    continue
                start = len(text[:match.start()].encode())
                around = text[max(0, match.start() - 60):match.end() + 40]
                yield path, start, start + len(value.encode()), kind, value, around


def phone_numbers(texts):
    import phonenumbers
    for path, text in texts:
        seen = set()
        for region in ("US", "GB", "DE"):
            for match in phonenumbers.PhoneNumberMatcher(text, region, leniency=phonenumbers.Leniency.VALID):
                if (match.start, match.end) in seen:
                    continue
                seen.add((match.start, match.end))
                start = len(text[:match.start].encode())
                around = text[max(0, match.start - 60):match.end + 40]
                yield path, start, start + len(match.raw_string.encode()), "phone", match.raw_string, around


PEERS = {"detect-secrets": (detect_secrets, {"key": "secret", "password": "secret"}), "datatrove": (datatrove, {"email": "email", "ip": "ip"}),
         "phonenumbers": (phone_numbers, {"phone": "phone"})}


def overlaps(findings):
    by_file = collections.defaultdict(list)
    for item in findings:
        by_file[item[0]].append(item)

    def found(item):
        return any(other[1] < item[2] and other[2] > item[1] for other in by_file[item[0]])
    return found


def write_samples(folder, name, items, rng):
    if not folder:
        return
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        for path, begin, _, kind, value, around in rng.sample(items, min(SAMPLE, len(items))):
            file.write(json.dumps({"kind": kind, "value": value, "around": around, "file": path, "begin": begin}, ensure_ascii=False) + "\n")


def main():
    bench, folder = sys.argv[1:3]
    output = sys.argv[3] if len(sys.argv) > 3 else ""
    rng = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    texts = list(texts_below(folder, rng))
    size = sum(len(text.encode()) for _, text in texts)
    mine = ours(bench, [path for path, _ in texts])
    for kind, n in sorted(collections.Counter(item[3] for item in mine).items()):
        print(json.dumps({"kind": kind, "files": len(texts), "bytes": size, "hearth": n}))
        write_samples(output, f"{kind}.ours", [item for item in mine if item[3] == kind], rng)
    n_peers = 0
    for name, (run, kinds) in PEERS.items():
        seen, total = [], 0
        for path, text in texts:
            if total > PEER_BYTES[name]:
                break
            seen.append((path, text))
            total += len(text.encode())
        begin = time.process_time()
        try:
            theirs = list(run(seen))
        except ImportError as problem:
            print(f"{name} is not installed: {problem}", file=sys.stderr)
            continue
        seconds = time.process_time() - begin
        n_peers += 1
        paths = {path for path, _ in seen}
        for their_kind in sorted(set(kinds.values())):
            my_items = [item for item in mine if kinds.get(item[3]) == their_kind and item[0] in paths]
            their_items = [item for item in theirs if item[3] == their_kind]
            in_mine, in_theirs = overlaps(my_items), overlaps(their_items)
            ours_only = [item for item in my_items if not in_theirs(item)]
            theirs_only = [item for item in their_items if not in_mine(item)]
            print(json.dumps({"peer": name, "kind": their_kind, "bytes": total, "bytes_per_s": round(total / seconds), "hearth": len(my_items),
                              "theirs": len(their_items), "hearth_only": len(ours_only), "theirs_only": len(theirs_only)}), flush=True)
            write_samples(output, f"{their_kind}.theirs_only", theirs_only, rng)
            write_samples(output, f"{their_kind}.ours_only", ours_only, rng)
    return 0 if n_peers else 77


if __name__ == "__main__":
    sys.exit(main())
