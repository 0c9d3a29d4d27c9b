# adit_abseil: Debian's abseil, linked statically, so that adit-agent can be copied to a machine
# that has none. Debian's own CMake package names the shared libraries only.

file(GLOB ADIT_ABSL_ARCHIVES "/usr/lib/*/libabsl_*.a" "/usr/lib64/libabsl_*.a")
list(FILTER ADIT_ABSL_ARCHIVES EXCLUDE REGEX "libabsl_(flags|scoped_mock|periodic_sampler|failure)")
if(NOT ADIT_ABSL_ARCHIVES)
  message(FATAL_ERROR "abseil's static libraries were not found: install libabsl-dev (tools/dependencies does)")
endif()
find_package(Threads REQUIRED)
add_library(adit_abseil INTERFACE)
target_link_libraries(adit_abseil INTERFACE
  -Wl,--start-group ${ADIT_ABSL_ARCHIVES} -Wl,--end-group Threads::Threads)
