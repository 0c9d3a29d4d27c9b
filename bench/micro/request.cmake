# What the options of io_uring's requests cost and save.

adit_bench(request_bench
  SOURCES "${CMAKE_CURRENT_LIST_DIR}/request_bench.cc" "${CMAKE_CURRENT_LIST_DIR}/join_candidates.cc"
          "${CMAKE_CURRENT_LIST_DIR}/join_sockmap.cc" "${CMAKE_CURRENT_LIST_DIR}/bench_main.cc"
  DEPS engine_uring engine_epoll engine_loop)
