#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "cache/index.hpp"

namespace alphaforge::cache {

inline constexpr std::uint32_t kNoDeadline = 0xffffffffU;

// The metadata of an entry. Key and value are in one allocation, `data`.
struct Entry {
  char* data = nullptr;
  std::int64_t expires_at_ns = kNever;  // expired from this time on
  std::uint64_t version = 0;
  std::uint32_t tag = 0;
  std::uint32_t older = kNoSlot;  // neighbours in the order of use
  std::uint32_t newer = kNoSlot;
  std::uint32_t deadline_position = kNoDeadline;
  std::uint32_t value_size = 0;
  std::uint16_t key_size = 0;

  std::string_view key() const { return {data, key_size}; }
  std::string_view value() const { return {data + key_size, value_size}; }
  std::size_t data_size() const { return std::size_t{key_size} + value_size; }
};
static_assert(sizeof(Entry) == 48, "a million entries are counted in these");

// Entries by number, in chunks that never move, so that growing copies nothing. Empty chunks are freed.
class Slots {
 public:
  Slots() = default;
  ~Slots();
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  Entry& operator[](std::uint32_t slot) { return chunks_[slot / kChunkSlots]->entries[slot % kChunkSlots]; }
  const Entry& operator[](std::uint32_t slot) const { return chunks_[slot / kChunkSlots]->entries[slot % kChunkSlots]; }

  // The entry in a slot that may have been released; null if it was.
  const Entry* find(std::uint32_t slot) const {
    const Chunk* const chunk = chunks_[slot / kChunkSlots].get();
    if (chunk == nullptr || chunk->entries[slot % kChunkSlots].data == nullptr) return nullptr;
    return &chunk->entries[slot % kChunkSlots];
  }

  // Returns a slot with a default Entry. If it throws std::bad_alloc, nothing has changed.
  std::uint32_t allocate();
  // Frees the entry's data too.
  void release(std::uint32_t slot);

  void prefetch(std::uint32_t slot) const { __builtin_prefetch(&(*this)[slot]); }
  std::size_t memory_bytes() const { return chunks_held_ * sizeof(Chunk) + chunks_.capacity() * sizeof(chunks_[0]); }

 private:
  static constexpr std::uint32_t kChunkSlots = 1024;
  static constexpr std::uint32_t kNoChunk = 0xffffffffU;

  struct Chunk {
    std::array<Entry, kChunkSlots> entries;  // free ones are linked through `newer`
    std::uint32_t free_first = 0;
    std::uint32_t used = 0;
    std::uint32_t previous = kNoChunk;  // neighbours among the chunks with a free slot
    std::uint32_t next = kNoChunk;
  };

  std::uint32_t add_chunk();
  void link(std::uint32_t number);
  void unlink(std::uint32_t number);

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<std::uint32_t> vacant_;  // numbers of chunks that were given back
  std::uint32_t roomy_first_ = kNoChunk;
  std::size_t chunks_held_ = 0;
  std::size_t chunks_empty_ = 0;
};

}  // namespace alphaforge::cache
