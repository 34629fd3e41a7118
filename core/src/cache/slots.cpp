#include "cache/slots.hpp"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

namespace alphaforge::cache {

Slots::~Slots() {
  for (const auto& chunk : chunks_) {
    if (chunk == nullptr) continue;
    for (const Entry& entry : chunk->entries) std::free(entry.data);
  }
}

std::uint32_t Slots::allocate() {
  const std::uint32_t number = roomy_first_ != kNoChunk ? roomy_first_ : add_chunk();
  Chunk& chunk = *chunks_[number];
  const std::uint32_t place = chunk.free_first;
  chunk.free_first = chunk.entries[place].newer;
  if (chunk.used++ == 0) --chunks_empty_;
  if (chunk.used == kChunkSlots) unlink(number);
  chunk.entries[place] = Entry{};
  return number * kChunkSlots + place;
}

void Slots::release(std::uint32_t slot) {
  const std::uint32_t number = slot / kChunkSlots;
  const std::uint32_t place = slot % kChunkSlots;
  Chunk& chunk = *chunks_[number];
  if (chunk.used == kChunkSlots) link(number);
  std::free(chunk.entries[place].data);
  chunk.entries[place].data = nullptr;
  chunk.entries[place].newer = chunk.free_first;
  chunk.free_first = place;
  if (--chunk.used != 0) return;
  // Keeps one empty chunk, so that a cache whose size varies around a chunk boundary does not allocate each time.
  if (++chunks_empty_ == 1) return;
  vacant_.push_back(number);
  unlink(number);
  chunks_[number].reset();
  --chunks_empty_;
  --chunks_held_;
}

std::uint32_t Slots::add_chunk() {
  auto chunk = std::make_unique<Chunk>();
  for (std::uint32_t i = 0; i < kChunkSlots; ++i) chunk->entries[i].newer = i + 1;
  std::uint32_t number;
  if (!vacant_.empty()) {
    number = vacant_.back();
    vacant_.pop_back();
    chunks_[number] = std::move(chunk);
  } else {
    number = static_cast<std::uint32_t>(chunks_.size());
    chunks_.push_back(std::move(chunk));
  }
  ++chunks_held_;
  ++chunks_empty_;
  link(number);
  return number;
}

void Slots::link(std::uint32_t number) {
  chunks_[number]->previous = kNoChunk;
  chunks_[number]->next = roomy_first_;
  if (roomy_first_ != kNoChunk) chunks_[roomy_first_]->previous = number;
  roomy_first_ = number;
}

void Slots::unlink(std::uint32_t number) {
  const Chunk& chunk = *chunks_[number];
  (chunk.previous == kNoChunk ? roomy_first_ : chunks_[chunk.previous]->next) = chunk.next;
  if (chunk.next != kNoChunk) chunks_[chunk.next]->previous = chunk.previous;
}

}  // namespace alphaforge::cache
