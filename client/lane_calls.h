#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "client/lane_source.h"
#include "engine/http/http_message.h"
#include "engine/net/https_client.h"

namespace client {

class ApiClient;

// LaneCalls is a LaneSource by calls of the relay's API.
class LaneCalls final : public LaneSource {
 public:
  // Read makes of what came of a call the relay's answer, or an error that is ready for the user.
  using Read = std::function<absl::StatusOr<engine::HttpResponse>(engine::CallResult)>;

  // Both references outlive it.
  LaneCalls(engine::HttpsClient& calls, const ApiClient& api, Read read)
      : calls_(calls), api_(api), read_(std::move(read)) {}

  // KeepKey is for a session whose lanes can come again: `key` proves that it is ours.
  void KeepKey(const std::string& session_id, std::string key);

  void AskForLane(const std::string& session_id, Done done) override;
  // Requires: KeepKey was called for the session.
  void AskToRejoin(const std::string& session_id, uint32_t lane, Done done) override;
  void HurryLanes(const std::string& session_id) override;

 private:
  void Ask(const std::string& session_id, engine::HttpRequest request, uint64_t epoch, Done done,
           engine::Duration connect_max);

  struct Asked {
    uint64_t number = 0;
    std::string session_id;
    uint64_t call = 0;  // As HttpsClient counts.
  };
  struct Rejoining {
    std::string key;
    uint64_t epoch = 0;  // Of the last time.
  };

  engine::HttpsClient& calls_;
  const ApiClient& api_;
  const Read read_;
  uint64_t asked_count_ = 0;
  std::vector<Asked> asked_;  // At most a session's lanes, for each session.
  std::unordered_map<std::string, Rejoining> rejoining_;
};

}  // namespace client
