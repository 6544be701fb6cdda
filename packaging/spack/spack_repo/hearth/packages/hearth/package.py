# SPDX-License-Identifier: Apache-2.0
# A Spack recipe. Put this folder into a repository of your own as packages/hearth/ and name the source:
#   spack repo create mine && mkdir -p mine/packages/hearth && cp packaging/spack/package.py mine/packages/hearth/
#   spack repo add mine && spack dev-build --source-path=$PWD hearth@main
from spack.package import *


class Hearth(CMakePackage, CudaPackage):
    """Turns an organisation's own documents and code into its own language model."""

    license("Apache-2.0")
    version("main", branch="main")

    variant("mpi", default=True, description="Train as many ranks (libhearth_mpi.so)")
    variant("cuda", default=False, description="The CUDA backend, for sm_80 and later")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("boost@1.74: +program_options")
    depends_on("nlohmann-json@3.11:")
    depends_on("hdf5@1.10: ~mpi")
    depends_on("highway")
    depends_on("libarchive")
    depends_on("gumbo-parser")
    depends_on("pugixml")
    depends_on("utf8proc")
    depends_on("xxhash")
    depends_on("cld2")
    depends_on("openssl")
    depends_on("zstd")
    depends_on("zlib-api")
    depends_on("xz")
    depends_on("bzip2")
    depends_on("poppler", type="run")
    depends_on("mpi", when="+mpi")
    depends_on("cuda@13:", when="+cuda")

    conflicts("%gcc@:11", msg="C++20: hearth needs GCC 12 or later")
    conflicts("cuda_arch=none", when="+cuda", msg="name the GPU: cuda_arch=80 or cuda_arch=90a")

    generator("ninja")

    def cmake_args(self):
        args = [self.define("HEARTH_TESTS", False)]
        if self.spec.satisfies("+cuda"):
            args.append(self.define("HEARTH_CUDA", "ON"))
            args.append(self.define("CMAKE_CUDA_ARCHITECTURES", self.spec.variants["cuda_arch"].value))
        if self.spec.satisfies("~mpi"):
            args.append(self.define("CMAKE_DISABLE_FIND_PACKAGE_MPI", True))
        return args

    def setup_run_environment(self, env):
        env.set("HEARTH_BIN", self.prefix.bin)

    def test_doctor(self):
        """this machine runs hearth"""
        which(self.prefix.bin.hearth)("doctor")
