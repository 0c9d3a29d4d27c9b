// The only way for another thread to hand work to a loop.
//
//   any thread                      the loop's thread
//   Post(letter) --> [ring] --wake--> RunOnce() returns --> Deliver() --> Owner::kMethod(payload)

#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

#include "engine/base/check.h"

namespace engine {

class Loop;

// Mailbox is a bounded queue from many threads to one loop's thread. A letter is a member function,
// its owner and a payload of a few words (a Socket, a std::unique_ptr), stored in a ring that is
// made once: posting allocates nothing. It is for cold paths, hence the mutex.
class Mailbox {
 public:
  // The largest payload in bytes; whatever is larger goes in a std::unique_ptr.
  static constexpr size_t kPayloadMax = 32;

  // Wakes `loop`, which must outlive the mailbox, and holds at most `letters_max` letters.
  Mailbox(Loop& loop, size_t letters_max);

  // Destroys the payloads of letters that were not delivered.
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Post queues one call of `owner->kMethod(std::move(payload))`, from any thread. Returns false,
  // and leaves `payload` as it was, when the mailbox is full or closed. The owner must live until
  // the letter was delivered or the mailbox destroyed.
  template <auto kMethod, class Owner, class Payload>
  [[nodiscard]] bool Post(Owner* owner, Payload&& payload) {
    using Stored = std::remove_cvref_t<Payload>;
    static_assert(sizeof(Stored) <= kPayloadMax);
    static_assert(alignof(Stored) <= alignof(std::max_align_t));
    static_assert(std::is_nothrow_move_constructible_v<Stored>);
    return Put(
        owner,
        [](void* self, void* bytes) {
          Stored* stored = std::launder(reinterpret_cast<Stored*>(bytes));
          Stored taken(std::move(*stored));
          stored->~Stored();
          if (self != nullptr) (static_cast<Owner*>(self)->*kMethod)(std::move(taken));
        },
        [](void* from, void* to) {
          ::new (to) Stored(std::forward<Payload>(*static_cast<Stored*>(from)));
        },
        const_cast<Stored*>(&payload));
  }

  // Deliver runs the letters that were there when it began, at most as many as fit, and returns
  // how many. The loop's thread calls it after every RunOnce().
  size_t Deliver();

  // Close makes every later Post fail. Letters that are in the ring are still delivered.
  void Close();
  bool is_closed() const;

  size_t size() const;

 private:
  using Run = void (*)(void* owner, void* payload);  // With no owner: only destroys the payload.
  using Store = void (*)(void* from, void* to);

  struct Letter {
    Run run;
    void* owner;
    alignas(std::max_align_t) std::array<std::byte, kPayloadMax> payload;
  };

  bool Put(void* owner, Run run, Store store, void* payload);
  Letter& At(size_t index) { return letters_[index % letters_max_]; }

  Loop& loop_;
  const size_t letters_max_;
  mutable std::mutex mutex_;
  std::unique_ptr<Letter[]> letters_;  // From here on under mutex_.
  size_t first_ = 0;
  size_t count_ = 0;
  bool wake_sent_ = false;  // Since Deliver() last began.
  bool closed_ = false;
};

}  // namespace engine
