#pragma once

#include <unistd.h>

#include <utility>

namespace agent {

// Descriptor owns one open file descriptor that no Loop knows of, and closes it. Once a Loop works
// on it, Release() it and close it with Loop::Close.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    Descriptor old(std::exchange(value_, other.Release()));
    return *this;
  }
  ~Descriptor() { Reset(); }

  int value() const { return value_; }
  bool valid() const { return value_ >= 0; }
  int Release() { return std::exchange(value_, -1); }
  void Reset() {
    if (value_ >= 0) ::close(value_);
    value_ = -1;
  }

 private:
  int value_ = -1;
};

}  // namespace agent
