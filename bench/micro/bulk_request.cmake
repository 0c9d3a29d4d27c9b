# What io_uring's requests for many bytes at once cost and save.

adit_bench(bulk_request_bench
  SOURCES "${CMAKE_CURRENT_LIST_DIR}/bulk_request_bench.cc" "${CMAKE_CURRENT_LIST_DIR}/join_candidates.cc"
          "${CMAKE_CURRENT_LIST_DIR}/join_sockmap.cc" "${CMAKE_CURRENT_LIST_DIR}/bench_main.cc"
  DEPS engine_uring engine_epoll engine_loop)
