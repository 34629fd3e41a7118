#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/decimal.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "execution/counters.hpp"
#include "execution/event_log.hpp"
#include "execution/group_record.hpp"
#include "execution/instrument.hpp"
#include "execution/money.hpp"
#include "execution/order_record.hpp"
#include "execution/position_key.hpp"
#include "execution/positions.hpp"
#include "execution/trailing.hpp"
#include "execution/venue.hpp"
#include "model/instrument_definition.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"

// Queries of the venue, which return immutable values.

namespace alphaforge::execution {

namespace {

std::optional<Price> price_of_terms(bool has_one, Price price) {
  return has_one ? std::optional<Price>(price) : std::nullopt;
}

// A trailing stop gets them when it triggers or ends.
bool has_limit_price(const OrderRecord& order, const Terms& terms) {
  return order.has_limit() && (!order.is_trailing() || terms.price != kNoPrice);
}
bool has_stop_price(const OrderRecord& order, const Terms& terms) {
  return order.is_stop() && (!order.is_trailing() || terms.stop_price != kNoPrice);
}

// Offsets in ticks are shown as they were submitted.
void show_trail(Order& order, const TrailTerms& terms, const TrailTerms& submitted) {
  const TrailTerms& offsets = submitted.type == TrailingOffsetType::kTicks ? submitted : terms;
  order.trailing_offset = offsets.offset;
  order.trailing_offset_type = offsets.type;
  if (terms.activation_price != kNoPrice) order.activation_price = terms.activation_price;
  if (order.type == OrderType::kTrailingStopLimit) order.limit_offset = offsets.limit_offset;
}

Fill show(const FillRecord& record) {
  const OrderRecord& order = *record.order;
  Value value;  // it fitted when the order filled
  if (!value_at(order.instrument->definition.get(), record.price, record.quantity.mantissa, value)) value = {};
  return {std::string(order.id.view()),
          order.instrument->id,
          order.strategy->id,
          order.side,
          record.number,
          record.price,
          record.quantity,
          value,
          record.commission,
          record.liquidity_side,
          record.commission_rules,
          record.trade_id,
          record.ts_event,
          record.sequence};
}

// The order with those terms, without its state.
Order show_terms(const OrderRecord& record, const Terms& terms, const TrailTerms& trail) {
  Order order;
  order.order_id = record.id.view();
  order.symbol = record.instrument->id;
  order.strategy_id = record.strategy->id;
  order.side = record.side;
  order.type = record.type;
  order.time_in_force = record.time_in_force;
  order.post_only = record.post_only;
  order.quantity = terms.quantity;
  order.price = price_of_terms(has_limit_price(record, terms), terms.price);
  order.stop_price = price_of_terms(has_stop_price(record, terms), terms.stop_price);
  if (record.is_trailing()) show_trail(order, trail, record.trail->submitted_terms);
  order.created_at = record.created_at;
  order.expire_time = record.expire_time();
  order.reduce_only = record.reduce_only;
  if (record.group != nullptr) {
    order.group_type = record.group->type;
    order.group_id = record.group->id.view();
  }
  return order;
}

Order show(const OrderRecord& record, bool with_fills) {
  Order order = show_terms(record, record.terms, record.is_trailing() ? record.trail->terms : TrailTerms{});
  if (record.place == Place::kTrailing) order.stop_price = stop_price_of(record);
  order.status = record.status;
  order.reject_reason = record.reject_reason;
  order.cancel_reason = record.cancel_reason;
  order.filled_quantity = record.filled_quantity;
  order.avg_fill_price =
      average_price(record.instrument->definition.get(), record.filled_value.mantissa, record.filled_quantity.mantissa);
  order.commission = record.commission;
  order.submitted_at = record.submitted_at;
  order.updated_at = record.updated_at;
  if (record.is_triggered()) order.triggered_at = record.triggered_at;
  if (record.last_fill != nullptr) order.fill_count = record.last_fill->number;
  if (with_fills)
    for (const FillRecord* fill = record.first_fill; fill != nullptr; fill = fill->next_of_order)
      order.fills.push_back(show(*fill));
  return order;
}

OrderEvent show(const EventRecord& record, std::int64_t sequence) {
  const OrderRecord& order = *record.order;
  OrderEvent event;
  event.sequence = sequence;
  event.type = record.type;
  event.order_id = order.id.view();
  event.symbol = order.instrument->id;
  event.strategy_id = order.strategy->id;
  event.ts_event = record.ts_event;
  event.status = record.status;
  event.filled_quantity = record.filled_quantity;
  event.leaves_quantity = {record.terms.quantity.mantissa - record.filled_quantity.mantissa};
  const bool is_rounded = record.type == OrderEventType::kSubmitted && record.terms != order.submitted_terms;
  if (record.type == OrderEventType::kModified || is_rounded) event.quantity = record.terms.quantity;
  if (event.quantity || (record.type == OrderEventType::kTriggered && order.is_trailing())) {
    event.price = price_of_terms(has_limit_price(order, record.terms), record.terms.price);
    event.stop_price = price_of_terms(has_stop_price(order, record.terms), record.terms.stop_price);
  }
  if (record.type == OrderEventType::kRejected) event.reject_reason = order.reject_reason;
  if (record.type == OrderEventType::kCancelled) event.cancel_reason = order.cancel_reason;
  if (record.type == OrderEventType::kSubmitted || record.type == OrderEventType::kRejected)
    event.order =
        show_terms(order, order.submitted_terms, order.is_trailing() ? order.trail->submitted_terms : TrailTerms{});
  if (record.fill != nullptr) event.fill = show(*record.fill);
  return event;
}

Position show(const Strategy& strategy, const Instrument& instrument, const PositionRecord& record) {
  // A position is made by a fill, so its instrument has a last price. What does not fit shows as 0.
  const InstrumentDefinition* const definition = instrument.definition.get();
  const Value unrealized = unrealized_pnl(record, definition, instrument.last_price).value_or(Value{});
  const int128 cost = record.net_quantity < 0 ? -record.cost.mantissa : record.cost.mantissa;
  return {strategy.id,
          instrument.id,
          record.net_quantity,
          average_price(definition, cost, record.net_quantity),
          {cost},
          record.realized_pnl,
          unrealized,
          record.commission,
          instrument.last_price,
          exposure(record, definition, instrument.last_price).value_or(Value{})};
}

[[noreturn]] void unknown_page(const std::string& after) {
  throw InvalidArgument(Reason::PAGE_TOKEN_INVALID,
                        "can't continue after " + after + ": it is unknown or no longer remembered");
}

// Visits a list from its front, or from its back, or from where the previous page ended, until `take` has enough.
template <class List, class T, class Take>
void walk(const List& list, const T* after, bool newest, const Take& take) {
  const T* at = newest ? list.back() : list.front();
  if (after != nullptr) at = newest ? List::previous(after) : List::next(after);
  while (at != nullptr && !take(*at)) at = newest ? List::previous(at) : List::next(at);
}

}  // namespace

std::optional<Order> Venue::order(std::string_view order_id) const {
  const OrderRecord* found = ledger_.find(order_id);
  return found == nullptr ? std::nullopt : std::optional<Order>(show(*found, true));
}

// The owners of the orders and fills to return; null for any.
struct Venue::Owners {
  const Strategy* strategy = nullptr;
  const Instrument* instrument = nullptr;

