# adit_ssl and adit_crypto: BoringSSL, always static and hidden. A process that also loads OpenSSL
# (libpq does) would otherwise mix the two up.
#
# The sources are, in this order:
#   1. the tree given by -DADIT_BORINGSSL_SOURCE=,
#   2. the tree that tools/dependencies prepared from Debian's source package,
#   3. upstream at a dated tag, by FetchContent.
# They are built once, at configure time, into a cache outside the build tree, optimised whatever our
# own build type is; every preset and every clone with the same compiler takes them from there.

include_guard()

set(ADIT_BORINGSSL_SOURCE "" CACHE PATH "A BoringSSL source tree to build instead of the prepared one")
set(ADIT_BORINGSSL_DEBIAN_VERSION "13.0.0+r24-2")  # As in tools/dependencies.
set(ADIT_BORINGSSL_UPSTREAM_TAG "0.20251110.0")

function(adit_cache_directory out)
  if(DEFINED ENV{ADIT_CACHE})
    set(${out} "$ENV{ADIT_CACHE}" PARENT_SCOPE)
  elseif(DEFINED ENV{XDG_CACHE_HOME})
    set(${out} "$ENV{XDG_CACHE_HOME}/adit" PARENT_SCOPE)
  elseif(DEFINED ENV{HOME})
    set(${out} "$ENV{HOME}/.cache/adit" PARENT_SCOPE)
  else()
    set(${out} "${CMAKE_BINARY_DIR}/cache" PARENT_SCOPE)
  endif()
endfunction()

# Sets `source`, a tree, and `version`, the name under which its build is kept.
function(adit_boringssl_source cache)
  if(ADIT_BORINGSSL_SOURCE)
    file(REAL_PATH "${ADIT_BORINGSSL_SOURCE}" source)
    string(SHA256 path_hash "${source}")
    string(SUBSTRING "${path_hash}" 0 12 path_hash)
    set(version "given-${path_hash}")
  elseif(EXISTS "${cache}/boringssl-${ADIT_BORINGSSL_DEBIAN_VERSION}/source/.complete")
    set(source "${cache}/boringssl-${ADIT_BORINGSSL_DEBIAN_VERSION}/source")
    set(version "${ADIT_BORINGSSL_DEBIAN_VERSION}")
  else()
    set(version "${ADIT_BORINGSSL_UPSTREAM_TAG}")
    set(source "${cache}/boringssl-${version}/source")
    if(NOT EXISTS "${source}/CMakeLists.txt")
      message(STATUS "BoringSSL: no prepared sources (tools/dependencies build makes them); "
                     "fetching upstream ${version}")
      include(FetchContent)
      FetchContent_Populate(boringssl QUIET
        GIT_REPOSITORY https://github.com/google/boringssl.git
        GIT_TAG ${version}
        GIT_SHALLOW TRUE
        SOURCE_DIR "${source}"
        BINARY_DIR "${cache}/boringssl-${version}/fetch-build"
        SUBBUILD_DIR "${cache}/boringssl-${version}/fetch")
    endif()
  endif()
  set(source "${source}" PARENT_SCOPE)
  set(version "${version}" PARENT_SCOPE)
endfunction()

function(adit_boringssl_step what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "BoringSSL could not be ${what}:\n${output}")
  endif()
endfunction()

function(adit_boringssl)
  adit_cache_directory(cache)
  file(MAKE_DIRECTORY "${cache}")
  # One at a time: several clones may be configured at once.
  file(LOCK "${cache}/boringssl.lock" GUARD FUNCTION TIMEOUT 600)
  adit_boringssl_source("${cache}")

  # ThreadSanitizer watches BoringSSL as well: what it does with memory that threads share is ours to
  # know. The other sanitizers take the plain archives.
  set(flags "-O2 -fPIC -fvisibility=hidden -w")
  set(kind "plain")
  if(ADIT_SANITIZE MATCHES "thread")
    string(APPEND flags " -fsanitize=thread -g1")
    set(kind "thread")
  endif()

  if(EXISTS "${source}/android-sources.cmake")
    set(project "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/boringssl")
    set(include "${source}/src/include")
    file(SHA256 "${project}/CMakeLists.txt" recipe)
    file(SHA256 "${project}/record_memory.inc" header)
    string(APPEND recipe " ${header}")
    set(record_memory 1)
  elseif(EXISTS "${source}/CMakeLists.txt")
    set(project "${source}")
    set(include "${source}/include")
    set(recipe "upstream")
    set(record_memory 0)  # Its record buffers come from malloc.
  else()
    message(FATAL_ERROR "BoringSSL: ${source} is not a BoringSSL source tree")
  endif()

  # What makes one build differ from another is in its name, so that no clone takes away another's.
  string(SHA256 recipe "${recipe} ${flags} ${CMAKE_C_COMPILER} ${CMAKE_CXX_COMPILER}")
  string(SUBSTRING "${recipe}" 0 8 recipe)
  set(key "${CMAKE_C_COMPILER_ID}-${CMAKE_C_COMPILER_VERSION}-${CMAKE_SYSTEM_PROCESSOR}-${kind}-${recipe}")
  set(build "${cache}/boringssl-${version}/${key}")
  if(NOT EXISTS "${build}/.complete")
    message(STATUS "BoringSSL: building ${version} (${key}); once, less than a minute on two cores")
    file(REMOVE_RECURSE "${build}")
    adit_boringssl_step(configured
      "${CMAKE_COMMAND}" -G Ninja -S "${project}" -B "${build}"
      "-DBORINGSSL_SOURCE=${source}" -DBUILD_TESTING=OFF -DBUILD_SHARED_LIBS=OFF
      -DCMAKE_BUILD_TYPE=None -DCMAKE_POSITION_INDEPENDENT_CODE=ON
      "-DCMAKE_C_COMPILER=${CMAKE_C_COMPILER}" "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}"
      "-DCMAKE_ASM_COMPILER=${CMAKE_C_COMPILER}"
      "-DCMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER}"
      "-DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}"
      "-DCMAKE_C_FLAGS=${flags}" "-DCMAKE_CXX_FLAGS=${flags}")
    adit_boringssl_step(built "${CMAKE_COMMAND}" --build "${build}" --target crypto ssl)
    file(TOUCH "${build}/.complete")
  endif()

  find_library(crypto_archive NAMES libcrypto.a PATHS "${build}" PATH_SUFFIXES crypto NO_DEFAULT_PATH
               NO_CACHE REQUIRED)
  find_library(ssl_archive NAMES libssl.a PATHS "${build}" PATH_SUFFIXES ssl NO_DEFAULT_PATH NO_CACHE
               REQUIRED)
  message(STATUS "BoringSSL: ${version} (${key}), static")

  # Imported, so that CMake orders the archives on the link line.
  find_package(Threads REQUIRED)
  add_library(adit_crypto STATIC IMPORTED GLOBAL)
  set_target_properties(adit_crypto PROPERTIES IMPORTED_LOCATION "${crypto_archive}")
  target_include_directories(adit_crypto SYSTEM INTERFACE "${include}")
  target_link_libraries(adit_crypto INTERFACE Threads::Threads)
  add_library(adit_ssl STATIC IMPORTED GLOBAL)
  set_target_properties(adit_ssl PROPERTIES IMPORTED_LOCATION "${ssl_archive}")
  target_link_libraries(adit_ssl INTERFACE adit_crypto)
  target_compile_definitions(adit_ssl INTERFACE ADIT_RECORD_MEMORY=${record_memory})
endfunction()

adit_boringssl()
