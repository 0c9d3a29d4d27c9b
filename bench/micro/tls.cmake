adit_bench(tls_bench SOURCES micro/tls_bench.cc DEPS engine_tls)
