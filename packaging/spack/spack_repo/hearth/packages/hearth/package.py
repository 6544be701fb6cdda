# SPDX-License-Identifier: Apache-2.0
# A Spack (1.0 or later) recipe, in a repository with what Spack has no recipe of. From the source tree:
#   spack repo add packaging/spack/spack_repo/hearth
#   spack spec hearth && spack dev-build hearth@main
from spack_repo.builtin.build_systems.cmake import CMakePackage
from spack_repo.builtin.build_systems.cuda import CudaPackage

from spack.package import *


class Hearth(CMakePackage, CudaPackage):
    """Turns an organisation's own documents and code into its own language model."""

    license("Apache-2.0")
    version("main", branch="main")

    variant("mpi", default=True, description="Train as many ranks (libhearth_mpi.so)")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("pkgconfig", type=("build", "run"))  # run: for those who find_package(hearth)
    depends_on("boost@1.74: +program_options")
    depends_on("nlohmann-json@3.11:")
    depends_on("hdf5@1.10: ~mpi")
    depends_on("highway")
    depends_on("libarchive")
    depends_on("gumbo-parser")
    depends_on("pugixml")
    depends_on("uchardet")
    depends_on("utf8proc")
    depends_on("xxhash")
    depends_on("cld2")
    depends_on("openssl")
    depends_on("zstd")
    depends_on("zlib-api")
    depends_on("xz")
    depends_on("bzip2")
    depends_on("poppler", type="run")  # pdftotext
    depends_on("mpi", when="+mpi")
    depends_on("cuda@13:", when="+cuda")

    conflicts("%gcc@:11", msg="C++20: hearth needs GCC 12 or later")
    conflicts("cuda_arch=none", when="+cuda", msg="name the GPU: cuda_arch=80 or cuda_arch=90a")

    generator("ninja")

    def cmake_args(self):
        args = [
            self.define("HEARTH_TESTS", False),
            self.define("CMAKE_DISABLE_FIND_PACKAGE_MPI", self.spec.satisfies("~mpi")),
        ]
        if self.spec.satisfies("+cuda"):
            args.append(self.define("HEARTH_CUDA", "ON"))
            args.append(self.define("CMAKE_CUDA_ARCHITECTURES", self.spec.variants["cuda_arch"].value))
        return args

    def setup_run_environment(self, env: EnvironmentModifications) -> None:
        env.set("HEARTH_BIN", self.prefix.bin)
        env.set("HEARTH_SLURM", join_path(self.prefix.share, "hearth", "slurm"))

    def test_doctor(self):
        """this machine runs hearth"""
        hearth = which(self.prefix.bin.hearth)
        hearth("doctor")
