#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The order of `shard --code repo` beside the imports of a tree as another reader finds them: of every import that names files
of the tree, these stand before the file, but where both are in one cycle. Python by its own parser; Java by the packages that
files declare, Go by go.mod and folders, Rust by the tree of modules from each crate's root, JavaScript by Node's rules, all
four by expressions over text without comments. Prints one line of JSON.
    repository_order.py SHARD FOLDER      FOLDER: one of sys.path, as /usr/lib/python3.11, or a repository
"""
import ast
import json
import os
import re
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


def python_imports(tree, path, known):
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


def text_of(tree, path):
    """Without comments, which also hold the word import."""
    with open(os.path.join(tree, path), encoding="utf-8", errors="replace") as file:
        return re.sub(r"(?ms)/\*.*?\*/|^\s*//.*?$|(?<=[\s;])//.*?$", "", file.read())


def java_edges(tree, files):
    package = {path: (re.search(r"(?m)^\s*package\s+([\w.]+)\s*;", text_of(tree, path)) or [None, ""])[1] for path in files}
    of_class, of_package = {}, {}
    for path, name in package.items():
        stem = os.path.basename(path).removesuffix(".java")
        of_class.setdefault(f"{name}.{stem}", []).append(path)
        of_package.setdefault(name, []).append(path)
    edges = {}
    for path in files:
        needed = edges[path] = set()
        for static, name in re.findall(r"(?m)^\s*import\s+(static\s+)?([\w.]+(?:\.\*)?)\s*;", text_of(tree, path)):
            parts = name.split(".")
            if parts[-1] == "*" and not static:
                if ".".join(parts[:-1]) != package[path]:
                    needed.update(of_package.get(".".join(parts[:-1]), []))
                continue
            while parts and ".".join(parts) not in of_class:
                parts.pop()
            found = of_class.get(".".join(parts), [])
            if len(found) == 1:  # else which one depends on the build
                needed.update(found)
    return edges


def go_edges(tree, files):
    modules = {}
    for folder, _, names in os.walk(tree):
        if "go.mod" in names:
            name = re.search(r"(?m)^module\s+(\S+)", open(os.path.join(folder, "go.mod")).read())
            modules[name[1]] = "" if folder == tree else os.path.relpath(folder, tree)
    of_folder = {}
    for path in files:
        if not path.endswith("_test.go"):
            of_folder.setdefault(os.path.dirname(path), []).append(path)
    edges = {}
    for path in files:
        needed = edges[path] = set()
        text = text_of(tree, path)
        blocks = re.findall(r"(?ms)^import\s*\((.*?)^\)", text) + re.findall(r'(?m)^import\s+[\w.]*\s*"[^"]+"', text)
        for name in re.findall(r'"([^"]+)"', "\n".join(blocks)):
            module = max((m for m in modules if name == m or name.startswith(m + "/")), key=len, default=None)
            if module:
                folder = os.path.normpath(os.path.join(modules[module], name[len(module) + 1 :] or "."))
                needed.update(of_folder.get("" if folder == "." else folder, []))
    return edges


def rust_edges(tree, files):
    known = set(files)
    roots = [f for f in files if os.path.basename(f) in ("lib.rs", "main.rs")]
    module_of, file_of, edges = {}, {}, {f: set() for f in files}

    def enter(root, path, module):
        if path in module_of:
            return
        module_of[path] = (root, module)
        file_of[root, module] = path
        base = os.path.dirname(path)
        if os.path.basename(path) not in ("lib.rs", "main.rs", "mod.rs"):
            base = path.removesuffix(".rs")
        for name in re.findall(r"(?m)^\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;", text_of(tree, path)):
            for file in (os.path.join(base, name + ".rs"), os.path.join(base, name, "mod.rs")):
                if file in known:
                    edges[path].add(file)
                    enter(root, file, module + (name,))

    for root in roots:
        enter(root, root, ())

    def flat(text, front=()):
        depth, begin, parts = 0, 0, []
        for i, c in enumerate(text + ","):
            depth += (c == "{") - (c == "}")
            if c == "," and depth == 0:
                parts.append(text[begin:i].strip())
                begin = i + 1
        for part in filter(None, parts):
            head, brace, tail = part.partition("{")
            names = front + tuple(n.strip() for n in head.split("::") if n.strip())
            if brace:
                yield from flat(tail[: tail.rfind("}")], names)
            else:
                yield tuple(n.split()[0] for n in names)

    for path, (root, module) in module_of.items():
        for use in re.findall(r"(?ms)^\s*(?:pub(?:\([^)]*\))?\s+)?use\s+(.*?);", text_of(tree, path)):
            for names in flat(use):
                here = None
                if names[0] == "crate":
                    here, names = (), names[1:]
                elif names[0] == "self":
                    here, names = module, names[1:]
                elif names[0] == "super":
                    here = module
                    while names and names[0] == "super":
                        here, names = here[:-1], names[1:]
                if here is None:
                    continue  # another crate
                whole = here + names
                while len(whole) > 0 and (root, whole) not in file_of:
                    whole = whole[:-1]
                if whole and whole != module[: len(whole)]:  # a parent is no import: it declares this one
                    edges[path].add(file_of[root, whole])
    return {path: needed - {path} for path, needed in edges.items() if path in module_of}


def script_edges(tree, files):
    known = set(files)
    edges = {}
    for path in files:
        needed = edges[path] = set()
        text = text_of(tree, path)
        names = re.findall(r"""(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)['"](\.{1,2}(?:/[^'"]*)?)['"]""", text)
        for name in names:
            base = os.path.normpath(os.path.join(os.path.dirname(path), name))
            ends = ["", ".js", ".cjs", ".mjs", ".ts", "/index.js", "/index.cjs", "/index.mjs", "/index.ts"]
            found = next((base + end for end in ends if base + end in known), None)
            if found and found != path:
                needed.add(found)
    return edges


READERS = {
    (".py",): lambda tree, files: {path: python_imports(tree, path, set(files)) for path in files},
    (".java",): java_edges,
    (".go",): go_edges,
    (".rs",): rust_edges,
    (".js", ".cjs", ".mjs", ".ts"): script_edges,
}


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
    tree = os.path.abspath(tree)
    order = packed_order(shard, tree)
    place = {path: i for i, path in enumerate(order)}
    for ends, edges_of in READERS.items():
        files = [path for path in order if path.endswith(ends)]
        if len(files) < 10:
            continue
        edges = edges_of(tree, files)
        component = cycles(edges)
        pairs = [(a, b) for a, needed in edges.items() for b in needed]
        across = [(a, b) for a, b in pairs if component[a] != component.get(b)]
        right = sum(place[b] < place[a] for a, b in across)
        print(json.dumps({"language": ends[0][1:], "files": len(edges), "imports_across_cycles": len(across),
                          "in_order": right / max(1, len(across)),
                          "in_order_by_path": sum(b < a for a, b in across) / max(1, len(across)),
                          "imports_inside_cycles": len(pairs) - len(across),
                          "wrong": [pair for pair in across if place[pair[1]] > place[pair[0]]][:5]}))


main(*sys.argv[1:])
