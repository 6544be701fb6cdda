# SPDX-License-Identifier: Apache-2.0
"""The recipes of packaging/spack, run against a stand-in for Spack: python3 spack_recipes.py SOURCE [SPACK_PACKAGES]

Every library that cmake/dependencies.cmake looks for must be a dependency, and every option given to cmake one that
exists. With SPACK_PACKAGES, a git repository of Spack's own recipes, every dependency must be there, be provided there,
or be a recipe of ours, and every name of Spack's that a recipe imports must exist.
"""
import pathlib
import re
import subprocess
import sys
import types

# What cmake/dependencies.cmake calls it, and what Spack does.
LIBRARIES = {
    "PkgConfig": "pkgconfig", "ZLIB": "zlib-api", "LibLZMA": "xz", "BZip2": "bzip2", "OpenSSL": "openssl",
    "Boost": "boost", "nlohmann_json": "nlohmann-json", "hdf5-serial": "hdf5", "libhwy": "highway",
    "libarchive": "libarchive", "gumbo": "gumbo-parser", "pugixml": "pugixml", "libutf8proc": "utf8proc", "uchardet": "uchardet",
    "libzstd": "zstd", "xxhash": "xxhash", "cld2": "cld2", "Threads": None,
}
failures = 0
dependencies = {}  # of the recipe that is loaded


def expect(what, condition):
    global failures
    if not condition:
        failures += 1
        print("FAILED:", what)


class Package:
    def __init__(self, text):
        self.spec = types.SimpleNamespace(
            satisfies=lambda variant: variant in text,
            variants={"cuda_arch": types.SimpleNamespace(value=("90a",))})

    def define(self, name, value):
        return f"-D{name}={value}"


def stand_in():
    package = types.ModuleType("spack.package")
    for name in ("license", "version", "variant", "conflicts", "generator"):
        setattr(package, name, lambda *a, **k: None)
    package.depends_on = lambda spec, **k: dependencies.__setitem__(re.match(r"[a-z0-9-]+", spec)[0], spec)
    package.EnvironmentModifications = object
    package.Package = Package
    sys.modules["spack"] = types.ModuleType("spack")
    sys.modules["spack.package"] = package
    for system, kinds in {"cmake": ["CMakePackage"], "cuda": ["CudaPackage"], "autotools": ["AutotoolsPackage"]}.items():
        module = types.ModuleType(f"spack_repo.builtin.build_systems.{system}")
        for kind in kinds:
            setattr(module, kind, type(kind, (Package,), {}))
        sys.modules[module.__name__] = module
    for parent in ("spack_repo", "spack_repo.builtin", "spack_repo.builtin.build_systems"):
        sys.modules[parent] = types.ModuleType(parent)


def load(path):
    dependencies.clear()
    names = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    name = path.parent.name
    kind = names.get("".join(word.capitalize() for word in name.split("_")))
    expect(f"{path} has the class of its name", kind is not None)
    return kind


def git(repository, *arguments):
    return subprocess.run(["git", "-C", repository, *arguments], capture_output=True, text=True).stdout


def check_cmake(source, kind):
    cmake = (source / "cmake/dependencies.cmake").read_text()
    wanted = re.findall(r"^find_package\((\w+)", cmake, re.M)
    wanted += re.findall(r"^pkg_\w+\(\w+ REQUIRED IMPORTED_TARGET (\S+?)[ )]", cmake, re.M)
    wanted += re.findall(r"^hearth_find_plain\((\w+)", cmake, re.M)
    expect("libraries are found in cmake/dependencies.cmake", len(wanted) > 10)
    for name in wanted:
        expect(f"{name} of cmake/dependencies.cmake is known here", name in LIBRARIES)
        expect(f"the recipe depends on {LIBRARIES.get(name)}", LIBRARIES.get(name) in (None, *dependencies))
    options = (source / "CMakeLists.txt").read_text()
    for variants in ("+mpi", "~mpi +cuda"):
        for argument in kind(variants).cmake_args():
            option = re.match(r"-D(\w+)=", argument)[1]
            known = option.startswith("CMAKE_") or re.search(rf"(option|set)\({option} ", options)
            expect(f"cmake knows {option}", known)


def check_names(repository, path, ours):
    builtin = "HEAD:repos/spack_repo/builtin/"
    for name in dependencies:
        there = git(repository, "ls-tree", f"{builtin}packages/{name.replace('-', '_')}/package.py") or git(
            repository, "ls-tree", "HEAD", f"repos/spack_repo/builtin/packages/{name.replace('-', '_')}/package.py")
        provided = there or name in ours or git(repository, "grep", "-lE", rf'provides\(.*"{name}[@"]', "HEAD")
        expect(f"{path}: Spack has {name}", provided)
    for system, kind in re.findall(r"^from spack_repo\.builtin\.build_systems\.(\w+) import (\w+)", path.read_text(), re.M):
        text = git(repository, "show", f"{builtin}build_systems/{system}.py")
        expect(f"{path}: Spack has {system}.{kind}", re.search(rf"^class {kind}\(", text, re.M))


source = pathlib.Path(sys.argv[1])
stand_in()
recipes = sorted(source.glob("packaging/spack/spack_repo/hearth/packages/*/package.py"))
ours = [path.parent.name.replace("_", "-") for path in recipes]
expect("there is a recipe of hearth", "hearth" in ours)
for recipe in recipes:
    loaded = load(recipe)
    if recipe.parent.name == "hearth":
        check_cmake(source, loaded)
    if len(sys.argv) > 2:
        check_names(sys.argv[2], recipe, ours)
sys.exit(failures > 0)
