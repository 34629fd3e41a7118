#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "execution/config.hpp"
#include "execution/event_log.hpp"
#include "execution/order_index.hpp"
#include "execution/order_record.hpp"
#include "execution/pool.hpp"

namespace alphaforge::execution {

// Every order the engine remembers, with its fills. Final orders are forgotten, oldest first, when there are too many or
// they are too old; whatever was forgotten can't be placed again, because an order made no later than the youngest
// forgotten one is refused (rule 3.1).
class Ledger {
 public:
  explicit Ledger(const ExecutionConfig& config)
      : final_orders_max_(config.max_final_orders), retention_ns_(config.order_retention_ns) {}

  // Applies from the next forget() on.
  void reconfigure(const ExecutionConfig& config) {
    final_orders_max_ = config.max_final_orders;
    retention_ns_ = config.order_retention_ns;
  }

  OrderRecord* find(std::string_view order_id) const { return index_.find(order_id); }
  // A find() of that id follows soon.
  void prefetch(std::string_view order_id) const { index_.prefetch(order_id); }
  // The order's id must be unknown.
  OrderRecord& add(const Order& order, Instrument& instrument, Strategy& strategy, std::int64_t now_ns);
  // For a restored order, whose fields its caller fills in.
  OrderRecord& add(std::string_view order_id, Instrument& instrument, Strategy& strategy, std::int64_t number);
  FillRecord& add_fill(OrderRecord& order);
  // The order is final and nowhere.
  void finish(OrderRecord& order);
  // Whether that was said of it.
  bool is_finished(const OrderRecord& order) const {
    return order.queue.previous != nullptr || order.queue.next != nullptr || final_.front() == &order;
  }

  // True when an order of that age might have been submitted before and forgotten.
  bool is_too_old(std::int64_t created_at) const { return created_at <= youngest_forgotten_; }
  // Frees the final orders that need not be remembered any longer, and drops their events.
  void forget(EventLog& events, std::int64_t now_ns);
  // Instruments without listing whose last order was forgotten since the last call.
  std::vector<Instrument*> take_abandoned() { return std::exchange(abandoned_, {}); }

  const OrderHistory& orders() const { return orders_; }
  const FillHistory& fills() const { return fills_; }
  const Queue& final_orders() const { return final_; }
  std::int64_t size() const { return static_cast<std::int64_t>(index_.size()); }
  std::int64_t fill_count() const { return fill_count_; }
  std::int64_t youngest_forgotten() const { return youngest_forgotten_; }
  // For a restored ledger: the next order is the one after `number`.
  void set_last_number(std::int64_t number) { last_number_ = number; }
  void set_youngest_forgotten(std::int64_t created_at) { youngest_forgotten_ = created_at; }
  std::size_t bytes() const { return order_pool_.bytes() + fill_pool_.bytes() + index_.bytes(); }

 private:
  void release(OrderRecord& order);

  std::int64_t final_orders_max_;
  std::int64_t retention_ns_;
  std::int64_t final_count_ = 0;
  std::int64_t last_number_ = 0;
  std::int64_t fill_count_ = 0;
  std::int64_t youngest_forgotten_ = kNever;
  OrderIndex index_;
  OrderHistory orders_;
  FillHistory fills_;
  Queue final_;
  std::vector<Instrument*> abandoned_;
  Pool<OrderRecord> order_pool_;
  Pool<FillRecord> fill_pool_;
};

}  // namespace alphaforge::execution
