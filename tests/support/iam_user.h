// A user who may do everything, with an access key, for tests whose subject is something else.

#pragma once

#include <gtest/gtest.h>

#include "relay/store/iam_store.h"
#include "relay/store/store.h"

namespace relay {

// AddAdministrator adds the key and its user, whose id is AIDA and the name.
inline void AddAdministrator(Store& store, AccessKey key) {
  key.user_id = "AIDA" + key.user_name;
  EXPECT_TRUE(store.Iam()
                  .AddEntity({.kind = IamKind::kUser, .id = key.user_id, .name = key.user_name})
                  .ok());
  EXPECT_TRUE(store.Iam().Attach(key.user_id, "arn:aws:iam::aws:policy/AditAdmin").ok());
  EXPECT_TRUE(store.AddAccessKey(key).ok());
}

}  // namespace relay
