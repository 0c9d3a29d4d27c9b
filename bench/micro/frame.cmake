adit_bench(frame_bench SOURCES micro/frame_bench.cc DEPS engine_mux)
