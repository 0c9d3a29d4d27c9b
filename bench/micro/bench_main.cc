// The main function of a micro benchmark: says what it ran on, and reports no figure from a build
// that was not made for speed.

#include <benchmark/benchmark.h>
#include <sys/utsname.h>

#include <cstdio>
#include <string>
#include <vector>

namespace {

#ifdef NDEBUG
constexpr bool kIsOptimized = true;
#else
constexpr bool kIsOptimized = false;
#endif

// Silent is what a development build reports: that it ran.
class Silent : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      std::printf("ran %s%s\n", run.benchmark_name().c_str(), run.error_occurred ? ": FAILED" : "");
      failed_ = failed_ || run.error_occurred;
    }
  }
  bool failed() const { return failed_; }

 private:
  bool failed_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  utsname names{};
  ::uname(&names);
  benchmark::AddCustomContext("kernel", names.release);
  benchmark::AddCustomContext("compiler", __VERSION__);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  if (kIsOptimized) {
    benchmark::RunSpecifiedBenchmarks();
    return 0;
  }
  std::printf("Not a release build: no figures. For figures: cmake --preset release.\n");
  Silent silent;
  benchmark::RunSpecifiedBenchmarks(&silent);
  return silent.failed() ? 1 : 0;
}
