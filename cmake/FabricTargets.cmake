# Targets with a layer. A target may link only targets of lower layers; the rest is refused here, at configure time.

add_library(fabric_build_flags INTERFACE)
# g++ 12 takes the inactive alternatives of a std::variant for uninitialised members; clang-tidy and the sanitizers look.
target_compile_options(fabric_build_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  $<$<BOOL:${FABRIC_WARNINGS_AS_ERRORS}>:-Werror>
  -ffunction-sections -fdata-sections)
# LibTorch's headers change inline behaviour with NDEBUG, and it is built with it: one setting everywhere.
target_compile_definitions(fabric_build_flags INTERFACE NDEBUG)
if(FABRIC_SANITIZE)
  string(REPLACE ";" "," fabric_sanitizers "${FABRIC_SANITIZE}")
  target_compile_options(fabric_build_flags INTERFACE -fsanitize=${fabric_sanitizers} -fno-omit-frame-pointer -g1)
  target_link_options(fabric_build_flags INTERFACE -fsanitize=${fabric_sanitizers})
  if("undefined" IN_LIST FABRIC_SANITIZE)
    target_compile_options(fabric_build_flags INTERFACE -fno-sanitize-recover=undefined)
  endif()
endif()

function(fabric_check_layers target layer)
  foreach(dependency IN LISTS ARGN)
    if(NOT dependency MATCHES "^fabric::")
      continue()
    endif()
    get_target_property(actual ${dependency} ALIASED_TARGET)
    get_target_property(lower ${actual} FABRIC_LAYER)
    if(NOT lower LESS layer)
      message(FATAL_ERROR "${target} is of layer ${layer} and must link lower layers only, but ${dependency} is of layer ${lower}")
    endif()
  endforeach()
endfunction()

# fabric_add_library(name LAYER n SOURCES ... [DEPS ...] [PRIVATE_DEPS ...]): a static library, known as fabric::<name
# without fabric_>. Headers are included as "folder/file.h" from lib/.
function(fabric_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LAYER" "SOURCES;DEPS;PRIVATE_DEPS")
  fabric_check_layers(${name} ${arg_LAYER} ${arg_DEPS} ${arg_PRIVATE_DEPS})
  add_library(${name} STATIC ${arg_SOURCES})
  string(REGEX REPLACE "^fabric_" "" short ${name})
  add_library(fabric::${short} ALIAS ${name})
  set_target_properties(${name} PROPERTIES FABRIC_LAYER ${arg_LAYER})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/lib)
  target_link_libraries(${name} PUBLIC ${arg_DEPS} PRIVATE ${arg_PRIVATE_DEPS} fabric_build_flags)
endfunction()

# fabric_add_app(name SOURCES ... DEPS ...): a program in build/bin, fully static where FABRIC_STATIC_APPS says so.
function(fabric_add_app name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  fabric_check_layers(${name} 3 ${arg_DEPS})
  add_executable(${name} ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES FABRIC_LAYER 3)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/lib ${PROJECT_SOURCE_DIR}/apps/${name})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} fabric_build_flags)
  target_link_options(${name} PRIVATE -Wl,--gc-sections)
  if(FABRIC_STATIC_APPS)
    target_link_options(${name} PRIVATE -static)
  endif()
endfunction()

# fabric_build_in_batches(<target> <size>): with FABRIC_UNITY_BUILD, compiles so many files as one. What LibTorch's headers cost
# is then paid once for all of them.
function(fabric_build_in_batches target size)
  if(FABRIC_UNITY_BUILD)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${size})
  endif()
endfunction()

# fabric_add_tests(name LABELS ... SOURCES ... DEPS ... [TIMEOUT s] [ENVIRONMENT ...] [SERIAL]): one test program for a folder,
# each TEST a CTest case. SERIAL: nothing runs beside it, as what it judges is how soon, or in which order, things happen.
function(fabric_add_tests name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT" "SOURCES;DEPS;LABELS;ENVIRONMENT")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/lib ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock GTest::gtest_main fabric_build_flags)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 NO_PRETTY_VALUES
    PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} RUN_SERIAL ${arg_SERIAL} ENVIRONMENT "${arg_ENVIRONMENT}")
endfunction()
