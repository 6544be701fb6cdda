# SPDX-License-Identifier: Apache-2.0
from spack.package import *


class Cld2(Package):
    """Identifies the language of a text, of about eighty. It has no build system, and includes itself as cld2/..."""

    homepage = "https://github.com/CLD2Owners/cld2"
    git = "https://github.com/CLD2Owners/cld2.git"

    license("Apache-2.0")

    version("2015-08-20", commit="b56fa78a2fe44ac2851bae5bf4f4693a0644da7b")

    depends_on("cxx", type="build")

    # Of internal/: the code, and the tables for Chrome's set of languages.
    sources = (
        "cldutil cldutil_shared compact_lang_det compact_lang_det_hint_code compact_lang_det_impl debug "
        "fixunicodevalue generated_entities generated_language generated_ulscript getonescriptspan lang_script "
        "offsetmap scoreonescriptspan tote utf8statetable cld_generated_cjk_uni_prop_80 "
        "cld2_generated_cjk_compatible cld_generated_cjk_delta_bi_4 generated_distinct_bi_0 "
        "cld2_generated_quadchrome_2 cld2_generated_deltaoctachrome cld2_generated_distinctoctachrome "
        "cld_generated_score_quad_octa_2"
    ).split()

    def install(self, spec, prefix):
        mkdirp(prefix.lib)
        with working_dir("internal"):
            # C++98: the tables narrow their numbers.
            Executable(spack_cxx)(
                *["-std=c++98", "-O2", "-fPIC", "-shared", "-Wl,-soname,libcld2.so"],
                *[f"{name}.cc" for name in self.sources],
                *["-o", join_path(prefix.lib, "libcld2.so")],
            )
        for folder in ("public", "internal"):
            headers = join_path(prefix.include, "cld2", folder)
            mkdirp(headers)
            for header in find(folder, "*.h", recursive=False):
                install(header, headers)
