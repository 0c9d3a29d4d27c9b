#include "bench/macro/fleet/fleet_enroll.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "bench/macro/fleet/fleet_roll.h"
#include "engine/crypto/certificate.h"
#include "engine/platform/wall_clock.h"
#include "relay/first_start.h"
#include "relay/store/identifiers.h"

namespace fleet {
namespace {

constexpr int64_t kBackdatedSeconds = 3600;
constexpr int64_t kValidSeconds = int64_t{30} * 24 * 3600;

// MakeRecord is what an agent and the relay do together at an enrolment, without the network.
std::string MakeRecord(const engine::crypto::Issuer& authority, const std::string& node_id,
                       int64_t now) {
  const auto key = engine::crypto::PrivateKey::Generate();
  const auto request = engine::crypto::CreateSigningRequest(key, node_id);
  if (!request.ok()) Die(std::string(request.status().message()));
  const auto certificate = engine::crypto::IssueClient(
      authority, *request, node_id,
      {.not_before = now - kBackdatedSeconds, .not_after = now + kValidSeconds});
  if (!certificate.ok()) Die(std::string(certificate.status().message()));
  return Roll::Record(certificate->Pem(), key.Pem());
}

void Register(relay::Store& store, const std::vector<std::string>& node_ids, int64_t now_ms) {
  absl::Status status = store.Begin();
  for (size_t i = 0; status.ok() && i < node_ids.size(); ++i) {
    relay::Node node;
    node.id = node_ids[i];
    node.name = "fleet-" + std::to_string(i);
    node.platform = "fleet";
    node.registered_unix_ms = now_ms;
    status = store.AddNode(node);
  }
  if (status.ok()) status = store.Commit();
  if (!status.ok()) Die(std::string(status.message()));
}

}  // namespace

void Enroll(const EnrollOptions& options) {
  const int64_t now_ms = engine::UnixNowMs();
  relay::StateOptions state_options;
  state_options.directory = options.state_directory;
  state_options.advertise = {"127.0.0.1", options.port};
  absl::StatusOr<relay::RelayState> state = relay::OpenState(state_options, now_ms);
  if (!state.ok()) Die(std::string(state.status().message()));

  std::vector<std::string> node_ids(options.count);
  for (std::string& id : node_ids) id = relay::NewNodeId();
  std::vector<std::string> records(options.count);
  std::atomic<size_t> next = 0;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) {
    threads.emplace_back([&] {
      for (size_t index = next++; index < records.size(); index = next++) {
        records[index] = MakeRecord(state->authority, node_ids[index], now_ms / 1000);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Register(*state->store, node_ids, now_ms);
  Roll::Write(options.roll, state->authority.certificate.Pem(), records);
  const std::string login = state->invitations.has_value() ? state->invitations->login : "";
  std::printf("{\"event\":\"enrolled\",\"agents\":%zu,\"login\":\"%s\"}\n", options.count,
              login.c_str());
}

}  // namespace fleet
