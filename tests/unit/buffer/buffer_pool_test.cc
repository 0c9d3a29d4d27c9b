// Goal: a pool that is hardly used costs what is used of it, and bulk finds its blocks on huge
// pages.
// Method: blocks are taken one after another, and the kernel says what lies where
// (proc_pid_smaps(5)).

#include "engine/buffer/buffer_pool.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace engine {
namespace {

constexpr size_t kBlockSize = 16 << 10;
constexpr size_t kNearBlocks = (1 << 20) / kBlockSize;
constexpr uintptr_t kHugePageSize = 2 << 20;

// The flags (VmFlags) of the mapping that this address lies in.
std::string FlagsOf(const std::byte* place) {
  std::ifstream smaps("/proc/self/smaps");
  const auto address = reinterpret_cast<uintptr_t>(place);
  bool is_here = false;
  for (std::string line; std::getline(smaps, line);) {
    uintptr_t first = 0, last = 0;
    char dash = 0;
    std::istringstream range(line);
    if (range >> std::hex >> first >> dash >> last && dash == '-')
      is_here = first <= address && address < last;
    if (is_here && line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

TEST(BufferPoolTest, WhatIsHardlyUsedLiesOnSmallPagesAndBulkOnHugeOnes) {
  BufferPool pool(1024, kBlockSize);
  std::vector<BufferRef> taken;
  for (size_t i = 0; i <= kNearBlocks; ++i) taken.push_back(pool.Take());
  const std::byte* const first = taken.front().bytes().data();
  const std::byte* const beyond = taken.back().bytes().data();
  EXPECT_EQ(beyond, first + kNearBlocks * kBlockSize);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(beyond) % kHugePageSize, 0u);
  ASSERT_NE(FlagsOf(first), "");
  EXPECT_EQ(FlagsOf(first).find(" hg "), std::string::npos);
  const bool kernel_has_some = std::filesystem::exists("/sys/kernel/mm/transparent_hugepage");
  EXPECT_EQ(FlagsOf(beyond).find(" hg ") != std::string::npos, kernel_has_some);
}

TEST(BufferPoolTest, EveryBlockOfAPoolOfAnySizeCanBeWritten) {
  for (const uint16_t count : {uint16_t{1}, uint16_t{3}, uint16_t{65}, uint16_t{200}}) {
    BufferPool pool(count, 16'500);
    std::vector<BufferRef> taken;
    while (pool.free_count() > 0) taken.push_back(pool.Take());
    for (BufferRef& block : taken) {
      block.bytes().front() = std::byte{1};
      block.bytes().back() = std::byte{2};
    }
    EXPECT_TRUE(pool.Take().empty());
  }
}

}  // namespace
}  // namespace engine
