#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hearth's near-duplicates beside datatrove's MinHash (stages 1 to 3, its defaults: 14 bands of 8, five words, 64 bits) on the
same documents, one core each, in processor time. Prints one line of JSON; ends with 77 without datatrove.
    dedup_peer.py BENCH_DEDUP TEXT
"""
import json
import os
import resource
import subprocess
import sys
import tempfile

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
DOCUMENT_BYTES = 10_000  # as in dedup.cpp


def documents_in(data):
    begin = 0
    while begin < len(data):
        line_end = data.find(b"\n", begin + DOCUMENT_BYTES)
        end = len(data) if line_end < 0 else line_end + 1
        yield data[begin:end].decode("utf-8")
        begin = end


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def theirs(documents, folder):
    """Rows that go, and seconds of signatures and of all three stages."""
    from datatrove.data import Document
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig

    config = MinhashConfig()
    data = [Document(text=text, id=str(row)) for row, text in enumerate(documents)]
    start = processor_seconds()
    MinhashDedupSignature(output_folder=f"{folder}/signatures", config=config).run(iter(data), rank=0, world_size=1)
    signatures = processor_seconds() - start
    for rank in range(config.num_buckets):
        MinhashDedupBuckets(input_folder=f"{folder}/signatures", output_folder=f"{folder}/buckets", config=config).run(
            None, rank=rank, world_size=config.num_buckets)
    MinhashDedupCluster(input_folder=f"{folder}/buckets", output_folder=f"{folder}/remove", config=config).run(
        None, 0, 1)
    seconds = processor_seconds() - start
    gone = set()
    for name in os.listdir(f"{folder}/remove"):
        with open(f"{folder}/remove/{name}", "rb") as file:
            raw = file.read()
        gone.update(int.from_bytes(raw[i:i + 4], "little") for i in range(0, len(raw), 4))
    return gone, signatures, seconds


def main():
    bench, text = sys.argv[1:3]
    try:
        import datatrove  # noqa: F401
    except ImportError as problem:
        print(f"datatrove is not installed: {problem}", file=sys.stderr)
        return 77
    with tempfile.TemporaryDirectory() as folder:
        lines = subprocess.run([bench, text, f"{folder}/pairs"], check=True, capture_output=True, text=True).stdout
        ours = {line["bench"]: line["seconds"] for line in map(json.loads, lines.splitlines())}
        with open(f"{folder}/pairs", encoding="utf-8") as file:
            our_rows = {int(line.split()[0]) for line in file}
        with open(text, "rb") as file:
            data = file.read()
        their_rows, signatures, seconds = theirs(documents_in(data), folder)
    size = len(data)
    print(json.dumps({
        "bytes": size,
        "signatures": {"hearth": size / ours["near: signatures"], "datatrove": size / signatures,
                       "ratio": signatures / ours["near: signatures"]},
        "all": {"hearth": size / ours["near: all"], "datatrove": size / seconds, "ratio": seconds / ours["near: all"]},
        "unit": "bytes/s of processor time, one core",
        "rows_gone": {"hearth": len(our_rows), "datatrove": len(their_rows), "both": len(our_rows & their_rows)},
    }))
    return 0


if __name__ == "__main__":
    sys.exit(main())
