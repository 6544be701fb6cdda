# SPDX-License-Identifier: Apache-2.0
# The CUDA backend: lib/device/cuda and kernels/cuda. With HEARTH_CUDA=ON nvcc compiles it into the libraries; with SIMT
# the same files are compiled as C++ against tests/simt. With OFF the libraries are without it, and the tests of it get
# it from objects of their own, with the address sanitizer: objects named by a program come before its libraries, so
# their cuda_api and cuda_backend are found before those of without_cuda.cpp.
if(HEARTH_CUDA STREQUAL ON)
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    find_program(CMAKE_CUDA_COMPILER nvcc PATHS /usr/local/cuda/bin)  # where it is installed, in PATH or not
  endif()
  enable_language(CUDA)
  find_package(CUDAToolkit 13 REQUIRED)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")  # CMake 3.25 knows nvcc only up to 12
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
  # What is built also runs where `make device-bundle` puts it, with the libraries it needs in lib/ beside bin/. The old
  # kind of run path counts for what those libraries need, too.
  set(CMAKE_BUILD_RPATH "$ORIGIN/../lib")
  add_link_options(-Wl,--as-needed -Wl,--disable-new-dtags)
else()
  set(hearth_cuda_headers ${CMAKE_SOURCE_DIR}/tests/simt/standin)
endif()
set(HEARTH_SIMT_SANITIZER address CACHE STRING "what watches the kernels in tests: address, or thread (slow: tests/long)")
if(HEARTH_SIMT_SANITIZER STREQUAL thread)
  set(hearth_simt_sanitizers -g -fsanitize=thread)
else()
  set(hearth_simt_sanitizers -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-sanitize=vptr)
endif()

# Objects hearth_cuda_device and hearth_cuda_kernels, and without a GPU hearth_simt, the machine and the stand-ins.
function(hearth_cuda_objects)
  file(GLOB device CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/lib/device/cuda/*.cpp ${CMAKE_SOURCE_DIR}/lib/device/cuda/*.cu)
  file(GLOB_RECURSE kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/cuda/*.cpp ${CMAKE_SOURCE_DIR}/kernels/cuda/*.cu)
  set(architectures 90)  # as the SIMT machine says of itself
  if(HEARTH_CUDA STREQUAL ON)
    string(REPLACE ";" "," architectures "${CMAKE_CUDA_ARCHITECTURES}")
  endif()
  set_source_files_properties(${CMAKE_SOURCE_DIR}/lib/device/cuda/gpus.cpp PROPERTIES
    COMPILE_DEFINITIONS "HEARTH_CUDA_ARCHITECTURES=\"${architectures}\"")
  if(NOT HEARTH_CUDA STREQUAL ON OR architectures MATCHES "90a")
    set_property(SOURCE ${CMAKE_SOURCE_DIR}/kernels/cuda/sm90/tensor_map.cpp APPEND PROPERTY COMPILE_DEFINITIONS HEARTH_SM90)
  endif()
  if(HEARTH_CUDA STREQUAL ON)
    add_library(hearth_cuda_device OBJECT ${device})
    add_library(hearth_cuda_kernels OBJECT ${kernels})
    # The runtime is linked statically, all else is found when it is needed. nvcc tells every kernel's registers and
    # spills while it compiles; cmake/resources.sh makes a table of that.
    foreach(target hearth_cuda_device hearth_cuda_kernels)
      set_target_properties(${target} PROPERTIES CUDA_STANDARD 20)
      target_compile_options(${target} PRIVATE
        "$<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr;-Xptxas=-v,-warn-spills>")
      target_include_directories(${target} PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
    endforeach()
    return()
  endif()
  list(FILTER kernels EXCLUDE REGEX "_library\\.cpp$")  # tests/simt has stand-ins
  file(GLOB machine CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/simt/*.cpp)
  list(FILTER machine EXCLUDE REGEX "/(test_|wrong_)[^/]*$")
  set_source_files_properties(${kernels} ${device} PROPERTIES LANGUAGE CXX)
  add_library(hearth_cuda_device OBJECT EXCLUDE_FROM_ALL ${device})
  add_library(hearth_cuda_kernels OBJECT EXCLUDE_FROM_ALL ${kernels})
  add_library(hearth_simt OBJECT EXCLUDE_FROM_ALL ${machine})
  foreach(target hearth_cuda_device hearth_cuda_kernels hearth_simt)
    target_include_directories(${target} BEFORE PRIVATE ${hearth_cuda_headers})
    target_compile_options(${target} PRIVATE -Wno-unknown-pragmas -O2)
  endforeach()
  target_compile_options(hearth_cuda_kernels PRIVATE -x c++)
  target_compile_options(hearth_cuda_device PRIVATE -x c++)
endfunction()

# To be called when hearth_device and hearth_kernels are there.
function(hearth_cuda)
  if(HEARTH_CUDA STREQUAL OFF AND NOT HEARTH_TESTS)
    return()
  endif()
  hearth_cuda_objects()
  if(HEARTH_CUDA STREQUAL OFF)
    # The machine itself is not instrumented, as it moves between stacks; it only tells the sanitizer so.
    string(TOUPPER SIMT_${HEARTH_SIMT_SANITIZER}_SANITIZER definition)
    target_compile_definitions(hearth_simt PRIVATE ${definition})
    foreach(target hearth_cuda_device hearth_cuda_kernels)
      target_compile_options(${target} PRIVATE ${hearth_simt_sanitizers})
    endforeach()
    return()
  endif()
  target_sources(hearth_device PRIVATE $<TARGET_OBJECTS:hearth_cuda_device>)
  target_sources(hearth_kernels PRIVATE $<TARGET_OBJECTS:hearth_cuda_kernels>)
  if(HEARTH_CUDA STREQUAL ON)
    # For the linker alone: no other layer sees CUDA's headers.
    target_link_libraries(hearth_device PRIVATE $<LINK_ONLY:CUDA::cudart_static>)
  else()
    target_sources(hearth_device PRIVATE $<TARGET_OBJECTS:hearth_simt>)
  endif()
endfunction()

# A program of tests that has the CUDA backend, whatever the libraries have.
function(hearth_cuda_program name)
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE ${hearth_cuda_headers})
  target_compile_options(${name} PRIVATE -Wno-unknown-pragmas)
  if(HEARTH_CUDA STREQUAL OFF)
    foreach(objects hearth_cuda_device hearth_cuda_kernels hearth_simt)
      target_sources(${name} PRIVATE $<TARGET_OBJECTS:${objects}>)
    endforeach()
    target_compile_options(${name} PRIVATE ${hearth_simt_sanitizers})
    target_link_options(${name} PRIVATE ${hearth_simt_sanitizers})
  endif()
endfunction()
