# Flags of our own code. Third-party targets are included as SYSTEM and do not get them.
#
# Dev is optimised enough to run the tests in reasonable time and keeps assertions of the library.

set(CMAKE_CXX_FLAGS_DEV "-O1 -g1")
set(CMAKE_C_FLAGS_DEV "-O1 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")

find_program(ADIT_CCACHE ccache)
if(ADIT_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER "${ADIT_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${ADIT_CCACHE}")
endif()

if(ADIT_SANITIZE)
  add_compile_options("-fsanitize=${ADIT_SANITIZE}" -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options("-fsanitize=${ADIT_SANITIZE}")
endif()
if(ADIT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
  # Lines that run are counted, too; files by names that do not depend on where the tree is.
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping -fcoverage-compilation-dir=.)
  add_link_options(-fprofile-instr-generate)
endif()

add_library(adit_options INTERFACE)
target_compile_options(adit_options INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Werror)
# Designated initializers name what differs from the defaults; g++ 12 would have all of them named.
target_compile_options(adit_options INTERFACE -Wno-missing-field-initializers)
target_include_directories(adit_options INTERFACE "${CMAKE_SOURCE_DIR}")
if(CMAKE_BUILD_TYPE STREQUAL "Dev")
  # Objects check their own invariants after every public call.
  target_compile_definitions(adit_options INTERFACE ENGINE_VERIFY=1)
endif()

# adit_library(NAME SOURCES... DEPS targets...): one static library of ours, one per folder, so that
# the link line repeats the layer rule of ARCHITECTURE.md.
function(adit_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC adit_options ${ARG_DEPS})
endfunction()

# adit_program(NAME SOURCES... DEPS targets...): libgcc and libstdc++ stay shared, the rest is static.
function(adit_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE adit_options ${ARG_DEPS})
  target_link_options(${name} PRIVATE -Wl,--exclude-libs,ALL)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
endfunction()

# adit_test(NAME LABEL label SOURCES... DEPS targets...): one GoogleTest program, one CTest entry.
function(adit_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE adit_options ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
