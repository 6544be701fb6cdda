# SPDX-License-Identifier: Apache-2.0
# libhearth_mpi.so: all that is compiled against MPI, opened by the tools when a launcher started them. A site with another
# MPI builds this one target anew:  cmake -S . -B build/site && cmake --build build/site --target hearth_mpi
function(hearth_mpi)
  find_package(MPI COMPONENTS C)
  if(NOT MPI_C_FOUND)
    message(STATUS "no MPI: the tools will run as one process each")
    return()
  endif()
  add_library(hearth_mpi MODULE lib/comm/mpi/transport.cpp lib/base/error.cpp)
  target_compile_definitions(hearth_mpi PRIVATE OMPI_SKIP_MPICXX)
  target_compile_options(hearth_mpi PRIVATE -fvisibility=hidden)
  target_link_libraries(hearth_mpi PRIVATE MPI::MPI_C)
  set_target_properties(hearth_mpi PROPERTIES POSITION_INDEPENDENT_CODE ON
                        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
  install(TARGETS hearth_mpi LIBRARY DESTINATION lib/hearth)
endfunction()
