#pragma once

namespace alphaforge {

template <class T>
struct Links {
  T* previous = nullptr;
  T* next = nullptr;
};

// An intrusive queue: insertion and removal anywhere cost the same and allocate nothing. A member is in at most one
// queue per pair of links.
template <class T, Links<T> T::* kLinks>
class Fifo {
 public:
  bool empty() const { return head_ == nullptr; }
  T* front() const { return head_; }
  T* back() const { return tail_; }
  static T* next(const T* member) { return (member->*kLinks).next; }
  static T* previous(const T* member) { return (member->*kLinks).previous; }

  void push_back(T* member) {
    (member->*kLinks) = {tail_, nullptr};
    (tail_ == nullptr ? head_ : (tail_->*kLinks).next) = member;
    tail_ = member;
  }
  void remove(T* member) {
    const Links<T> links = member->*kLinks;
    (links.previous == nullptr ? head_ : (links.previous->*kLinks).next) = links.next;
    (links.next == nullptr ? tail_ : (links.next->*kLinks).previous) = links.previous;
    member->*kLinks = {};
  }
  T* pop_front() {
    T* member = head_;
    remove(member);
    return member;
  }

 private:
  T* head_ = nullptr;
  T* tail_ = nullptr;
};

}  // namespace alphaforge
