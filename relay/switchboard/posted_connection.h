#pragma once

#include <memory>
#include <utility>

#include "relay/gateway/channel_connection.h"
#include "relay/switchboard/channel_desk.h"
#include "relay/switchboard/channel_role.h"
#include "relay/switchboard/gateway_desk.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

// PostedConnection is a connection that may be on another loop.
class PostedConnection final : public ChannelConnection {
 public:
  PostedConnection(Switchboard& switchboard, ChannelId id) : switchboard_(switchboard), id_(id) {}
  ~PostedConnection() override {
    if (!is_closed_) Tell([](ChannelRole& role) { role.Drop(); });
  }
  void Deliver(MessageBatch batch) override {
    // Letters can be copied, and what is in this one is not.
    auto shared = std::make_shared<MessageBatch>(std::move(batch));
    Tell([shared](ChannelRole& role) { role.Deliver(std::move(*shared)); });
  }
  void Taken(size_t weight) override {
    Tell([weight](ChannelRole& role) { role.Taken(weight); });
  }
  void Close() override {
    is_closed_ = true;
    Tell([](ChannelRole& role) { role.Close(); });
  }

 private:
  template <class Action>
  void Tell(Action action) {
    switchboard_.Post(id_.loop, [serial = id_.serial, action](Switchboard& there) {
      ChannelRole* role = there.gateway().FindChannel(serial);
      if (role != nullptr) action(*role);
    });
  }

  Switchboard& switchboard_;
  const ChannelId id_;
  bool is_closed_ = false;
};

}  // namespace relay
