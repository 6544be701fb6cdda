# SPDX-License-Identifier: Apache-2.0
# The CUDA backend: lib/device/cuda and kernels/cuda. With HEARTH_CUDA=ON nvcc compiles it into the libraries; with SIMT
# the same files are compiled as C++ against tests/simt. With OFF the libraries are without it, and the tests of it get
# it from objects of their own, with the address sanitizer: objects named by a program come before its libraries, so
# their cuda_api and cuda backend are found before those of without_cuda.cpp.
function(hearth_simt_objects name)
  file(GLOB machine CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/simt/*.cpp)
  list(FILTER machine EXCLUDE REGEX "/(test_|wrong_)")
  add_library(${name}_machine OBJECT EXCLUDE_FROM_ALL ${machine})
  file(GLOB_RECURSE backend CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/lib/device/cuda/*.cpp
       ${CMAKE_SOURCE_DIR}/kernels/cuda/*.cpp ${CMAKE_SOURCE_DIR}/kernels/cuda/*.cu)
  list(FILTER backend EXCLUDE REGEX "_library\\.cpp$")  # tests/simt has stand-ins
  set_source_files_properties(${backend} PROPERTIES LANGUAGE CXX)
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${backend})
  foreach(target ${name} ${name}_machine)
    target_include_directories(${target} BEFORE PRIVATE ${hearth_cuda_headers})
    target_compile_options(${target} PRIVATE -Wno-unknown-pragmas -O2 ${ARGN})
  endforeach()
  target_compile_options(${name} PRIVATE -x c++)
endfunction()

function(hearth_cuda)
  set(hearth_cuda_headers ${CMAKE_SOURCE_DIR}/tests/simt/standin)
  if(HEARTH_CUDA STREQUAL ON)
    set(hearth_cuda_headers)
  endif()
  set(hearth_cuda_headers ${hearth_cuda_headers} PARENT_SCOPE)
  if(HEARTH_CUDA STREQUAL SIMT)
    hearth_simt_objects(hearth_simt)
    target_link_libraries(hearth_kernels PUBLIC hearth_simt hearth_simt_machine)
  elseif(HEARTH_CUDA STREQUAL OFF AND HEARTH_TESTS)
    hearth_simt_objects(hearth_simt)
    # The machine itself is not instrumented, as it moves between stacks; it only tells the sanitizer so.
    target_compile_definitions(hearth_simt_machine PRIVATE SIMT_ADDRESS_SANITIZER)
    target_compile_options(hearth_simt PRIVATE ${hearth_simt_sanitizers})
  endif()
endfunction()
set(hearth_simt_sanitizers -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-sanitize=vptr)

# A program of tests that has the CUDA backend, whatever the libraries have.
function(hearth_cuda_program name)
  add_executable(${name} ${ARGN})
  target_compile_options(${name} PRIVATE -Wno-unknown-pragmas)
  if(HEARTH_CUDA STREQUAL OFF)
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:hearth_simt> $<TARGET_OBJECTS:hearth_simt_machine>)
    target_compile_options(${name} PRIVATE ${hearth_simt_sanitizers})
    target_link_options(${name} PRIVATE -fsanitize=address,undefined)
  endif()
endfunction()
