// The join as a BPF program: a stream verdict on the one socket redirects everything to the other.

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "bench/micro/join_candidates.h"

namespace bench {
namespace {

int Bpf(int command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

class Sockmap final : public JoinCandidate {
 public:
  ~Sockmap() override {
    if (program_ >= 0) ::close(program_);
    if (map_ >= 0) ::close(map_);
  }

  bool Prepare(std::string& why) {
    bpf_attr map{};
    map.map_type = BPF_MAP_TYPE_SOCKMAP;
    map.key_size = sizeof(uint32_t);
    map.value_size = sizeof(uint32_t);
    map.max_entries = 2;
    map_ = Bpf(BPF_MAP_CREATE, map);
    if (map_ < 0) return Failed(why, "bpf(BPF_MAP_CREATE)");
    // return bpf_sk_redirect_map(skb, map, 0, 0);
    const std::array<bpf_insn, 6> code = {{
        {.code = BPF_LD | BPF_DW | BPF_IMM,
         .dst_reg = BPF_REG_2,
         .src_reg = BPF_PSEUDO_MAP_FD,
         .off = 0,
         .imm = map_},
        {.code = 0, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K,
         .dst_reg = BPF_REG_3,
         .src_reg = 0,
         .off = 0,
         .imm = 0},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K,
         .dst_reg = BPF_REG_4,
         .src_reg = 0,
         .off = 0,
         .imm = 0},
        {.code = BPF_JMP | BPF_CALL,
         .dst_reg = 0,
         .src_reg = 0,
         .off = 0,
         .imm = BPF_FUNC_sk_redirect_map},
        {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
    }};
    static constexpr char kLicence[] = "Dual BSD/GPL";
    bpf_attr program{};
    program.prog_type = BPF_PROG_TYPE_SK_SKB;
    program.expected_attach_type = BPF_SK_SKB_STREAM_VERDICT;
    program.insns = reinterpret_cast<uint64_t>(code.data());
    program.insn_cnt = code.size();
    program.license = reinterpret_cast<uint64_t>(kLicence);
    program_ = Bpf(BPF_PROG_LOAD, program);
    if (program_ < 0) return Failed(why, "bpf(BPF_PROG_LOAD)");
    bpf_attr attach{};
    attach.target_fd = static_cast<uint32_t>(map_);
    attach.attach_bpf_fd = static_cast<uint32_t>(program_);
    attach.attach_type = BPF_SK_SKB_STREAM_VERDICT;
    return Bpf(BPF_PROG_ATTACH, attach) == 0 || Failed(why, "bpf(BPF_PROG_ATTACH)");
  }

  // The program sees no byte and hears no end: the far end's word is awaited.
  bool Run(int from, int to) override {
    if (!Put(0, to) || !Put(1, from)) return false;
    while (!over_.load()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return true;
  }
  void Received(size_t) override { over_.store(true); }

 private:
  bool Put(uint32_t key, int socket) {
    bpf_attr update{};
    update.map_fd = static_cast<uint32_t>(map_);
    update.key = reinterpret_cast<uint64_t>(&key);
    update.value = reinterpret_cast<uint64_t>(&socket);
    update.flags = BPF_ANY;
    return Bpf(BPF_MAP_UPDATE_ELEM, update) == 0;
  }
  static bool Failed(std::string& why, const char* call) {
    why = std::string(call) + ": " + std::strerror(errno);
    return false;
  }

  int map_ = -1;
  int program_ = -1;
  std::atomic<bool> over_{false};
};

}  // namespace

std::unique_ptr<JoinCandidate> MakeSockmap(std::string& why) {
  auto made = std::make_unique<Sockmap>();
  if (made->Prepare(why)) return made;
  return nullptr;
}

}  // namespace bench
