#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace alphaforge {

// A pool of objects that never move and are reused: no allocation per object, no fragmentation.
template <class T>
class Pool {
 public:
  // A default-constructed object, new or cleaned.
  T* take() {
    if (free_.empty()) grow();
    T* object = free_.back();
    free_.pop_back();
    return object;
  }
  void give_back(T* object) {
    *object = T{};
    free_.push_back(object);
  }
  std::size_t bytes() const { return chunks_.size() * kChunk * sizeof(T) + free_.capacity() * sizeof(T*); }

 private:
  static constexpr std::size_t kChunk = 1024;

  void grow() {
    chunks_.push_back(std::make_unique<T[]>(kChunk));
    // Backwards, so that neighbours in time are neighbours in memory.
    for (std::size_t i = kChunk; i-- > 0;) free_.push_back(&chunks_.back()[i]);
  }

  std::vector<std::unique_ptr<T[]>> chunks_;
  std::vector<T*> free_;
};

}  // namespace alphaforge
