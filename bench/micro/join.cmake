# What a join of two connections costs, by how the kernel is asked.

adit_bench(join_bench
  SOURCES "${CMAKE_CURRENT_LIST_DIR}/join_bench.cc" "${CMAKE_CURRENT_LIST_DIR}/join_candidates.cc"
          "${CMAKE_CURRENT_LIST_DIR}/join_sockmap.cc" "${CMAKE_CURRENT_LIST_DIR}/bench_main.cc"
  DEPS engine_uring engine_epoll engine_loop)
