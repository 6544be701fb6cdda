# SPDX-License-Identifier: Apache-2.0
# The CMake package: find_package(hearth CONFIG REQUIRED) and target_link_libraries(program PRIVATE hearth::hearth) give
# the library behind the tools to programs of others, with the include paths of the sources ("lib/store/load.h").
# hearth::hearth is all layers; hearth::formats and the like are one with those below it.
include(CMakePackageConfigHelpers)
function(hearth_package)
  add_library(hearth INTERFACE)
  target_link_libraries(hearth INTERFACE hearth_tools)
  target_compile_features(hearth INTERFACE cxx_std_20)
  install(TARGETS hearth EXPORT hearth)

  set(folder lib/cmake/hearth)
  set(made ${CMAKE_BINARY_DIR}/generated/cmake)  # not where a build folder's bin in PATH would have it found
  install(EXPORT hearth NAMESPACE hearth:: DESTINATION ${folder} FILE targets.cmake)
  configure_file(cmake/hearth-config.cmake.in ${made}/hearth-config.cmake @ONLY)
  write_basic_package_version_file(${made}/hearth-config-version.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${made}/hearth-config.cmake ${made}/hearth-config-version.cmake
          cmake/dependencies.cmake DESTINATION ${folder})
  install(DIRECTORY lib formats kernels DESTINATION include/hearth FILES_MATCHING PATTERN "*.h"
          PATTERN cuda EXCLUDE PATTERN mpi EXCLUDE PATTERN nccl EXCLUDE)
  install(FILES ${CMAKE_BINARY_DIR}/generated/lib/base/version.h DESTINATION include/hearth/lib/base)

  # The sources of libhearth_mpi.so, for a site with another MPI; in the places where packaging/mpi looks for them.
  foreach(file packaging/mpi/CMakeLists.txt lib/comm/mpi/transport.cpp lib/comm/transport.h lib/base/error.cpp lib/base/error.h)
    get_filename_component(place ${file} DIRECTORY)
    install(FILES ${file} DESTINATION share/hearth/source/${place})
  endforeach()
endfunction()
