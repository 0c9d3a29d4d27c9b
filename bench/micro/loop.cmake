# What one loop costs on each backend.

adit_bench(loop_bench
  SOURCES "${CMAKE_CURRENT_LIST_DIR}/loop_bench.cc" "${CMAKE_CURRENT_LIST_DIR}/bench_main.cc"
  DEPS engine_uring engine_epoll engine_loop)