  bool own(const OrderRecord& order) const {
    return (strategy == nullptr || order.strategy == strategy) &&
           (instrument == nullptr || order.instrument == instrument);
  }
};

// None if the filter names an unknown strategy or instrument.
std::optional<Venue::Owners> Venue::owners(const Filter& filter) const {
  Owners owners;
  if (filter.strategy_id) {
    const auto found = strategies_.find(*filter.strategy_id);
    if (found == strategies_.end()) return std::nullopt;
    owners.strategy = found->second.get();
  }
  if (filter.symbol) {
    const auto unlisted = unlisted_.find(*filter.symbol);
    owners.instrument = unlisted == unlisted_.end() ? find_instrument(*filter.symbol) : unlisted->second.get();
    if (owners.instrument == nullptr) return std::nullopt;
  }
  return owners;
}

// Reads the shortest of the lists that hold everything the filter asks for.
std::vector<Order> Venue::orders(const Filter& filter) const {
  const OrderRecord* after = filter.after.empty() ? nullptr : ledger_.find(filter.after);
  if (after == nullptr && !filter.after.empty()) unknown_page(filter.after);
  std::vector<Order> found;
  const auto asked = owners(filter);
  if (!asked || filter.limit == 0) return found;
  const auto& [strategy, instrument] = *asked;
  const auto& statuses = filter.statuses;
  // True when there is enough.
  const auto take = [&](const OrderRecord& order) {
    if (asked->own(order) && (statuses.empty() || std::ranges::find(statuses, order.status) != statuses.end()))
      found.push_back(show(order, filter.with_fills));
    return found.size() == filter.limit;
  };
  const bool only_active = !statuses.empty() && std::ranges::all_of(statuses, is_active);
  const bool in_strategy = strategy != nullptr && (after == nullptr || after->strategy == strategy);
  const bool in_instrument = instrument != nullptr && (after == nullptr || after->instrument == instrument);
  const std::int64_t all = ledger_.orders().count(statuses);
  const std::int64_t of_strategy = !in_strategy  ? INT64_MAX
                                   : only_active ? strategy->open_count
                                                 : strategy->order_count;
  const std::int64_t of_instrument = in_instrument ? instrument->order_count : INT64_MAX;
  if (of_strategy <= std::min(all, of_instrument) && only_active) {
    const auto step = [&]<class List>(const List&, const OrderRecord* order) {
      return filter.newest ? List::previous(order) : List::next(order);
    };
    const OrderRecord* order = filter.newest ? strategy->open.back() : strategy->open.front();
    // The last order of the previous page may no longer be active.
    if (after != nullptr) order = step(strategy->orders, after);
    while (order != nullptr && !is_active(order->status)) order = step(strategy->orders, order);
    while (order != nullptr && !take(*order)) order = step(strategy->open, order);
  } else if (of_strategy <= std::min(all, of_instrument)) {
    walk(strategy->orders, after, filter.newest, take);
  } else if (of_instrument <= all) {
    walk(instrument->orders, after, filter.newest, take);
  } else {
    const OrderHistory& orders = ledger_.orders();
    const auto step = [&](std::int64_t number) {
      return filter.newest ? orders.previous(number, statuses) : orders.next(number, statuses);
    };
    const OrderRecord* order = step(after != nullptr ? after->number : filter.newest ? INT64_MAX : 0);
    while (order != nullptr && !take(*order)) order = step(order->number);
  }
  if (filter.newest) std::ranges::reverse(found);
  return found;
}

std::vector<Order> Venue::active_orders(std::string_view strategy_id) const {
  std::vector<Order> found;
  const auto strategy = strategies_.find(strategy_id);
  if (strategy == strategies_.end()) return found;
  found.reserve(static_cast<std::size_t>(strategy->second->open_count));
  for (const OrderRecord* order = strategy->second->open.front(); order != nullptr; order = OpenQueue::next(order))
    if (is_active(order->status)) found.push_back(show(*order, true));
  return found;
}

const FillRecord* Venue::find_fill(const std::string& fill_id) const {
  const std::size_t dash = fill_id.rfind('-');
  if (dash == std::string::npos) unknown_page(fill_id);
  const OrderRecord* order = ledger_.find(std::string_view(fill_id).substr(0, dash));
  const FillRecord* fill = order == nullptr ? nullptr : order->first_fill;
  while (fill != nullptr && std::to_string(fill->number) != fill_id.substr(dash + 1)) fill = fill->next_of_order;
  if (fill == nullptr) unknown_page(fill_id);
  return fill;
}

std::vector<Fill> Venue::fills(const Filter& filter) const {
  const FillRecord* after = filter.after.empty() ? nullptr : find_fill(filter.after);
  std::vector<Fill> found;
  const auto asked = owners(filter);
  if (!asked || filter.limit == 0) return found;
  const auto& [strategy, instrument] = *asked;
  // True when there is enough.
  const auto take = [&](const FillRecord& fill) {
    if (asked->own(*fill.order)) found.push_back(show(fill));
    return found.size() == filter.limit;
  };
  if (filter.order_id) {
    const OrderRecord* order = ledger_.find(*filter.order_id);
    if (order == nullptr) return found;
    // The fills of an order are only linked forwards.
    const FillRecord* fill = after == nullptr || filter.newest ? order->first_fill : after->next_of_order;
    const FillRecord* const end = filter.newest ? after : nullptr;
    for (; fill != end && (filter.newest || found.size() != filter.limit); fill = fill->next_of_order)
      if (asked->own(*order)) found.push_back(show(*fill));
    if (found.size() > filter.limit)
      found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(filter.limit));
    return found;
  }
  const bool in_strategy = strategy != nullptr && (after == nullptr || after->order->strategy == strategy);
  const bool in_instrument = instrument != nullptr && (after == nullptr || after->order->instrument == instrument);
  const std::int64_t of_strategy = in_strategy ? strategy->fill_count : INT64_MAX;
  const std::int64_t of_instrument = in_instrument ? instrument->fill_count : INT64_MAX;
  if (in_strategy && of_strategy <= of_instrument) {
    walk(strategy->fills, after, filter.newest, take);
  } else if (in_instrument) {
    walk(instrument->fills, after, filter.newest, take);
  } else {
    walk(ledger_.fills(), after, filter.newest, take);
  }
  if (filter.newest) std::ranges::reverse(found);
  return found;
}

