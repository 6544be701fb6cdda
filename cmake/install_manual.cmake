# SPDX-License-Identifier: Apache-2.0
# Run by cmake --install: the installed tools write their own man pages and completion; the modulefile is filled in.
# hearth_tool_names, hearth_source and hearth_version are set before it.
set(root "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
set(manual "${root}/share/man/man1")
set(completions "${root}/share/bash-completion/completions")
file(MAKE_DIRECTORY ${manual} ${completions})
foreach(program ${hearth_tool_names})
  string(REGEX REPLACE "^hearth-" "" tool ${program})
  message(STATUS "Installing: ${manual}/hearth-${tool}.1")
  execute_process(COMMAND ${root}/bin/${program} --help=man OUTPUT_FILE ${manual}/hearth-${tool}.1 COMMAND_ERROR_IS_FATAL ANY)
endforeach()
message(STATUS "Installing: ${completions}/hearth")
execute_process(COMMAND ${root}/bin/hearth completion bash OUTPUT_FILE ${completions}/hearth COMMAND_ERROR_IS_FATAL ANY)
message(STATUS "Installing: ${root}/share/hearth/modulefiles/hearth/${hearth_version}.lua")
configure_file(${hearth_source}/packaging/modulefile.lua.in ${root}/share/hearth/modulefiles/hearth/${hearth_version}.lua @ONLY)
