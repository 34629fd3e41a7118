#pragma once

#include <cstdint>
#include <deque>

#include "execution/order_record.hpp"

namespace alphaforge::execution {

// One change of one order, with what of the order may change later.
struct EventRecord {
  OrderEventType type = OrderEventType::kSubmitted;
  OrderStatus status = OrderStatus::kInitialized;
  const OrderRecord* order = nullptr;
  const FillRecord* fill = nullptr;
  std::int64_t ts_event = 0;
  Terms terms;
  Quantity filled_quantity;
};

// The last events of an engine, numbered without a gap from 1.
class EventLog {
 public:
  explicit EventLog(std::int64_t events_max) : events_max_(events_max) {}

  std::int64_t first_sequence() const { return last_ - size() + 1; }  // of those kept
  std::int64_t last_sequence() const { return last_; }                // 0 before the first
  std::int64_t size() const { return static_cast<std::int64_t>(events_.size()); }
  std::size_t bytes() const { return events_.size() * sizeof(EventRecord); }
  // Its sequence must lie within those kept.
  const EventRecord& operator[](std::int64_t sequence) const {
    return events_[static_cast<std::size_t>(sequence - first_sequence())];
  }

  // Returns the sequence of the event.
  std::int64_t append(const EventRecord& event) {
    events_.push_back(event);
    if (size() > events_max_) events_.pop_front();
    return ++last_;
  }
  void reconfigure(std::int64_t events_max) {
    events_max_ = events_max;
    drop_through(last_ - events_max);
  }
  // For a restored log: the next event is the one after `sequence`.
  void start_after(std::int64_t sequence) { last_ = sequence; }
  // Drops all events up to `sequence`.
  void drop_through(std::int64_t sequence) {
    while (!events_.empty() && first_sequence() <= sequence) events_.pop_front();
  }

 private:
  std::int64_t events_max_;
  std::int64_t last_ = 0;
  std::deque<EventRecord> events_;
};

}  // namespace alphaforge::execution
