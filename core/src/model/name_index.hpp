#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace alphaforge {

// Items by name: open addressing with linear probing. A slot stores the hash, so a probe touches only an item that is
// very probably the right one. `NameOf` returns an item's name.
template <class Item, class NameOf>
class NameIndex {
 public:
  using Hash = std::uint64_t;
  static Hash hash_of(std::string_view name) { return std::hash<std::string_view>{}(name); }

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return slots_.capacity() * sizeof(Slot); }
  Item* find(std::string_view name) const {
    const Hash hash = hash_of(name);
    for (std::size_t i = hash & mask();; i = (i + 1) & mask()) {
      const Slot& slot = slots_[i];
      if (slot.item == nullptr) return nullptr;
      if (slot.hash == hash && NameOf()(*slot.item) == name) return slot.item;
    }
  }
  // Prefetches the slot for a search by this name that follows soon.
  void prefetch(Hash hash) const { __builtin_prefetch(&slots_[hash & mask()]); }
  // The item with that hash, which is most probably the right one; null if there is none.
  Item* probable(Hash hash) const {
    for (std::size_t i = hash & mask(); slots_[i].item != nullptr; i = (i + 1) & mask())
      if (slots_[i].hash == hash) return slots_[i].item;
    return nullptr;
  }
  // The item's name must not be in the index yet.
  void insert(Item* item) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    place({hash_of(NameOf()(*item)), item});
    ++size_;
  }
  // The item must be in the index.
  void erase(const Item* item) {
    std::size_t hole = hash_of(NameOf()(*item)) & mask();
    while (slots_[hole].item != item) hole = (hole + 1) & mask();
    // Moves entries that probed past the hole into it, so that no search stops early.
    for (std::size_t i = (hole + 1) & mask(); slots_[i].item != nullptr; i = (i + 1) & mask()) {
      const std::size_t home = slots_[i].hash & mask();
      if (((i - home) & mask()) < ((i - hole) & mask())) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = {};
    --size_;
  }
  void clear() { *this = NameIndex(); }

 private:
  struct Slot {
    Hash hash = 0;
    Item* item = nullptr;
  };
  static constexpr std::size_t kSlotsAtFirst = 1024;

  std::size_t mask() const { return slots_.size() - 1; }
  void place(Slot entry) {
    std::size_t i = entry.hash & mask();
    while (slots_[i].item != nullptr) i = (i + 1) & mask();
    slots_[i] = entry;
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.item != nullptr) place(slot);
  }

  std::vector<Slot> slots_ = std::vector<Slot>(kSlotsAtFirst);
  std::size_t size_ = 0;
};

}  // namespace alphaforge
