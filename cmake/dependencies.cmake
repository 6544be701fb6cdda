# SPDX-License-Identifier: Apache-2.0
# Every library hearth links, by the name that works on Debian 12. The packages stand in packaging/debian-12.txt.
# Installed too: whoever links hearth's static libraries needs these.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(ZLIB REQUIRED)
find_package(LibLZMA REQUIRED)
find_package(BZip2 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
find_package(nlohmann_json 3.11 REQUIRED)
# Under names of our own: a project that uses hearth may look for HDF5 or the others by itself.
pkg_search_module(HEARTH_HDF5 REQUIRED IMPORTED_TARGET hdf5-serial hdf5)  # on Debian plain hdf5 may mean the MPI one
pkg_check_modules(HEARTH_HWY REQUIRED IMPORTED_TARGET libhwy)
pkg_check_modules(HEARTH_ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(HEARTH_GUMBO REQUIRED IMPORTED_TARGET gumbo)
pkg_check_modules(HEARTH_PUGIXML REQUIRED IMPORTED_TARGET pugixml)
pkg_check_modules(HEARTH_UCHARDET REQUIRED IMPORTED_TARGET uchardet)
pkg_check_modules(HEARTH_UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(HEARTH_ZSTD REQUIRED IMPORTED_TARGET libzstd)

# What has no package file. xxhash as the library, not inlined, so that one copy serves all; CLD2, which identifies
# languages, as cld2: Debian's cld2_full exports nothing.
function(hearth_find_plain name header)
  find_library(HEARTH_${name}_LIBRARY ${name} REQUIRED)
  find_path(HEARTH_${name}_INCLUDE ${header} REQUIRED)
  mark_as_advanced(HEARTH_${name}_LIBRARY HEARTH_${name}_INCLUDE)
  if(NOT TARGET hearth::${name}_library)
    add_library(hearth::${name}_library UNKNOWN IMPORTED)
    set_target_properties(hearth::${name}_library PROPERTIES IMPORTED_LOCATION ${HEARTH_${name}_LIBRARY}
                          INTERFACE_INCLUDE_DIRECTORIES ${HEARTH_${name}_INCLUDE})
  endif()
endfunction()
hearth_find_plain(xxhash xxhash.h)
hearth_find_plain(cld2 cld2/public/compact_lang_det.h)
