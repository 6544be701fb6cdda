#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the small seeds in tests/golden/fuzz/: one or a few files a target, beside the finds of the fuzzers, which
stay (their names begin with "find-"). Run by hand, from the source tree:
    python3 tests/golden/make/fuzz_corpus.py
"""
import base64
import bz2
import gzip
import io
import json
import lzma
import pathlib
import subprocess
import tarfile
import tempfile
import zipfile

corpus = pathlib.Path("tests/golden/fuzz")


def seed(target, name, data):
    folder = corpus / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


def tar(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as file:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in members:
            file.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


page = """<!DOCTYPE html><html><head><title>A page</title></head><body><nav><a href=x>menu</a></nav><main>
<h1>Head</h1><p>Some <b>bold &amp; plain</b> text.<ul><li>one<li>two</ul><table><tr><td>a<td>b</table>
<pre>  code </pre><svg><text>x</text></svg><template>t</template></main></body></html>"""
seed("html", "page", page)
seed("html", "unclosed", "<p><b><table><i><p></table>x</b><select><option><math><mi><svg><desc>")
seed("markdown", "front-matter", "---\ntitle: A\nauthor: B\n---\n# Head\n<!-- no -->\n```\n<!-- yes -->\n```\n")
seed("markdown", "toml", "+++\ntitle = 'A'\n+++\ntext `code` <!-- open")
cells = [{"cell_type": "markdown", "source": ["# A\n"]}, {"cell_type": "code", "source": "x = '```'", "outputs": []}]
seed("notebook", "four", json.dumps({"metadata": {"language_info": {"name": "python"}, "title": "T"}, "cells": cells}))
seed("notebook", "three", json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": "1"}]}]}))
document = b'<w:document xmlns:w="w"><w:body><w:p><w:r><w:t>Text</w:t></w:r></w:p></w:body></w:document>'
docx = zipped([("[Content_Types].xml", b"<Types/>"), ("word/document.xml", document)])
seed("office", "small.docx", docx)
seed("zip_archive", "small", docx)
seed("zip_archive", "stored", zipped([("a", b"text"), ("b", b"")], zipfile.ZIP_STORED))
seed("xml", "document", document)
seed("xml", "entities", '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a x="&lt;&#65;">&b;<![CDATA[d]]></a>')
mail = ("From: =?utf-8?Q?J=C3=BCrgen?= <a@b.example>\nSubject: =?iso-8859-1?B?R3L832U=?=\nMIME-Version: 1.0\n"
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html; charset=utf-8\n"
        "Content-Transfer-Encoding: quoted-printable\n\n<p>caf=C3=A9\n--b\nContent-Type: application/zip\n"
        "Content-Disposition: attachment; filename*=utf-8''%61.zip\nContent-Transfer-Encoding: base64\n\nUEsFBg==\n--b--\n")
seed("mail", "mixed", mail)
seed("mail", "flowed", "Content-Type: text/plain; format=flowed; delsp=yes\n\none \ntwo\n> quoted\n-- \nme\n")
inner = tar([("a.txt", b"text"), ("b/c.md", b"# head"), ("r.jsonl", b'{"text":"x"}\n')])
seed("members", "tar", b"\0" + inner)  # 1 + 0: an archive
seed("members", "tar.gz", b"\0" + gzip.compress(inner, mtime=0))
seed("members", "tar.xz", b"\0" + lzma.compress(inner))
seed("members", "zip", b"\1" + zipped([("a.txt", b"text"), ("i.tar", inner), ("d.zip", docx)]))
with tempfile.TemporaryDirectory() as folder:
    seven = pathlib.Path(folder, "a.7z")
    subprocess.run(["cmake", "-E", "tar", "cf", seven, "--format=7zip", "VERSION"], check=True)
    seed("members", "7z", b"\1" + seven.read_bytes())
seed("members", "mailbox", b"\2From a@b Mon Jan  1 00:00:00 2024\n" + mail.encode() + b"\n\nFrom c\nSubject: d\n\ne\n")
seed("members", "mail", b"\3" + mail.encode())
seed("members", "records", b'\4{"text":"a"}\n\n{"b":1}\n')
seed("encodings", "latin", b"latin1\ncaf\xe9")
seed("encodings", "utf-16", "text \u00e9 \U0001f600".encode("utf-16"))
seed("encodings", "koi8", "koi8-r\nпривет".encode("koi8-r"))
seed("encodings", "declared", b"shift_jis\n<meta charset=shift_jis>\x82\xa0\x82\xa2\x82\xa4")
for name, packed in [("gzip", gzip.compress(b"text" * 99, mtime=0)), ("bzip2", bz2.compress(b"text" * 99)),
                     ("xz", lzma.compress(b"text" * 99)),
                     ("zstd", subprocess.run(["zstd", "-c"], input=b"text" * 99, capture_output=True, check=True).stdout)]:
    seed("decoders", name, packed + packed)
seed("records", "one", '{"text":"a \\ud83d\\ude00","id":3,"b":[1,{"c":null}]}')
seed("records", "lines", '\ufeff{"text":"a"}\r\n\n[1e400]\n{"text":')
seed("tokenizer", "ranks", "".join(f"{base64.b64encode(bytes([i])).decode()} {i}\n" for i in range(256)))
byte_characters = [chr(i) if 33 <= i <= 126 or 161 <= i <= 172 or 174 <= i <= 255 else None for i in range(256)]
free = iter(range(256, 400))
byte_characters = [c if c else chr(next(free)) for c in byte_characters]
vocab = {c: i for i, c in enumerate(byte_characters)} | {"th": 256, "the": 257}
regex = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
pieces = [{"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False},
          {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]
seed("tokenizer", "json", json.dumps({
    "version": "1.0", "truncation": None, "padding": None, "normalizer": None,
    "added_tokens": [{"id": 258, "content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False,
                      "normalized": False, "special": True}],
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": pieces},
    "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True,
                                        "use_regex": True},
    "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
              "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocab,
              "merges": [["t", "h"], ["th", "e"]]}}))
# type html, no rejection, one attribute, text; and a frame with one member.
seed("worker_protocol", "parsed", b"\x02\x00\x01\x05title\x03\"a\"Some text.")
seed("worker_protocol", "rejected", b"\x02\x01\x08damaged-\x03why\x00")
seed("worker_protocol", "members", b"\x01\x00\x00\x03!/a\x01a\x00\x04\x04text")
