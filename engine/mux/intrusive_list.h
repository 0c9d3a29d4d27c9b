#pragma once

#include "engine/base/check.h"

namespace engine {

// ListLinks is what an element has for each IntrusiveList it may be in.
template <class T>
struct ListLinks {
  T* previous = nullptr;
  T* next = nullptr;
  bool is_linked = false;
};

// IntrusiveList is a doubly linked list whose links live in its elements: nothing allocates, and an
// element leaves from the middle in constant time. It owns nothing.
template <class T, ListLinks<T> T::*kLinks>
class IntrusiveList {
 public:
  IntrusiveList() = default;
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  bool empty() const { return front_ == nullptr; }
  T* front() const { return front_; }
  T* back() const { return back_; }
  static T* Next(const T& element) { return (element.*kLinks).next; }
  static bool IsLinked(const T& element) { return (element.*kLinks).is_linked; }

  void PushBack(T& element) {
    ListLinks<T>& links = element.*kLinks;
    CHECK(!links.is_linked);
    links = {.previous = back_, .next = nullptr, .is_linked = true};
    (back_ == nullptr ? front_ : (back_->*kLinks).next) = &element;
    back_ = &element;
  }

  // Requires: the element is in this list.
  void Remove(T& element) {
    ListLinks<T>& links = element.*kLinks;
    CHECK(links.is_linked);
    (links.previous == nullptr ? front_ : (links.previous->*kLinks).next) = links.next;
    (links.next == nullptr ? back_ : (links.next->*kLinks).previous) = links.previous;
    links = {};
  }

  void MoveToBack(T& element) {
    Remove(element);
    PushBack(element);
  }

  // PopFront removes and returns the first element, or returns nullptr.
  T* PopFront() {
    T* element = front_;
    if (element != nullptr) Remove(*element);
    return element;
  }

 private:
  T* front_ = nullptr;
  T* back_ = nullptr;
};

}  // namespace engine
