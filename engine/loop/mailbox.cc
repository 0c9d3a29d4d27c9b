#include "engine/loop/mailbox.h"

#include "engine/loop/loop.h"

namespace engine {

Mailbox::Mailbox(Loop& loop, size_t letters_max)
    : loop_(loop), letters_max_(letters_max), letters_(std::make_unique<Letter[]>(letters_max)) {
  CHECK(letters_max > 0);
}

Mailbox::~Mailbox() {
  for (; count_ > 0; --count_, ++first_) At(first_).run(nullptr, At(first_).payload.data());
}

bool Mailbox::Put(void* owner, Run run, Store store, void* payload) {
  CHECK(owner != nullptr);
  {
    const std::scoped_lock lock(mutex_);
    if (closed_ || count_ == letters_max_) return false;
    Letter& letter = At(first_ + count_);
    letter.run = run;
    letter.owner = owner;
    store(payload, letter.payload.data());
    ++count_;
    if (std::exchange(wake_sent_, true)) return true;
  }
  loop_.Wake();
  return true;
}

size_t Mailbox::Deliver() {
  std::unique_lock lock(mutex_);
  wake_sent_ = false;
  const size_t waiting = count_;
  for (size_t i = 0; i < waiting; ++i) {
    // The letter keeps its place while it runs, so that it need not move and nobody overwrites it.
    Letter& letter = At(first_);
    lock.unlock();
    letter.run(letter.owner, letter.payload.data());
    lock.lock();
    ++first_;
    --count_;
  }
  return waiting;
}

void Mailbox::Close() {
  const std::scoped_lock lock(mutex_);
  closed_ = true;
}

bool Mailbox::is_closed() const {
  const std::scoped_lock lock(mutex_);
  return closed_;
}

size_t Mailbox::size() const {
  const std::scoped_lock lock(mutex_);
  return count_;
}

}  // namespace engine
