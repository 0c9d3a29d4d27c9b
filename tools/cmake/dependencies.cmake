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
