// The other end of a client's connections, which says what a script says: the relay, and behind it
// the node. For fuzz targets without cryptography (null_channel.cc).

#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/net/secure_connection.h"
#include "engine/tls/tls_channel.h"
#include "engine/tls/tls_context.h"
#include "engine/wire/control.h"
#include "tests/fuzz/spoken_bytes.h"
#include "tests/support/tls_credentials.h"

namespace client {

class ScriptedServer {
 public:
  static const std::string& AuthorityPem() {
    static const std::string pem = Authority().Pem();
    return pem;
  }
  // Of TLS with the node.
  static std::shared_ptr<engine::TlsContext> ClientContext() {
    static const std::shared_ptr<engine::TlsContext> context =
        engine::test::Must(engine::TlsContext::Client({.trust = engine::TlsTrust::PublicKey({}),
                                                       .identity = {},
                                                       .protocols = {"adit/1"},
                                                       .clock = {}}));
    return context;
  }

  ScriptedServer(engine::Loop& loop, const std::string& host, uint16_t port)
      : loop_(loop),
        accept_op_(engine::Handler<engine::Accepted>::To<&ScriptedServer::OnAccepted>(this)),
        close_op_(engine::Handler<engine::Closed>::To<&ScriptedServer::OnListenerClosed>(this)) {
    engine::Address address;
    CHECK(engine::Address::Parse(host, port, address));
    listener_ = loop.Listen(address, 8).socket;
    loop.Accept(accept_op_, listener_);
  }

  // All of these are of the newest connection, and do nothing when there is none.
  void Say(std::string_view bytes) {
    if (Peer* peer = Newest()) peer->Say(bytes);
  }
  // Detach lays the relay's TLS aside; the node's follows.
  void Detach() {
    if (Peer* peer = Newest()) peer->Detach();
  }
  void Close(bool in_order) {
    if (Peer* peer = Newest()) peer->Close(in_order);
  }
  // Null: there is none, or it is not set up.
  const engine::TlsChannel* inner_channel() {
    Peer* peer = Newest();
    return peer == nullptr ? nullptr : peer->inner_channel();
  }
  // Message reads the control message that came as a frame with this number; false: none did.
  bool Message(size_t number, engine::ControlMessage& out) {
    const Peer* peer = Newest();
    return peer != nullptr && peer->Message(number, out);
  }

  // How many bytes of the link came. They are counted from GoesOnAt on, until there is a newer
  // connection: what comes before is a join, or how the link goes on.
  uint64_t link_bytes() const { return link_bytes_; }
  void GoesOnAt(uint64_t position) {
    link_bytes_ = position;
    is_counting_ = true;
  }

  // Stop ends all; done when it returns true. Then Forget them before the pool is looked at.
  bool Stop() {
    loop_.Cancel(accept_op_);
    bool is_idle = !accept_op_.in_flight();
    for (const auto& peer : peers_) {
      peer->Close(false);
      is_idle = is_idle && peer->over();
    }
    if (!is_idle) return false;
    if (listener_.valid()) loop_.Close(close_op_, std::exchange(listener_, {}));
    return !close_op_.in_flight();
  }
  void Forget() { peers_.clear(); }

 private:
  static const engine::test::TestAuthority& Authority() {
    static const engine::test::TestAuthority authority;
    return authority;
  }
  static const engine::TlsContext& Context(bool is_inner) {
    const auto make = [](std::vector<std::string> protocols) {
      return engine::test::Must(
          engine::TlsContext::Server({.identity = Authority().ServerIdentity(),
                                      .protocols = std::move(protocols),
                                      .clock = engine::test::TestClock()}));
    };
    static const std::unique_ptr<engine::TlsContext> outer = make({"adit-join/1", "adit/1"});
    static const std::unique_ptr<engine::TlsContext> inner = make({"adit/1"});
    return is_inner ? *inner : *outer;
  }

  class Peer final : private engine::SecureConnection::Events, private engine::test::SpokenBytes {
   public:
    Peer(ScriptedServer& server, engine::Socket socket) : server_(server), outer_(NewConnection()) {
      outer_->Adopt(socket, NewChannel(false), engine::BufferRef());
    }
    void Say(std::string_view bytes) {
      if (over_) return;
      to_say_ += bytes;
      if (is_secured_) Current().OutputReady();
    }
    void Detach() {
      if (over_ || inner_ != nullptr || !outer_->open()) return;
      outer_->Detach();
    }
    void Close(bool in_order) {
      if (!over_) in_order ? Current().CloseAfterOutput() : Current().Close();
    }
    const engine::TlsChannel* inner_channel() {
      return over_ || inner_ == nullptr || !is_secured_ ? nullptr : &inner_->channel();
    }
    bool Message(size_t number, engine::ControlMessage& out) const {
      std::string_view rest = heard_;
      for (;; --number) {
        engine::FrameHeader header;
        if (rest.size() < engine::kFrameHeaderSize) return false;
        if (ParseFrameHeader(engine::AsBytes(rest), header) != engine::FrameError::kNone)
          return false;
        rest.remove_prefix(engine::kFrameHeaderSize);
        if (rest.size() < header.payload_size) return false;
        if (number == 0) return engine::Decode(rest.substr(0, header.payload_size), out);
        rest.remove_prefix(header.payload_size);
      }
    }
    bool over() const { return over_; }

   private:
    std::unique_ptr<engine::SecureConnection> NewConnection() {
      return std::make_unique<engine::SecureConnection>(
          server_.loop_, static_cast<engine::SecureConnection::Events&>(*this));
    }
    std::unique_ptr<engine::TlsChannel> NewChannel(bool is_inner) {
      return std::make_unique<engine::TlsChannel>(Context(is_inner), server_.loop_.buffers());
    }
    engine::SecureConnection& Current() { return inner_ != nullptr ? *inner_ : *outer_; }

    void OnSecured(engine::SecureConnection& connection) override {
      is_secured_ = true;
      connection.SetProtocol(*this);
      connection.OutputReady();
    }
    void OnDetached(engine::SecureConnection&, engine::DetachedSocket detached) override {
      is_secured_ = false;
      heard_.clear();
      to_say_.clear();
      inner_ = NewConnection();
      inner_->Adopt(detached.socket, NewChannel(true), std::move(detached.unread));
      outer_.reset();  // Last: it made this call.
    }
    void OnClosed(engine::SecureConnection&, const engine::ConnectionEnd&) override {
      over_ = true;
      is_secured_ = false;
    }
    void Receive(engine::BufferRef plaintext, engine::Instant now) override {
      if (server_.is_counting_ && server_.Newest() == this) server_.link_bytes_ += plaintext.size();
      SpokenBytes::Receive(std::move(plaintext), now);
    }

    ScriptedServer& server_;
    std::unique_ptr<engine::SecureConnection> outer_;
    std::unique_ptr<engine::SecureConnection> inner_;
    bool is_secured_ = false;
    bool over_ = false;
  };

  Peer* Newest() { return peers_.empty() ? nullptr : peers_.back().get(); }
  void OnAccepted(engine::Accepted outcome) {
    if (outcome.error != engine::IoError::kNone) return;
    peers_.push_back(std::make_unique<Peer>(*this, outcome.socket));
    is_counting_ = false;
  }
  void OnListenerClosed(engine::Closed) {}

  engine::Loop& loop_;
  engine::AcceptOp accept_op_;
  engine::CloseOp close_op_;
  engine::Socket listener_;
  std::vector<std::unique_ptr<Peer>> peers_;
  uint64_t link_bytes_ = 0;
  bool is_counting_ = false;
};

}  // namespace client
