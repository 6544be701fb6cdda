# SPDX-License-Identifier: Apache-2.0
from spack_repo.builtin.build_systems.autotools import AutotoolsPackage

from spack.package import *


class GumboParser(AutotoolsPackage):
    """HTML5 parsing in C, by the algorithm of the standard."""

    homepage = "https://github.com/google/gumbo-parser"
    git = "https://github.com/google/gumbo-parser.git"

    license("Apache-2.0")

    version("0.10.1", commit="3973c58d759574f2899528d2b3379e17d66dbcad")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("autoconf", type="build")
    depends_on("automake", type="build")
    depends_on("libtool", type="build")
