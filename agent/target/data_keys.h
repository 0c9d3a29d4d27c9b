#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace agent {

// DataKeyWish names a session's data key, as the key service sealed it.
struct DataKeyWish {
  std::string session_id;
  std::string key_id;
  std::string data_key;   // Base64.
  std::string challenge;  // Base64, or empty: what it is bound to beside session and node.
};

// DataKeys opens the data keys of sessions on this node, by whichever key service there is.
class DataKeys {
 public:
  // The key's bytes, or why there are none, for people.
  using Done = std::function<void(absl::StatusOr<std::string>)>;

  // Open asks; `done` is called once, from the loop, perhaps before this returns. The result is the
  // question's number.
  virtual uint64_t Open(const DataKeyWish& wish, Done done) = 0;

  // Forget says that nobody waits for an answer any more: its `done` is not called.
  virtual void Forget(uint64_t number) = 0;

 protected:
  ~DataKeys() = default;
};

}  // namespace agent
