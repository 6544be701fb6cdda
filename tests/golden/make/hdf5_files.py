# SPDX-License-Identifier: Apache-2.0
"""Makes the files of formats/golden/{documents,tokens,checkpoint,classifier}/failed from those in passed (see make_golden.cpp).

usage: hdf5_files.py GOLDEN_FOLDER      (needs h5py; not used when testing)
Each failing file NAME has its expected message beside it in NAME.expected, with FILE for its path and
HEARTH for the program that reads ("hearth 0.1.0").
"""
import pathlib
import shutil
import sys

import h5py
import numpy as np

golden = pathlib.Path(sys.argv[1])
MADE_BY = {"documents": "hearth shard", "tokens": "hearth tokenize encode", "checkpoint": "hearth pretrain",
           "classifier": "hearth shard train-classifier"}
RESTORE = "restore it from a copy or resume from another checkpoint"


def fresh(path):
    if path.is_dir():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def expect(path, message):
    path.with_name(path.name + ".expected").write_text(f"FILE{message}\n")


def edit(path, change):
    with h5py.File(path, "r+") as file:
        change(file)


def flip(path, needle):
    """Changes one bit of the first place where needle stands."""
    data = bytearray(path.read_bytes())
    data[data.index(needle)] ^= 1
    path.write_bytes(data)


def headers(form, passed, inner=""):
    """The cases that all HDF5 formats share; inner is the file within a folder."""
    made_by = MADE_BY[form]
    failed = golden / form / "failed"

    def case(name, message):
        target = fresh(failed / name)
        shutil.copytree(passed, target) if passed.is_dir() else shutil.copy(passed, target)
        expect(target, (f"/{inner}" if inner else "") + ": " + message)
        return target / inner if inner else target

    case("empty.h5", f"is empty; expected {form} made by {made_by}").write_bytes(b"")
    case("image.h5", f"not an HDF5 file (it looks like a PNG image); expected {form} made by {made_by}").write_bytes(
        b"\x89PNG\r\n\x1a\n" + bytes(100)
    )
    foreign = case("foreign.h5", f"an HDF5 file, but not one of hearth's; expected {form} made by {made_by}")
    with h5py.File(foreign, "w") as file:
        file["data"] = [1, 2, 3]
    edit(case("other-format.h5", f"holds recipe; expected {form} made by {made_by}"),
         lambda file: file.attrs.modify("format", b"recipe"))
    edit(case("future-major.h5", f"{form} of format version 2.5, written by hearth 9.0.0; HEARTH reads version 1 only: use a newer hearth"),
         lambda file: [file.attrs.modify(key, value) for key, value in (("major", 2), ("minor", 5), ("producer", b"hearth 9.0.0"))])
    edit(case("future-feature.h5", "requires 'quantised', which HEARTH does not know; use a newer hearth"),
         lambda file: file.attrs.create("required", np.bytes_("quantised")))
    edit(case("incomplete.h5", f"is incomplete: the program that wrote it was stopped; run it again ({made_by})"),
         lambda file: file.attrs.__delitem__("complete"))
    return case


damaged = "the file is damaged; restore it from a copy or run {} again"

case = headers("documents", golden / "documents/passed/v1.0.h5")
flip(case("flipped-id.h5", "documents block 0: the documents' columns do not match their checksum; the file is damaged: restore it from a copy or make it again"),
     b"document0document1")
flip(case("flipped-provenance.h5", "'provenance' does not match its checksum: " + damaged.format("hearth shard")), b'{"producer"')
path = case("flipped-text.h5", "documents block 1: the text does not match its checksum; the file is damaged: restore it from a copy or make it again")
with h5py.File(path) as file:
    at = file["documents/blocks/chunk_offset"][1] + 20
with open(path, "r+b") as raw:
    raw.seek(at)
    byte = raw.read(1)[0]
    raw.seek(at)
    raw.write(bytes([byte ^ 1]))
edit(case("no-text-range.h5", "'documents/text_range' is missing or unreadable (HDF5: object 'text_range' doesn't exist): " + damaged.format("hearth shard")),
     lambda file: file["documents"].__delitem__("text_range"))

case = headers("tokens", golden / "tokens/passed/v1.0-u16.h5")
flip(case("flipped-id.h5", "train/ids block 0 (from byte 0) does not match its checksum; the file is damaged: restore it from a copy or run hearth tokenize encode again"),
     b"\xc8\0\xc9\0\xca\0\xc8\0\xc9\0\xca\0\xcb\0\xcc\0\xcd\0")
edit(case("small-vocabulary.h5", ": token_bytes has 300 entries for a vocabulary of 200"[2:]),
     lambda file: file.attrs.modify("vocab_size", 200))

case = headers("checkpoint", golden / "checkpoint/passed/v1.0", "index.h5")
failed = golden / "checkpoint/failed"
for name, change, message in (
    ("no-part.h5", lambda part: part.unlink(), f": this part of the checkpoint is missing; {RESTORE}"),
    ("cut-part.h5", lambda part: part.write_bytes(part.read_bytes()[:1000]), None),
    ("flipped-tensor.h5", lambda part: flip(part, bytes.fromhex("000020c2")),
     f": tensor embedding.weight does not match its checksum: the file is damaged; {RESTORE}"),
):
    target = fresh(failed / name)
    shutil.copytree(golden / "checkpoint/passed/v1.0", target)
    change(target / "part-00000.h5")
    expect(target, "/part-00000.h5" + (message or f": cut short: tensor embedding.weight ends beyond its end; {RESTORE}"))
target = fresh(failed / "no-index.h5")
shutil.copytree(golden / "checkpoint/passed/v1.0", target)
(target / "index.h5").unlink()
expect(target, f"/index.h5: the checkpoint's index is missing; {RESTORE}")

case = headers("classifier", golden / "classifier/passed/v1.0.clf")
flip(case("flipped-weight.clf", "'weights' does not match its checksum: " + damaged.format("hearth shard train-classifier")),
     np.float32(-1.75).tobytes() + np.float32(-1.5).tobytes())
edit(case("other-features.clf", "its features are 'letters-9', which this program does not make; use a newer hearth, or train it again"),
     lambda file: file.attrs.modify("features", b"letters-9"))
