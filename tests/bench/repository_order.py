#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The order of `shard --code repo` beside Python's own parser: of every import in a tree that names a module of the tree, the
module stands before the file, but where both are in one cycle. Prints one line of JSON.
    repository_order.py SHARD FOLDER      FOLDER: one of sys.path, as /usr/lib/python3.11
"""
import ast
import json
import os
import subprocess
import sys
import tempfile

sys.setrecursionlimit(100_000)


def packed_order(shard, tree):
    with tempfile.TemporaryDirectory() as folder:
        corpus = os.path.join(folder, "corpus.h5")
        keep = "--quality none --near-duplicates keep --repeated-passages keep --privacy all=keep --min-chars 0".split()
        subprocess.run([shard, tree, "-o", corpus, "--code", "repo", "--repo-bytes", "1G", "-q", *keep], check=True,
                       stdout=subprocess.DEVNULL)
        lines = subprocess.run([shard, "cat", corpus], check=True, capture_output=True).stdout.split(b"\n")[:-1]
    order = []
    for document in map(json.loads, lines):
        if document["attributes"].get("repository") != os.path.basename(tree):
            continue  # a page, or a repository inside the tree
        text = document["text"].encode()
        for file in document["attributes"].get("files", []):
            header = text[: file["begin"]].rsplit(b"\n", 2)[-2].decode()
            assert header == "<file_sep>" + file["path"], header
            order.append(file["path"])
    return order


def imports(tree, path, known):
    """The files that path's import statements name, by the import system's rules."""
    folder = top = os.path.dirname(path)
    while top and os.path.exists(os.path.join(tree, top, "__init__.py")):
        top = os.path.dirname(top)

    def find(parts, roots):
        for root in roots:
            base = os.path.join(root, *parts)
            for name in (os.path.join(base, "__init__.py"), base + ".py"):
                if os.path.normpath(name) in known:
                    return os.path.normpath(name)
        return None

    try:
        module = ast.parse(open(os.path.join(tree, path), "rb").read())
    except (SyntaxError, ValueError):
        return set()
    needed = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            needed.update(find(name.name.split("."), [top, ""]) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            roots = [top, ""]
            if node.level:
                roots = [os.path.normpath(os.path.join(folder, *[".."] * (node.level - 1)))] if folder else [""]
            package = node.module.split(".") if node.module else []
            for name in node.names:
                needed.add((find(package + [name.name], roots) if name.name != "*" else None) or find(package, roots))
    return needed - {path, None}


def cycles(edges):
    """The component of each file (Tarjan)."""
    index, low, stack, waiting, component = {}, {}, [], set(), {}

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        waiting.add(v)
        for w in edges.get(v, ()):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in waiting:
                low[v] = min(low[v], index[w])
        while low[v] == index[v] and v in waiting:
            w = stack.pop()
            waiting.discard(w)
            component[w] = v

    for v in edges:
        if v not in index:
            visit(v)
    return component


def main(shard, tree):
    order = packed_order(shard, os.path.abspath(tree))
    place = {path: i for i, path in enumerate(order)}
    edges = {path: imports(tree, path, place) for path in order if path.endswith(".py")}
    component = cycles(edges)
    pairs = [(a, b) for a, needed in edges.items() for b in needed]
    across = [(a, b) for a, b in pairs if component[a] != component.get(b)]
    right = sum(place[b] < place[a] for a, b in across)
    print(json.dumps({"files": len(edges), "imports_across_cycles": len(across), "in_order": right / max(1, len(across)),
                      "in_order_by_path": sum(b < a for a, b in across) / max(1, len(across)),
                      "imports_inside_cycles": len(pairs) - len(across),
                      "wrong": [pair for pair in across if place[pair[1]] > place[pair[0]]][:5]}))


main(*sys.argv[1:])
