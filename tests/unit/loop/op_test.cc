// Goal: a Send's slices are counted off right however the kernel cuts them, and misuse stops the
// process. Method: every way to cut, and death tests.

#include "engine/loop/op.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace engine {
namespace {

struct Owner {
  void On(Sent) {}
};

std::string Left(const SendOp& op) {
  std::string text;
  for (const iovec& slice : op.state.Left()) {
    text.append(static_cast<const char*>(slice.iov_base), slice.iov_len);
  }
  return text;
}

TEST(SendStateTest, AdvancingLeavesExactlyTheRest) {
  const std::string all = "abcdefghij";
  for (size_t step = 1; step <= all.size(); ++step) {
    Owner owner;
    SendOp op(Handler<Sent>::To<&Owner::On>(&owner));
    const ByteView bytes = AsBytes(all);
    const ByteView slices[] = {bytes.first(1), bytes.subspan(1, 4), bytes.subspan(5)};
    op.state.Start(slices, false);
    size_t sent = 0;
    while (sent < all.size()) {
      EXPECT_EQ(Left(op), all.substr(sent));
      const size_t size = std::min(step, all.size() - sent);
      sent += size;
      EXPECT_EQ(op.state.Advance(size), sent == all.size());
      EXPECT_EQ(op.state.sent, sent);
    }
    EXPECT_TRUE(op.state.Left().empty());
  }
}

TEST(SendStateDeathTest, WhatLoopHForbidsStopsTheProcess) {
  Owner owner;
  SendOp op(Handler<Sent>::To<&Owner::On>(&owner));
  EXPECT_DEATH(op.state.Start({}, false), "CHECK");
  const ByteView empty[] = {ByteView()};
  EXPECT_DEATH(op.state.Start(empty, false), "CHECK");
  const std::vector<ByteView> many(kSendSlicesMax + 1, AsBytes("x"));
  EXPECT_DEATH(op.state.Start(many, false), "CHECK");
  const ByteView one[] = {AsBytes("x")};
  op.state.Start(one, false);
  EXPECT_DEATH(op.state.Advance(2), "CHECK");
}

}  // namespace
}  // namespace engine
