adit_bench(policy_bench SOURCES micro/policy_bench.cc micro/bench_main.cc DEPS relay_policy)
