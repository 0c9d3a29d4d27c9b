// Two connections whose inner ends are joined, as a relay does it, with a peer at each outer end;
// all on one loop.
//
//   left  <--->  inner_left  =Forward=  inner_right  <--->  right

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <tuple>

#include "tests/contract/loop_fixture.h"

namespace engine {

class LoopForwardFixture : public LoopFixture {
 protected:
  // Join is two connections and the flows between their inner ends.
  struct Join {
    explicit Join(const bool& inside)
        : rightwards(inside),
          leftwards(inside),
          from_left(inside),
          from_right(inside),
          at_left(inside),
          at_right(inside) {}
    Socket left, inner_left, inner_right, right;
    Forwarder rightwards, leftwards;
    Sender from_left, from_right;
    Receiver at_left, at_right;
  };

  std::unique_ptr<Join> MakeJoin() {
    auto join = std::make_unique<Join>(inside_);
    std::tie(join->left, join->inner_left) = std::tuple_cat(Pair());
    std::tie(join->right, join->inner_right) = std::tuple_cat(Pair());
    return join;
  }
  void Start(Join& join) {
    loop_->Forward(join.rightwards.op, join.inner_left, join.inner_right);
    loop_->Forward(join.leftwards.op, join.inner_right, join.inner_left);
  }
  // Read receives all there is, at a socket, until the end.
  void Read(Receiver& receiver, Socket socket) {
    receiver.then = [this, &receiver, socket] {
      if (receiver.error == IoError::kNoBuffers) {
        loop_->Receive(receiver.op, socket, ReceiveMode::kRepeat);
      }
    };
    loop_->Receive(receiver.op, socket, ReceiveMode::kRepeat);
  }
  // Stop cancels every op of a join, and waits for them.
  void Stop(Join& join) {
    Op* ops[] = {&join.rightwards.op, &join.leftwards.op, &join.from_left.op,
                 &join.from_right.op, &join.at_left.op,   &join.at_right.op};
    for (Op* op : ops) loop_->Cancel(*op);
    ASSERT_TRUE(RunUntil([&] {
      return std::none_of(std::begin(ops), std::end(ops), [](Op* op) { return op->in_flight(); });
    }));
  }
  size_t BulkSize() const { return real() ? 6'000'000 : 1'000'000; }
};
}  // namespace engine
