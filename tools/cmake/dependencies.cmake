# Debian's packages that need no more than to be found.

find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)

function(adit_archive target name)
  find_library(ADIT_ARCHIVE_${name} NAMES "lib${name}.a" REQUIRED)
  add_library(${target} INTERFACE)
  target_link_libraries(${target} INTERFACE "${ADIT_ARCHIVE_${name}}")
endfunction()

adit_archive(adit_liburing uring)
adit_archive(adit_http_parser http_parser)
adit_archive(adit_sqlite sqlite3)
adit_archive(adit_yaml yaml-cpp)
adit_archive(adit_re2 re2)

# Debian has wslay as a shared library alone. It is linked where it is needed, so that a program that
# speaks no WebSocket can still be copied to a machine that has none.
find_library(ADIT_WSLAY NAMES wslay REQUIRED)
add_library(adit_wslay INTERFACE)
target_link_libraries(adit_wslay INTERFACE
  -Wl,--push-state,--as-needed "${ADIT_WSLAY}" -Wl,--pop-state)
