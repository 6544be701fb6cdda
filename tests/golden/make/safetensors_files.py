# SPDX-License-Identifier: Apache-2.0
"""Makes formats/golden/safetensors/: files by Hugging Face's library that must read, and broken ones that must not.

usage: safetensors_files.py GOLDEN_FOLDER      (needs torch and safetensors; not used when testing)
A failing file NAME has its expected message beside it in NAME.expected, with FILE for its path;
the words after ... are a library's.
"""
import json
import pathlib
import struct
import sys

import torch
from safetensors.torch import save_file

golden = pathlib.Path(sys.argv[1]) / "safetensors"
passed, failed = golden / "passed", golden / "failed"
passed.mkdir(parents=True, exist_ok=True)
failed.mkdir(parents=True, exist_ok=True)

count = torch.arange(24).reshape(2, 3, 4)
save_file(
    {
        "f32": count.float() / 8,
        "bf16": (count / 8).bfloat16(),
        "f16": (count / 8).half(),
        "f64": count.double(),
        "i64": count - 12,
        "i32": (count - 12).int(),
        "u8": count.byte(),
        "i8": (count - 12).char(),
        "bool": count % 2 == 0,
        "f8": count.float().to(torch.float8_e4m3fn),
        "scalar": torch.tensor(1.5),
        "empty": torch.zeros(0, 4),
    },
    passed / "dtypes.safetensors",
    metadata={"format": "pt", "note": "\u00fcber"},
)
save_file({}, passed / "no-tensors.safetensors")


def tensor(begin, end, shape=(2,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def file(header, data_bytes):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(data_bytes)


DAMAGED = "; the file is damaged or was not copied whole: get it again"
cases = {
    "empty": (b"", f"is only 0 bytes long{DAMAGED}"),
    "short": (b"\1\2\3", f"is only 3 bytes long{DAMAGED}"),
    "not-safetensors": (b"\x89PNG\r\n\x1a\n" + bytes(64), "is no safetensors file (its header would be 727905341920923785 bytes long)"),
    "huge-header": (struct.pack("<Q", 100_000_001) + b"{}", "is no safetensors file (its header would be 100000001 bytes long)"),
    "cut-header": (file({"a": tensor(0, 8)}, 8)[:30], f"is cut short within its header{DAMAGED}"),
    "no-brace": (file(b"[1, 2]  ", 0), "is no safetensors file (its header does not start with '{')"),
    "not-json": (file(b'{"a": nope}', 0), "header: line 1, column 8: not JSON: ..."),
    "not-utf8": (file(b'{"\xff": {}}', 0), "header: line 1, column 3: not JSON: ..."),
    "duplicate": (file(b'{"a":' + json.dumps(tensor(0, 8)).encode() + b',"a":' + json.dumps(tensor(0, 8)).encode() + b"}", 8),
                  "header: the key 'a' stands twice in one object"),
    "unknown-dtype": (file({"a": tensor(0, 8, dtype="F33")}, 8), "header: tensor 'a': has the unknown type 'F33'"),
    "wrong-size": (file({"a": tensor(0, 12)}, 12), "header: tensor 'a': its shape and type do not fit its 12 bytes"),
    "cut-data": (file({"a": tensor(0, 8)}, 5), f"is cut short: 74 bytes, its header speaks of 77{DAMAGED}"),
    "overlap": (file({"a": tensor(0, 8), "b": tensor(4, 12)}, 12), f"tensor 'b' overlaps another or leaves a hole{DAMAGED}"),
    "hole": (file({"a": tensor(0, 8), "b": tensor(12, 20)}, 20), f"tensor 'b' overlaps another or leaves a hole{DAMAGED}"),
    "trailing": (file({"a": tensor(0, 8)}, 9), f"has 1 bytes that no tensor owns{DAMAGED}"),
    "backwards": (file({"a": tensor(8, 0)}, 8), "header: tensor 'a': 'data_offsets' is no pair of begin and end"),
    "negative-shape": (file({"a": tensor(0, 8, (-2,))}, 8), "header: tensor 'a': its shape and type do not fit its 8 bytes"),
    "overflow": (file({"a": tensor(0, 8, (2**40, 2**40))}, 8), "header: tensor 'a': its shape and type do not fit its 8 bytes"),
    "no-shape": (file({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, 8), "header: tensor 'a': 'shape' is missing"),
    "metadata-number": (file({"__metadata__": {"a": 1}}, 0), "header: '__metadata__' has the wrong type: {\"a\":1}"),
}
for name, (content, message) in cases.items():
    (failed / f"{name}.safetensors").write_bytes(content)
    (failed / f"{name}.safetensors.expected").write_text(f"FILE: {message}\n")
