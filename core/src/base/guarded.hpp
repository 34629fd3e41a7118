#pragma once

#include <mutex>
#include <type_traits>
#include <utility>

namespace alphaforge {

// A value shared by threads, which is accessed only with its lock held.
//
// The lock is fair: callers get it in order of arrival, so work done in parts, one `with` each, lets other callers in
// between.
template <class T>
class Guarded {
 public:
  using Value = T;

  template <class... Args>
    requires std::is_constructible_v<T, Args...>
  explicit Guarded(Args&&... args) : value_(std::forward<Args>(args)...) {}
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  // Waits for the lock and returns what `call(value)` returns.
  template <class Call>
  decltype(auto) with(Call&& call) {
    // A waiting caller holds the queue, so the next part of a long call can't overtake it.
    std::unique_lock queue(queue_);
    const std::lock_guard lock(mutex_);
    queue.unlock();
    return std::forward<Call>(call)(value_);
  }
  // The same without waiting: returns false and does nothing while another thread holds the lock.
  template <class Call>
  bool try_with(Call&& call) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return false;
    std::forward<Call>(call)(value_);
    return true;
  }

 private:
  std::mutex queue_;
  std::mutex mutex_;
  T value_;
};

}  // namespace alphaforge
