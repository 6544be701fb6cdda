#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`shard` beside datatrove on the same documents, one thread each, in one run: the rules on quality alone, and the whole chain
(read JSON lines, Gopher's, C4's and FineWeb's filters, near-duplicates out, e-mail and IP addresses replaced, written). Processor
time of whole processes, but of datatrove without its imports; ours the best of three. Words are split at white space for both.
Prints one line of JSON; ends with 77 without datatrove.
    chain_peer.py SHARD CORPUS.h5 [MEGABYTES]     the first kept documents of a corpus of `shard`, as many as that
"""
import json
import os
import resource
import subprocess
import sys
import tempfile

REPEAT = 3
RULES = ["--quality", "gopher", "--quality", "c4", "--quality", "fineweb"]
PLAIN = ["--near-duplicates", "keep", "--repeated-passages", "keep", "--privacy", "all=keep"]


def child_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, output


def take(shard, corpus, path, n_bytes):
    size = n = 0
    with subprocess.Popen([shard, "cat", corpus], stdout=subprocess.PIPE) as process, open(path, "w", encoding="utf-8") as file:
        for line in process.stdout:
            document = json.loads(line)
            if document["type"] == "code":
                continue
            file.write(json.dumps({"id": str(n), "text": document["text"]}, ensure_ascii=False) + "\n")
            size, n = size + len(document["text"].encode()), n + 1
            if size >= n_bytes:
                break
        process.kill()
    return size, n


def ours(shard, path, folder, options):
    best, kept = None, 0
    for _ in range(REPEAT):
        seconds, output = child_seconds([shard, path, "-o", f"{folder}/ours.h5", "--overwrite", "--json", "-q", "-j", "1",
                                         "--min-chars", "1", *options])
        best = min(best or seconds, seconds)
        kept = json.loads(output)["statistics"]["kept"]["documents"]
    return best, kept


def theirs(path, folder, what):
    """In this process, which a child runs: seconds and documents kept."""
    import datatrove.pipeline.filters.c4_filters as c4
    import datatrove.pipeline.filters.fineweb_quality_filter as fineweb
    import datatrove.pipeline.filters.gopher_quality_filter as gopher
    import datatrove.pipeline.filters.gopher_repetition_filter as repetition
    from datatrove.pipeline.dedup import (MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature)
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.formatters import PIIFormatter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter
    from loguru import logger

    logger.remove()
    for module in (gopher, repetition, fineweb):
        module.split_into_words = lambda text, language=None: text.split()
    filters = [gopher.GopherQualityFilter(), repetition.GopherRepetitionFilter(), c4.C4QualityFilter(),
               fineweb.FineWebQualityFilter()]
    usage = resource.getrusage(resource.RUSAGE_SELF)
    start = usage.ru_utime + usage.ru_stime
    name = os.path.basename(path)

    def run(steps):
        data = None
        for step in steps:
            data = step(data, rank=0, world_size=1)
        return sum(1 for _ in data) if data is not None else 0

    reader = JsonlReader(os.path.dirname(path), glob_pattern=name)
    if what == "read":
        kept = run([reader])
    elif what == "quality":
        kept = run([reader, *filters])
    else:
        config = MinhashConfig()
        run([reader, *filters, JsonlWriter(f"{folder}/good", compression=None)])
        good = lambda: JsonlReader(f"{folder}/good")
        run([good(), MinhashDedupSignature(output_folder=f"{folder}/signatures", config=config)])
        for rank in range(config.num_buckets):
            MinhashDedupBuckets(input_folder=f"{folder}/signatures", output_folder=f"{folder}/buckets", config=config).run(
                None, rank=rank, world_size=config.num_buckets)
        MinhashDedupCluster(input_folder=f"{folder}/buckets", output_folder=f"{folder}/remove", config=config).run(None, 0, 1)
        kept = run([good(), MinhashDedupFilter(input_folder=f"{folder}/remove"), PIIFormatter(),
                    JsonlWriter(f"{folder}/done", compression=None)])
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([usage.ru_utime + usage.ru_stime - start, kept]))


def peer(path, folder, what):
    _, output = child_seconds([sys.executable, os.path.abspath(__file__), "--theirs", path, folder, what])
    return json.loads(output.splitlines()[-1])


def main():
    if sys.argv[1] == "--theirs":
        return theirs(*sys.argv[2:5])
    try:
        import datatrove  # noqa: F401
    except ImportError as problem:
        print(f"datatrove is not installed: {problem}", file=sys.stderr)
        return 77
    shard, corpus = sys.argv[1:3]
    megabytes = float(sys.argv[3]) if len(sys.argv) > 3 else 20
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/in/documents.jsonl"
        os.mkdir(f"{folder}/in")
        size, n = take(shard, corpus, path, megabytes * 1e6)
        quiet, _ = ours(shard, path, folder, ["--quality", "none", *PLAIN])
        tagged, _ = ours(shard, path, folder, [*RULES, *PLAIN, "--quality-action", "tag"])  # all rules asked of all
        rules, our_quality = ours(shard, path, folder, [*RULES, *PLAIN])
        chain, our_chain = ours(shard, path, folder, [*RULES, "--repeated-passages", "keep"])
        their_quiet, _ = peer(path, folder, "read")
        their_rules, their_quality = peer(path, folder, "quality")
        their_chain, their_kept = peer(path, folder, "chain")
    rate = lambda a, b: {"hearth": size / a, "datatrove": size / b, "ratio": b / a}
    print(json.dumps({
        "bytes": size, "documents": n, "unit": "bytes/s of processor time, one thread",
        "quality_alone": rate(max(tagged - quiet, 1e-3), their_rules - their_quiet),
        "read_judge_write": rate(rules, their_rules), "chain": rate(chain, their_chain),
        "seconds": {"hearth": [quiet, tagged, rules, chain], "datatrove": [their_quiet, their_rules, their_chain]},
        "kept": {"hearth": [our_quality, our_chain], "datatrove": [their_quality, their_kept]},
    }))
    return 0


if __name__ == "__main__":
    sys.exit(main())
