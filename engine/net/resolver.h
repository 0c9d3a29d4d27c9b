// Names to addresses without blocking a loop.
//
//   loop's thread                         worker thread
//   Resolve(op) --> [bounded queue] ----> getaddrinfo(3)
//   handler     <-- Deliver() <---------- result, and Loop::Wake()

#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/loop/address.h"
#include "engine/loop/loop.h"
#include "engine/loop/op.h"

namespace engine {

enum class ResolveError : uint8_t {
  kNone,
  kCanceled,
  kNotFound,   // No such name, or no address of a kind this machine can use.
  kTemporary,  // The name servers did not answer.
  kBusy,       // Resolver::kQueueMax questions wait already.
};

// Resolved is what a handler is told; `addresses` is in the order in which to try them.
struct Resolved {
  ResolveError error = ResolveError::kNone;
  std::vector<Address> addresses;
};

class Resolver;

// ResolveOp is one question of its owner, who keeps it at one address from Resolve until its
// handler is called; then it may be used again or destroyed.
class ResolveOp {
 public:
  explicit ResolveOp(Handler<Resolved> handler) : handler_(handler) {}
  ~ResolveOp() { CHECK(!in_flight()); }
  ResolveOp(const ResolveOp&) = delete;
  ResolveOp& operator=(const ResolveOp&) = delete;
  bool in_flight() const { return question_ != nullptr; }

 private:
  friend class Resolver;
  struct Question;
  Handler<Resolved> handler_;
  std::shared_ptr<Question> question_;
};

// Resolver belongs to one loop's thread, and has threads of its own that only call getaddrinfo. A
// call that is under way cannot be ended, and may take a minute where name servers are dead: such a
// thread is left behind with what it needs, so that nobody who wants to end waits for it. One call
// answers all who ask for the same, however many connections of a forward come at once.
class Resolver {
 public:
  // As many as an agent has targets.
  static constexpr size_t kQueueMax = 2048;
  static constexpr size_t kAddressesMax = 8;
  // Two, so that one name whose servers are dead does not hold up all others.
  static constexpr size_t kThreads = 2;
  static constexpr size_t kRememberedMax = 8;

  // Wakes `loop`, which must outlive the resolver, when a thread has an answer to deliver.
  explicit Resolver(Loop& loop);
  ~Resolver();  // Does not wait for a look-up that is under way.
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Resolve asks for the addresses of `host`; for a numeric address and `localhost` no thread is
  // needed. The handler is called from Deliver, never inside this call.
  void Resolve(ResolveOp& op, std::string_view host, uint16_t port);

  // Cancel completes the op with kCanceled, unless its answer is on its way already.
  void Cancel(ResolveOp& op);

  // Remember keeps that `host` was found at `address`, by who has proof of it: a server that has
  // shown its certificate. Recall returns the last address that was remembered for it, if any: an
  // old one is better than none where name servers are dead, for who asks for proof again (compare
  // RFC 8767). Of the names that were used last, kRememberedMax; nothing of what needs no look-up.
  void Remember(std::string_view host, uint16_t port, const Address& address);
  std::optional<Address> Recall(std::string_view host, uint16_t port) const;
  // Doubt says that nobody with proof was found there any more; Trusts is false from then on.
  void Doubt(std::string_view host, uint16_t port);
  bool Trusts(std::string_view host, uint16_t port) const;

  // Deliver calls the handlers of the questions that were answered; after every RunOnce, which
  // must not wait while there is one: nobody wakes it for what is answered without a thread.
  void Deliver();
  bool has_answers() const;

 private:
  using Question = ResolveOp::Question;
  // Desk is what the threads use. It outlives the resolver while one of them is in a look-up.
  struct Desk {
    explicit Desk(Loop& its_loop) : loop(&its_loop) {}
    void Answer(std::shared_ptr<Question> question);  // By the loop's own thread.
    // AnswerAlike answers `question`, and all in the queue that ask for the same; by the others.
    void AnswerAlike(std::shared_ptr<Question> question);

    std::mutex mutex;
    std::condition_variable changed;
    Loop* loop;  // From here on under `mutex`. Null: the resolver has gone.
    std::deque<std::shared_ptr<Question>> queue;
    std::vector<std::shared_ptr<Question>> answers;
    std::array<bool, kThreads> is_looking_up{};
  };
  static void Work(const std::shared_ptr<Desk>& desk, size_t thread);

  struct Place {
    std::string host;
    uint16_t port;
    Address address;
    bool is_doubted;
  };
  const Place* FindPlace(std::string_view host, uint16_t port) const;

  const std::shared_ptr<Desk> desk_;
  std::vector<Place> remembered_;  // The last one was used last.
  std::vector<std::thread> threads_;
};

}  // namespace engine
