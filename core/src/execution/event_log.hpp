#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "base/frames.hpp"
#include "execution/order_record.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

namespace alphaforge::execution {

class Checkpoint;

// One change of one order, with the order's data that may change later.
struct EventRecord {
  OrderEventType type = OrderEventType::kSubmitted;
  OrderStatus status = OrderStatus::kInitialized;
  const OrderRecord* order = nullptr;
  const FillRecord* fill = nullptr;
  std::int64_t ts_event = 0;
  Terms terms;
  Quantity filled_quantity;
  std::int64_t previous_of_strategy = 0;  // sequence of its strategy's previous event; 0 for none
};

// The last events of an engine, numbered from 1 without gaps, in reused blocks, so that an event allocates and moves
// nothing.
class EventLog {
 public:
  // The checkpoint is notified before events are removed.
  EventLog(std::int64_t events_max, const CheckpointSlot<Checkpoint>& checkpoint)
      : events_max_(events_max), checkpoint_(checkpoint) {}

  std::int64_t first_sequence() const { return first_; }    // of those kept
  std::int64_t last_sequence() const { return next_ - 1; }  // 0 before the first
  std::int64_t size() const { return next_ - first_; }
  std::size_t bytes() const { return blocks_.size() * sizeof(Block); }
  // The sequence must be that of a stored event.
  const EventRecord& operator[](std::int64_t sequence) const {
    const auto at = static_cast<std::size_t>(sequence - base_);
    return (*blocks_[at / kBlock])[at % kBlock];
  }

  // Returns the sequence of the event.
  std::int64_t append(const EventRecord& event) {
    const auto at = static_cast<std::size_t>(next_ - base_);
    if (at == blocks_.size() * kBlock) blocks_.push_back(spare_ ? std::move(spare_) : std::make_unique<Block>());
    (*blocks_[at / kBlock])[at % kBlock] = event;
    ++next_;
    drop_through(next_ - 1 - events_max_);
    return next_ - 1;
  }
  // Drops all events up to `sequence`.
  void drop_through(std::int64_t sequence) {
    if (sequence >= first_ && checkpoint_.get() != nullptr) [[unlikely]]
      tell_checkpoint(sequence);
    first_ = std::clamp(sequence + 1, first_, next_);
    for (; first_ - base_ >= static_cast<std::int64_t>(kBlock); base_ += kBlock) {
      spare_ = std::move(blocks_.front());
      blocks_.pop_front();
    }
  }
  void reconfigure(std::int64_t events_max) {
    events_max_ = events_max;
    drop_through(last_sequence() - events_max);
  }
  // For a restored log, still empty: the next event is the one after `sequence`.
  void start_after(std::int64_t sequence) { first_ = next_ = base_ = sequence + 1; }

 private:
  static constexpr std::size_t kBlock = 1024;
  using Block = std::array<EventRecord, kBlock>;

  void tell_checkpoint(std::int64_t sequence) const;

  std::int64_t events_max_;
  const CheckpointSlot<Checkpoint>& checkpoint_;
  std::int64_t first_ = 1;
  std::int64_t next_ = 1;
  std::int64_t base_ = 1;  // sequence of the first event of the first block
  std::deque<std::unique_ptr<Block>> blocks_;
  std::unique_ptr<Block> spare_;
};

}  // namespace alphaforge::execution
