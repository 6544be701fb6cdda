# SPDX-License-Identifier: Apache-2.0
# Every library hearth links, by the name that works on Debian 12. The packages stand in packaging/debian-12.txt.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(ZLIB REQUIRED)
find_package(LibLZMA REQUIRED)
find_package(BZip2 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(zstd CONFIG REQUIRED)
pkg_check_modules(HDF5 REQUIRED IMPORTED_TARGET hdf5-serial)  # never plain hdf5: its alternatives may mean the MPI one
pkg_check_modules(HWY REQUIRED IMPORTED_TARGET libhwy)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(GUMBO REQUIRED IMPORTED_TARGET gumbo)
pkg_check_modules(PUGIXML REQUIRED IMPORTED_TARGET pugixml)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)

# xxhash as the library, not inlined, so that one copy serves all.
find_library(XXHASH_LIBRARY xxhash REQUIRED)
add_library(hearth_xxhash INTERFACE)
target_link_libraries(hearth_xxhash INTERFACE ${XXHASH_LIBRARY})

# CLD2, language identification, has no pkg-config file; Debian's cld2_full exports nothing.
find_library(CLD2_LIBRARY cld2 REQUIRED)
