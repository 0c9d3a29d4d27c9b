// CPU seconds and memory of process trees: `loadgen proc [--mem 1] role=pid,pid role=pid ...`. Each
// pid stands for itself and everything below it; ended children are in their parents' figures.

#include <dirent.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "bench/macro/loadgen/loadgen_modes.h"

namespace loadgen {
namespace {

struct ProcessEntry {
  int parent = 0;
  int threads = 0;
  double cpu_seconds = 0;  // Its own and of children that ended.
  long rss_kb = 0;
};
using ProcessTable = std::map<int, ProcessEntry>;

double TicksPerSecond() { return static_cast<double>(sysconf(_SC_CLK_TCK)); }

// ReadEntry returns false when the process is gone.
bool ReadEntry(const std::string& pid, ProcessEntry& out) {
  std::ifstream file("/proc/" + pid + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  // The command's name stands in parentheses and may contain anything.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return false;
  std::istringstream rest(text.substr(name_end + 2));
  const std::vector<std::string> fields((std::istream_iterator<std::string>(rest)), {});
  if (fields.size() < 22) return false;
  out.parent = atoi(fields[1].c_str());
  for (size_t i = 11; i <= 14; ++i) out.cpu_seconds += atof(fields[i].c_str()) / TicksPerSecond();
  out.threads = atoi(fields[17].c_str());
  out.rss_kb = atol(fields[21].c_str()) * (sysconf(_SC_PAGESIZE) / 1024);
  return true;
}

ProcessTable ReadAll() {
  ProcessTable table;
  DIR* const folder = opendir("/proc");
  while (const dirent* entry = readdir(folder)) {
    const int pid = atoi(entry->d_name);
    ProcessEntry process;
    if (pid > 0 && ReadEntry(entry->d_name, process)) table[pid] = process;
  }
  closedir(folder);
  return table;
}

long PssKb(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Pss:")) return atol(line.c_str() + 4);
  }
  return 0;
}

std::set<int> Tree(const ProcessTable& table, std::vector<int> todo) {
  std::multimap<int, int> children;
  for (const auto& [pid, process] : table) children.emplace(process.parent, pid);
  std::set<int> tree;
  while (!todo.empty()) {
    const int pid = todo.back();
    todo.pop_back();
    if (!table.contains(pid) || !tree.insert(pid).second) continue;
    const auto [begin, end] = children.equal_range(pid);
    for (auto child = begin; child != end; ++child) todo.push_back(child->second);
  }
  return tree;
}

std::string RoleJson(const std::string& role, const std::set<int>& tree, const ProcessTable& table,
                     bool with_memory) {
  ProcessEntry sum;
  long pss_kb = 0;
  for (const int pid : tree) {
    const ProcessEntry& process = table.at(pid);
    sum.cpu_seconds += process.cpu_seconds;
    sum.rss_kb += process.rss_kb;
    sum.threads += process.threads;
    if (with_memory) pss_kb += PssKb(pid);
  }
  std::array<char, 256> text;
  std::snprintf(
      text.data(), text.size(),
      "\"%s\":{\"cpu_s\":%.2f,\"rss_kb\":%ld,\"pss_kb\":%ld,\"procs\":%zu,\"threads\":%d},",
      role.c_str(), sum.cpu_seconds, sum.rss_kb, pss_kb, tree.size(), sum.threads);
  return text.data();
}

// How busy the whole machine was: tells how much foreign work ran during a measurement.
std::string MachineJson() {
  std::ifstream file("/proc/stat");
  std::string word;
  std::array<double, 8> ticks{};  // user nice system idle iowait irq softirq steal
  file >> word;
  for (double& value : ticks) file >> value;
  const double busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6];
  std::array<char, 128> text;
  std::snprintf(text.data(), text.size(), "\"machine\":{\"busy_s\":%.2f,\"steal_s\":%.2f}",
                busy / TicksPerSecond(), ticks[7] / TicksPerSecond());
  return text.data();
}

}  // namespace

int ProcessFigures(const Arguments& arguments) {
  const ProcessTable table = ReadAll();
  const bool with_memory = arguments.Number("mem", 0) > 0;
  std::string json = "{";
  for (const std::string& word : arguments.words()) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) Die("role=pid,pid is expected, not " + word);
    std::vector<int> roots;
    std::istringstream list(word.substr(equals + 1));
    for (std::string pid; std::getline(list, pid, ',');) {
      if (!pid.empty()) roots.push_back(atoi(pid.c_str()));
    }
    json += RoleJson(word.substr(0, equals), Tree(table, roots), table, with_memory);
  }
  std::puts((json + MachineJson() + "}").c_str());
  return 0;
}

}  // namespace loadgen