std::vector<Position> Venue::positions(const Filter& filter) const {
  const auto after = filter.after.empty() ? PositionKey{} : PositionKey::of(filter.after);
  std::vector<const Strategy*> strategies;
  for (const Strategy* strategy : strategies_of(filter.strategy_id))
    if (!strategy->positions.empty() && strategy->id >= after.strategy_id) strategies.push_back(strategy);
  std::ranges::sort(strategies, {}, &Strategy::id);
  std::vector<Position> found;
  std::vector<std::pair<const Instrument*, const PositionRecord*>> held;
  for (const Strategy* strategy : strategies) {
    held.clear();
    for (const auto& [instrument, record] : strategy->positions) {
      const bool is_asked = !filter.symbol || instrument->id == *filter.symbol;
      if (is_asked && (strategy->id > after.strategy_id || instrument->id > after.symbol))
        held.emplace_back(instrument, &record);
    }
    const std::size_t count = std::min(held.size(), filter.limit - found.size());
    const auto end = held.begin() + static_cast<std::ptrdiff_t>(count);
    std::ranges::partial_sort(held, end, {}, [](const auto& one) -> const std::string& { return one.first->id; });
    for (auto at = held.begin(); at != end; ++at) found.push_back(show(*strategy, *at->first, *at->second));
    if (found.size() == filter.limit) break;
  }
  return found;
}

