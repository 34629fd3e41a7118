#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/frames.hpp"
#include "base/time.hpp"
#include "execution/config.hpp"
#include "execution/event_log.hpp"
#include "execution/group_record.hpp"
#include "execution/order_history.hpp"
#include "execution/order_record.hpp"
#include "execution/pool.hpp"
#include "model/name_index.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"

namespace alphaforge::execution {

class Checkpoint;

Terms terms_of(const Order& order);
TrailTerms trail_terms(const Order& order);
// Stores the order's numbers as submitted; the record's own terms are rounded.
void set_submitted(OrderRecord& record, const Order& order);

// The orders that the engine remembers, with their fills. Final orders are forgotten, oldest first, when there are too
// many or they are too old. A forgotten order can't be placed again, because an order created no later than the
// youngest forgotten one is refused (rule 3.1).
class Ledger {
 public:
  // The checkpoint is notified before orders are removed.
  Ledger(const ExecutionConfig& config, const CheckpointSlot<Checkpoint>& checkpoint)
      : checkpoint_(checkpoint), final_orders_max_(config.max_final_orders), retention_ns_(config.order_retention_ns) {}

  // Applies from the next forget() on.
  void reconfigure(const ExecutionConfig& config) {
    final_orders_max_ = config.max_final_orders;
    retention_ns_ = config.order_retention_ns;
  }

  OrderRecord* find(std::string_view order_id) const { return index_.find(order_id); }
  // Prefetches for a find() of that id that follows soon.
  void prefetch(std::string_view order_id) const { index_.prefetch(index_.hash_of(order_id)); }
  // The order's id must be unknown.
  OrderRecord& add(const Order& order, Instrument& instrument, Strategy& strategy, std::int64_t now_ns);
  // The same for all orders of a group.
  GroupRecord& add_group(const OrderGroup& group, Instrument& instrument, Strategy& strategy, std::int64_t now_ns);
  FillRecord& add_fill(OrderRecord& order);
  // For a trailing stop.
  void add_trail(OrderRecord& order) { order.trail = trail_pool_.take(); }
  void set_status(OrderRecord& order, OrderStatus status) { orders_.set_status(order, status); }
  // Creates a restored order or fill; the caller sets its fields. find() and the order know it at once. The caller then
  // adds it to the history, and calls list() once everything is restored.
  OrderRecord& restore(std::string_view order_id, Instrument& instrument, Strategy& strategy, std::int64_t number);
  FillRecord& restore_fill(OrderRecord& order);
  // The group whose first order has that number; creates an empty one if there is none.
  GroupRecord& restore_group(std::int64_t number);
  void add_to_history(OrderRecord& order) { orders_.add(order); }
  void list(OrderRecord& order);
  void list(FillRecord& fill);
  // Call when the order is final and in no queue.
  void finish(OrderRecord& order);
  // True after finish().
  bool is_finished(const OrderRecord& order) const {
    return order.queue.previous != nullptr || order.queue.next != nullptr || final_.front() == &order;
  }

  // Whether an order created at that time might have been submitted before and forgotten.
  bool is_too_old(std::int64_t created_at) const { return created_at <= youngest_forgotten_; }
  // Frees final orders that need not be remembered any more, and drops their events.
  void forget(EventLog& events, std::int64_t now_ns);
  // Unlisted instruments whose last order was forgotten since the last call.
  std::vector<Instrument*> take_abandoned() { return std::exchange(abandoned_, {}); }

  const OrderHistory& orders() const { return orders_; }
  const FillHistory& fills() const { return fills_; }
  const Queue& final_orders() const { return final_; }
  // Groups by the number of their first order, unordered.
  const std::unordered_map<std::int64_t, GroupRecord>& groups() const { return groups_; }
  std::int64_t size() const { return static_cast<std::int64_t>(index_.size()); }
  std::int64_t fill_count() const { return fill_count_; }
  std::int64_t youngest_forgotten() const { return youngest_forgotten_; }
  std::int64_t last_number() const { return last_number_; }
  // For a restored ledger: the next order is the one after `number`.
  void set_last_number(std::int64_t number) { last_number_ = number; }
  void set_youngest_forgotten(std::int64_t created_at) { youngest_forgotten_ = created_at; }
  std::size_t bytes() const {
    return order_pool_.bytes() + fill_pool_.bytes() + trail_pool_.bytes() + index_.bytes() + orders_.bytes() +
           groups_.size() * sizeof(GroupRecord);
  }

 private:
  void release(OrderRecord& order);
  void leave_group(OrderRecord& order);

  const CheckpointSlot<Checkpoint>& checkpoint_;
  std::int64_t final_orders_max_;
  std::int64_t retention_ns_;
  std::int64_t final_count_ = 0;
  std::int64_t last_number_ = 0;
  std::int64_t fill_count_ = 0;
  std::int64_t youngest_forgotten_ = kNoTime;
  struct IdOf {
    std::string_view operator()(const OrderRecord& order) const { return order.id.view(); }
  };
  NameIndex<OrderRecord, IdOf> index_;
  OrderHistory orders_;
  FillHistory fills_;
  Queue final_;
  std::unordered_map<std::int64_t, GroupRecord> groups_;
  std::vector<Instrument*> abandoned_;
  Pool<OrderRecord> order_pool_;
  Pool<FillRecord> fill_pool_;
  Pool<Trail> trail_pool_;
};

}  // namespace alphaforge::execution
