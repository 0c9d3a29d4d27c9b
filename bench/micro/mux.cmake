adit_bench(mux_bench SOURCES micro/mux_bench.cc DEPS engine_mux)