// At most `limit` sequences of its events that are kept, from `first` on.
std::vector<std::int64_t> Venue::events_of(const Strategy& strategy, std::int64_t first, std::size_t limit) const {
  const EventChain& chain = strategy.events;
  std::vector<std::int64_t> found;
  // From each mark, and from the last event, back to those that are found already.
  for (auto mark = std::ranges::lower_bound(chain.marks, first); found.size() < limit && first <= chain.last;) {
    const bool is_last = mark == chain.marks.end();
    const std::int64_t end = is_last ? chain.last : *mark++;
    const auto begin = static_cast<std::ptrdiff_t>(found.size());
    for (std::int64_t at = end; at >= first; at = events_[at].previous_of_strategy) found.push_back(at);
    std::reverse(found.begin() + begin, found.end());
    first = end + 1;
  }
  if (found.size() > limit) found.resize(limit);
  return found;
}

std::vector<OrderEvent> Venue::events(std::int64_t from_sequence, std::size_t limit,
                                      std::optional<std::string_view> strategy_id) const {
  std::vector<OrderEvent> found;
  std::int64_t sequence = std::max(from_sequence, events_.first_sequence());
  if (!strategy_id) {
    for (; sequence <= events_.last_sequence() && found.size() < limit; ++sequence)
      found.push_back(show(events_[sequence], sequence));
    return found;
  }
  const auto strategy = strategies_.find(*strategy_id);
  if (strategy == strategies_.end()) return found;
  for (const std::int64_t at : events_of(*strategy->second, sequence, limit)) found.push_back(show(events_[at], at));
  return found;
}

ExecutionStatistics Venue::statistics() const {
  const auto real = [](int128 mantissa, int places) { return to_double(mantissa, places); };
  ExecutionStatistics statistics = counts_;
  statistics.instruments = static_cast<std::int64_t>(instruments_.size());
  statistics.strategies = static_cast<std::int64_t>(strategies_.size());
  statistics.orders_kept = ledger_.size();
  statistics.events_kept = events_.size();
  statistics.memory_usage_bytes = static_cast<std::int64_t>(ledger_.bytes() + events_.bytes());
  if (counts_.orders_submitted > 0)
    statistics.fill_ratio = static_cast<double>(counts_.orders_filled) / static_cast<double>(counts_.orders_submitted);
  statistics.total_volume = real(total_volume_.mantissa, kPlaces);
  statistics.total_notional = real(total_notional_.mantissa, kValuePlaces);
  statistics.total_commission = real(total_commission_.mantissa, kValuePlaces);
  return statistics;
}

}  // namespace alphaforge::execution
