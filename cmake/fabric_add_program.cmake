# fabric_add_program(name SOURCES ...)     build/.../name.so, a program for fabric-run
# fabric_add_executable(name SOURCES ...)  the same program as a plain executable of one rank
#
# Both share one precompiled header of <torch/torch.h> and <fabric/fabric.h>, which a build makes once: a file then compiles in
# about half the time. -DFABRIC_PRECOMPILED_HEADER=OFF builds without it. Used here and in the installed package.

option(FABRIC_PRECOMPILED_HEADER "Precompile <torch/torch.h> and <fabric/fabric.h> for Fabric programs" ON)

# A precompiled header serves only those that are compiled with the same options: they all stand here.
function(_fabric_compile_as_program target)
  target_compile_features(${target} PRIVATE cxx_std_20)
  set_target_properties(${target} PROPERTIES
    CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE OFF DEFINE_SYMBOL "")
  # -fPIC by hand: executables would get -fPIE. NDEBUG as LibTorch has it: its inline functions differ with it.
  target_compile_options(${target} PRIVATE -fPIC $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  target_compile_definitions(${target} PRIVATE NDEBUG)
  target_link_libraries(${target} PRIVATE fabric::runtime)
endfunction()

function(_fabric_precompile target)
  if(NOT FABRIC_PRECOMPILED_HEADER)
    return()
  endif()
  if(NOT TARGET fabric_program_header)
    file(WRITE ${CMAKE_BINARY_DIR}/fabric_program_header.cc "// Compiled for the precompiled header of Fabric programs.\n")
    add_library(fabric_program_header OBJECT EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/fabric_program_header.cc)
    _fabric_compile_as_program(fabric_program_header)
    target_precompile_headers(fabric_program_header PRIVATE <torch/torch.h> <fabric/fabric.h>)
  endif()
  target_precompile_headers(${target} REUSE_FROM fabric_program_header)
endfunction()

function(fabric_add_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES")
  add_library(${name} MODULE ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  _fabric_compile_as_program(${name})
  _fabric_precompile(${name})
endfunction()

function(fabric_add_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES")
  add_executable(${name} ${arg_SOURCES})
  _fabric_compile_as_program(${name})
  target_link_libraries(${name} PRIVATE fabric::main)
  _fabric_precompile(${name})
endfunction()
