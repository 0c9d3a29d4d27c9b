#include "relay/api/api_call.h"

#include "engine/base/log.h"

namespace relay {

ApiError LogStoreFailure(const absl::Status& status) {
  engine::log::Write(engine::log::Level::kError, "store_failed",
                     {{"at", "api"}, {"why", status.ToString()}});
  return StoreFailure();
}

}  // namespace relay
