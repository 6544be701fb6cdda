# SPDX-License-Identifier: Apache-2.0

# A static library hearth_NAME of all .cpp files below FOLDER, linking the rest. A folder still empty is an interface.
# Installed for programs of others (cmake/package.cmake) as hearth::NAME.
# What lies in a folder cuda/ is left to cmake/cuda.cmake, in mpi/ to cmake/mpi.cmake.
function(hearth_layer name folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "^${CMAKE_SOURCE_DIR}/${folder}/(cuda|mpi)/")
  if(NOT HEARTH_CUDA STREQUAL OFF)
    list(FILTER sources EXCLUDE REGEX "/without_cuda\\.cpp$")
  endif()
  if(HEARTH_CUDA STREQUAL SIMT)
    list(FILTER sources EXCLUDE REGEX "/nccl/library\\.cpp$")  # tests/simt has a stand-in
  endif()
  if(sources)
    add_library(hearth_${name} STATIC ${sources})
    target_link_libraries(hearth_${name} PUBLIC ${ARGN})
  else()
    add_library(hearth_${name} INTERFACE)
    target_link_libraries(hearth_${name} INTERFACE ${ARGN})
  endif()
  target_include_directories(hearth_${name} INTERFACE $<INSTALL_INTERFACE:include/hearth>)
  set_target_properties(hearth_${name} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS hearth_${name} EXPORT hearth ARCHIVE DESTINATION lib/hearth)
endfunction()

# One executable for each .cpp in FOLDER, and the dispatcher beside them; installed with their man pages and completion.
function(hearth_tools folder)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cpp)
  set(names)
  add_custom_target(tools)  # all of them, without the tests
  foreach(source ${sources})
    get_filename_component(tool ${source} NAME_WE)
    add_executable(${tool} ${source})
    target_link_libraries(${tool} PRIVATE hearth_tools)
    install(TARGETS ${tool} DESTINATION bin)
    list(APPEND names ${tool})
    add_dependencies(tools ${tool})
  endforeach()
  configure_file(${folder}/hearth ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/hearth COPYONLY)
  install(PROGRAMS ${folder}/hearth DESTINATION bin)
  install(CODE "set(hearth_tool_names ${names})\nset(hearth_source ${CMAKE_SOURCE_DIR})\nset(hearth_version ${hearth_version})")
  install(SCRIPT cmake/install_manual.cmake)
endfunction()
