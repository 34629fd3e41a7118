#include "execution/engine.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "bindings/execution/execution.hpp"
#include "bindings/gil.hpp"
#include "bindings/model/trade_tick_batch.hpp"
#include "bindings/numbers.hpp"
#include "execution/venue.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"
#include "model/trade_tick.hpp"
#include "model/trade_tick_batch.hpp"

// ExecutionEngine: conversion and GIL policy.

namespace alphaforge::bindings {

using namespace nb::literals;
using execution::CancelFilter;
using execution::Change;
using execution::ExecutionEngine;
using execution::Filter;
using execution::Print;
using execution::Venue;

namespace {

nb::str submit_order(BoundExecutionEngine& self, const Order& order) {
  const std::int64_t received = self.now();
  with_gil(self.engine, [&](Venue& venue) { return venue.submit(order, received); });
  self.submitted(1, received);
  return to_str(order.order_id);
}

nb::list submit_order_group(BoundExecutionEngine& self, const OrderGroup& group) {
  const std::int64_t received = self.now();
  with_gil(self.engine, [&](Venue& venue) { return venue.submit_group(group, received); });
  self.submitted(static_cast<std::int64_t>(group.orders.size()), received);
  nb::list ids;
  for (const Order& order : group.orders) ids.append(to_str(order.order_id));
  return ids;
}

// An order of a batch that was not placed.
struct Failure {
  std::size_t index;
  Reason reason;
  std::string message;
  bool is_exhausted;
};

// How many orders ahead index entries are prefetched.
constexpr std::size_t kAhead = 8;

// Submits the orders [begin, end).
void submit_piece(Venue& venue, const std::vector<const Order*>& orders, std::size_t begin, std::size_t end,
                  std::int64_t received, std::vector<Failure>& failures) {
  for (std::size_t i = begin; i < end; ++i) {
    if (i + kAhead < orders.size()) venue.prefetch(orders[i + kAhead]->order_id);
    try {
      venue.submit(*orders[i], received);
    } catch (const InvalidArgument& error) {
      failures.push_back({i, error.reason(), error.what(), false});
    } catch (const ResourceExhausted& error) {
      failures.push_back({i, error.reason(), error.what(), true});
    }
  }
}

[[noreturn]] void raise_batch_error(const std::vector<const Order*>& orders, const std::vector<Failure>& failures) {
  const nb::module_ errors = nb::module_::import_("alphaforge_core.errors");
  nb::list results;
  for (const Order* order : orders) results.append(to_str(order->order_id));
  for (const Failure& failure : failures) {
    const nb::object type = errors.attr(failure.is_exhausted ? "ResourceExhausted" : "InvalidArgument");
    results[failure.index] = type(to_str(failure.message), "reason"_a = to_str(name_of(failure.reason)));
  }
  const std::string message = std::to_string(failures.size()) + " of " + std::to_string(orders.size()) +
                              " orders were not placed; the first: " + failures.front().message;
  const nb::object type = errors.attr("BatchError");
  PyErr_SetObject(type.ptr(), type(to_str(message), "results"_a = results).ptr());
  throw nb::python_error();
}

nb::list submit_orders(BoundExecutionEngine& self, nb::handle given) {
  // A tuple keeps the orders alive while the GIL is released.
  const nb::tuple kept(nb::borrow(given));
  std::vector<const Order*> orders;
  orders.reserve(kept.size());
  for (const nb::handle item : kept) {
    const Order* order = nullptr;
    if (!nb::try_cast(item, order, false) || order == nullptr)
      throw UnsupportedValue(Reason::TYPE_UNSUPPORTED,
                             std::string("submit_orders takes Orders, not ") + nb::type_name(item.type()).c_str());
    orders.push_back(order);
  }
  const std::int64_t received = self.now();
  std::vector<Failure> failures;
  without_gil([&] {
    self.engine.in_pieces(0, orders.size(), [&](Venue& venue, std::size_t begin, std::size_t end) {
      submit_piece(venue, orders, begin, end, received, failures);
    });
  });
  self.submitted(static_cast<std::int64_t>(orders.size()), received);
  if (!failures.empty()) raise_batch_error(orders, failures);
  nb::list ids;
  for (const Order* order : orders) ids.append(to_str(order->order_id));
  return ids;
}

Print print_of(const TradeTick& tick) {
  return {tick.instrument_id, tick.price, tick.quantity, tick.aggressor_side, tick.trade_id, tick.ts_event};
}

void process_trade_tick(BoundExecutionEngine& self, const TradeTick& tick) {
  const std::int64_t now = self.now();
  with_gil(self.engine, [&](Venue& venue) { return venue.process(print_of(tick), now); });
}

TickResult process_batch(BoundExecutionEngine& self, const TradeTickBatch& batch) {
  const std::int64_t now = self.now();
  const auto found = without_gil([&] { return self.engine.process(batch, 0, now); });
  TickResult result;
  for (const auto& [row, reason] : found.rejected) result.rejected.append(nb::make_tuple(row, to_str(name_of(reason))));
  for (const std::size_t row : found.duplicates) result.duplicates.append(row);
  return result;
}

TickResult process_trade_ticks(BoundExecutionEngine& self, nb::handle ticks, const nb::kwargs& columns) {
  if (!ticks.is_none() && columns.size() == 0 && nb::isinstance<TradeTickBatch>(ticks))
    return process_batch(self, nb::cast<const TradeTickBatch&>(ticks));
  return process_batch(self, ticks.is_none() ? batch_of_columns(columns) : batch_of_ticks(ticks, columns));
}

bool cancel_order(BoundExecutionEngine& self, nb::handle order_id) {
  const std::string_view id = to_text(order_id, "order_id");
  const std::int64_t now = self.now();
  return with_gil(self.engine, [&](Venue& venue) { return venue.cancel(id, now); });
}

std::int64_t cancel_all_orders(BoundExecutionEngine& self, nb::handle strategy_id, nb::handle symbol,
                               std::optional<OrderSide> side) {
  const CancelFilter filter{optional_text(strategy_id, "strategy_id"), optional_text(symbol, "symbol"), side};
  const std::int64_t now = self.now();
  return without_gil(self.engine,
                     [&](Venue& venue) { return venue.cancel_all(filter, CancelReason::kRequested, now); });
}

void reconfigure(BoundExecutionEngine& self, const GivenExecutionConfig& config) {
  without_gil(self.engine, [&](Venue& venue) { venue.reconfigure(config.config); });
  self.config = config;
}

bool modify_order(BoundExecutionEngine& self, nb::handle order_id, nb::handle quantity, nb::handle price,
                  nb::handle stop_price) {
  const std::string_view id = to_text(order_id, "order_id");
  Change change;
  if (!quantity.is_none()) change.quantity = to_quantity(quantity);
  if (!price.is_none()) change.price = to_price(price);
  if (!stop_price.is_none()) change.stop_price = to_price(stop_price, "stop_price");
  const std::int64_t now = self.now();
  return with_gil(self.engine, [&](Venue& venue) { return venue.modify(id, change, now); });
}

std::vector<Order> get_orders(BoundExecutionEngine& self, nb::handle strategy_id, nb::handle status, nb::handle symbol,
                              nb::handle limit, nb::handle after) {
  Filter filter = to_filter(strategy_id, symbol, nb::none(), status, limit, after);
  filter.newest = !limit.is_none() && after.is_none();
  return without_gil(self.engine, [&](const Venue& venue) { return venue.orders(filter); });
}

std::vector<Fill> get_fills(BoundExecutionEngine& self, nb::handle strategy_id, nb::handle order_id, nb::handle symbol,
                            nb::handle limit, nb::handle after) {
  Filter filter = to_filter(strategy_id, symbol, order_id, nb::none(), limit, after);
  filter.newest = !limit.is_none() && after.is_none();
  return without_gil(self.engine, [&](const Venue& venue) { return venue.fills(filter); });
}

std::vector<Position> get_positions(BoundExecutionEngine& self, nb::handle strategy_id, nb::handle symbol) {
  const Filter filter = to_filter(strategy_id, symbol, nb::none(), nb::none(), nb::none(), nb::none());
  return without_gil(self.engine, [&](const Venue& venue) { return venue.positions(filter); });
}

std::vector<OrderEvent> get_events(BoundExecutionEngine& self, nb::handle from_sequence, nb::handle limit,
                                   nb::handle strategy_id) {
  const std::int64_t from = to_count(from_sequence, "from_sequence");
  const std::size_t most = limit_of(limit);
  const auto strategy = optional_text(strategy_id, "strategy_id");
  return without_gil(self.engine, [&](const Venue& venue) { return venue.events(from, most, strategy); });
}

void bind_submission(nb::class_<BoundExecutionEngine>& type) {
  type.def("submit_order", &submit_order, "order"_a, nb::sig("def submit_order(self, order: Order) -> str"),
           "Places the order and returns its id. Submitting it again changes nothing and returns the "
           "id.\n\n"
           "An order refused by a rule is Rejected, with a reject_reason, without an error. Raises "
           "InvalidArgument (a ValueError) for a malformed order, and with reason ORDER_CONFLICT for "
           "an id that was submitted with other fields; ResourceExhausted for a strategy beyond "
           "max_strategies.")
      .def("submit_orders", &submit_orders, "orders"_a,
           nb::sig("def submit_orders(self, orders: collections.abc.Iterable[Order]) -> list[str]"),
           "Places the orders in turn and returns their ids. Runs without the GIL.\n\n"
           "If an order is malformed, places the others and raises BatchError (a ValueError) with "
           "`.results`.")
      .def("submit_order_group", &submit_order_group, "group"_a,
           nb::sig("def submit_order_group(self, group: OrderGroup) -> list[str]"),
           "Places all orders of the group, or none, and returns their ids. Submitting it again changes nothing and "
           "returns the ids.\n\n"
           "If a rule refuses one of them, all are Rejected, without an error. Raises InvalidArgument (a ValueError) "
           "with reason ORDER_CONFLICT if an id was submitted with other fields or in another group; "
           "ResourceExhausted for a strategy beyond max_strategies.")
      .def("cancel_order", &cancel_order, "order_id"_a, nb::sig("def cancel_order(self, order_id: str) -> bool"),
           "Cancels an order; True if it was active or asleep and is now Cancelled, False if it is unknown or "
           "final.")
      .def("cancel_all_orders", &cancel_all_orders, "strategy_id"_a = nb::none(), nb::kw_only(),
           "symbol"_a = nb::none(), "side"_a = nb::none(),
           nb::sig("def cancel_all_orders(self, strategy_id: str | None = None, *, symbol: str | None = None, side: "
                   "OrderSide | None = None) -> int"),
           "Cancels the active and sleeping orders of one strategy (None: of all), of one symbol and on one side if "
           "given, by priority. Returns how many.")
      .def(
          "modify_order", &modify_order, "order_id"_a, nb::kw_only(), "quantity"_a = nb::none(), "price"_a = nb::none(),
          "stop_price"_a = nb::none(),
          nb::sig(
              "def modify_order(self, order_id: str, *, quantity: alphaforge_core.model.Quantity | int | str | float | "
              "decimal.Decimal | None = None, price: alphaforge_core.model.Price | int | str | float | decimal.Decimal "
              "| "
              "None = None, stop_price: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = "
              "None) "
              "-> bool"),
          "Changes an active order; `quantity` is the new total. Equal values change nothing and "
          "return True.\n\n"
          "A decrease keeps the priority; a new price or an increase takes a new priority, and the "
          "order arrives again. Returns False if the order is unknown or final, if the quantity is "
          "not above the filled quantity, for a new stop price after the trigger, and, except for a "
          "decrease, while halted or beyond a limit. Raises InvalidArgument (a ValueError) for "
          "numbers not above 0 and for a field that does not apply to the order's type.");
}

void bind_market(nb::class_<BoundExecutionEngine>& type) {
  type.def("process_trade_tick", &process_trade_tick, "tick"_a,
           nb::sig("def process_trade_tick(self, tick: alphaforge_core.model.TradeTick) -> None"),
           "Applies one tick to the orders of its symbol. Refused and duplicate ticks change nothing "
           "and are counted.")
      .def("process_trade_ticks", &process_trade_ticks, "ticks"_a = nb::none(), "columns"_a,
           nb::sig("def process_trade_ticks(self, ticks: collections.abc.Iterable[alphaforge_core.model.TradeTick] | "
                   "alphaforge_core.model.TradeTickBatch | alphaforge_core._tables.TickTable | None = None, *, "
                   "instrument_id: typing.Any = None, "
                   "prices: typing.Any = None, quantities: typing.Any = None, ts_event: typing.Any = None, "
                   "ts_init: typing.Any = None, sides: typing.Any = None, trade_ids: typing.Any = None, price_scale: "
                   "int = 0, "
                   "quantity_scale: int = 0, instrument_index: typing.Any = None) -> TickResult"),
           "Applies many ticks in order: a sequence of TradeTick, or columns as for "
           "TradeTickBatch.from_columns().\n\n"
           "Runs without the GIL. Raises ValueError if something is not a tick; then nothing is "
           "applied.")
      .def("process_batch", &process_batch, "batch"_a,
           nb::sig("def process_batch(self, batch: alphaforge_core.model.TradeTickBatch) -> TickResult"),
           "Applies the ticks of a batch in order. Runs without the GIL.")
      .def(
          "advance_time",
          [](BoundExecutionEngine& self, nb::handle now_ns) {
            const std::int64_t market_time = to_nanos(now_ns, "now_ns");
            const std::int64_t now = self.now();
            without_gil(self.engine, [&](Venue& venue) { venue.advance_time(market_time, now); });
          },
          "now_ns"_a, nb::sig("def advance_time(self, now_ns: int) -> None"),
          "Advances market time of all symbols, never back. DAY and GTD orders whose time has come are cancelled.\n\n"
          "Raises InvalidArgument (a ValueError) for a time that is negative or within a day of 2^63.")
      .def(
          "halt",
          [](BoundExecutionEngine& self) { with_gil(self.engine, [](Venue& venue) { venue.set_halted(true); }); },
          "Rejects new orders. Open orders can still fill, be reduced and be cancelled.")
      .def(
          "resume",
          [](BoundExecutionEngine& self) { with_gil(self.engine, [](Venue& venue) { venue.set_halted(false); }); },
          "Accepts new orders again, after `halt`.")
      .def("reconfigure", &reconfigure, "config"_a,
           nb::sig("def reconfigure(self, config: ExecutionEngineConfig) -> None"),
           "Changes settings; existing orders are unchanged, even beyond a limit.")
      .def_prop_ro(
          "is_halted",
          [](BoundExecutionEngine& self) {
            return with_gil(self.engine, [](const Venue& venue) { return venue.is_halted(); });
          },
          "True if new orders are rejected.");
}

void bind_queries(nb::class_<BoundExecutionEngine>& type) {
  type.def(
          "get_order",
          [](BoundExecutionEngine& self, nb::handle order_id) {
            const std::string_view id = to_text(order_id, "order_id");
            return with_gil(self.engine, [&](const Venue& venue) { return venue.order(id); });
          },
          "order_id"_a, nb::sig("def get_order(self, order_id: str) -> Order | None"),
          "The current state of the order; None if it is unknown.")
      .def(
          "get_active_orders",
          [](BoundExecutionEngine& self, nb::handle strategy_id) {
            const std::string_view id = to_text(strategy_id, "strategy_id");
            return without_gil(self.engine, [&](const Venue& venue) { return venue.active_orders(id); });
          },
          "strategy_id"_a, nb::sig("def get_active_orders(self, strategy_id: str) -> list[Order]"),
          "The strategy's open orders, in order of submission.")
      .def("get_orders", &get_orders, "strategy_id"_a = nb::none(), "status"_a = nb::none(), nb::kw_only(),
           "symbol"_a = nb::none(), "limit"_a = nb::none(), "after"_a = nb::none(),
           nb::sig("def get_orders(self, strategy_id: str | None = None, status: OrderStatus | "
                   "collections.abc.Iterable[OrderStatus] | None = None, *, symbol: str | None = None, limit: int | "
                   "None = None, "
                   "after: str | None = None) -> list[Order]"),
           "The orders that match all given filters, in order of submission; the newest `limit`.\n\n"
           "after: for pages from the first order on: \"\", then the last order_id of the previous page. Raises "
           "InvalidArgument (PAGE_TOKEN_INVALID) if it is unknown.")
      .def("get_fills", &get_fills, "strategy_id"_a = nb::none(), nb::kw_only(), "order_id"_a = nb::none(),
           "symbol"_a = nb::none(), "limit"_a = nb::none(), "after"_a = nb::none(),
           nb::sig("def get_fills(self, strategy_id: str | None = None, *, order_id: str | None = None, symbol: str | "
                   "None = None, "
                   "limit: int | None = None, after: str | None = None) -> list[Fill]"),
           "The fills that match all given filters, in order of execution; the newest `limit`.\n\n"
           "after: for pages from the first fill on: \"\", then the last fill_id of the previous page. Raises "
           "InvalidArgument (PAGE_TOKEN_INVALID) if it is unknown.")
      .def("get_positions", &get_positions, "strategy_id"_a = nb::none(), nb::kw_only(), "symbol"_a = nb::none(),
           nb::sig("def get_positions(self, strategy_id: str | None = None, *, symbol: str | None = None) -> "
                   "list[Position]"),
           "Positions by strategy, then symbol, including flat ones.")
      .def("events", &get_events, "from_sequence"_a = 0, "limit"_a = nb::none(), nb::kw_only(),
           "strategy_id"_a = nb::none(),
           nb::sig("def events(self, from_sequence: int = 0, limit: int | None = None, *, strategy_id: str | None = "
                   "None) -> "
                   "list[OrderEvent]"),
           "The kept events from that sequence on, at most `limit`.")
      .def_prop_ro(
          "first_event_sequence", [](const BoundExecutionEngine& self) { return self.engine.first_event_sequence(); },
          "The sequence of the oldest event kept.")
      .def_prop_ro(
          "last_event_sequence", [](const BoundExecutionEngine& self) { return self.engine.last_event_sequence(); },
          "The sequence of the newest event; 0 before the first.")
      .def(
          "statistics",
          [](BoundExecutionEngine& self) { return without_gil([&] { return self.engine.statistics(); }); },
          "The current counters.")
      .def(
          "snapshot",
          [](BoundExecutionEngine& self) {
            const std::string bytes = without_gil(self.engine, [](const Venue& venue) { return venue.snapshot(); });
            return nb::bytes(bytes.data(), bytes.size());
          },
          nb::sig("def snapshot(self) -> bytes"), "The whole state as bytes, versioned and with a checksum.")
      .def(
          "restore",
          [](BoundExecutionEngine& self, const nb::bytes& snapshot) {
            const std::string_view bytes(snapshot.c_str(), snapshot.size());
            without_gil(self.engine, [&](Venue& venue) { venue.restore(bytes); });
          },
          "snapshot"_a, nb::sig("def restore(self, snapshot: bytes) -> None"),
          "Restores a snapshot into an empty engine with the same settings.\n\n"
          "Raises EngineError (JOURNAL_DAMAGED) for an invalid or damaged snapshot, or one of "
          "another release; the engine is then unusable.")
      .def(
          "state_hash",
          [](BoundExecutionEngine& self) {
            return without_gil(self.engine, [](const Venue& venue) { return venue.state_hash(); });
          },
          "A 64-bit hash of the whole state; equal histories have equal hashes. Takes time "
          "proportional to the state.")
      .def(
          "validate",
          [](BoundExecutionEngine& self) {
            return without_gil(self.engine, [](const Venue& venue) { return venue.validate(); });
          },
          "For tests: checks the whole state and describes violated invariants; empty unless there "
          "is a bug.");
}

}  // namespace

std::optional<std::string> optional_text(nb::handle value, const char* what) {
  return value.is_none() ? std::nullopt : std::optional<std::string>(to_text(value, what));
}

std::size_t limit_of(nb::handle limit) {
  if (limit.is_none()) return SIZE_MAX;
  const std::int64_t count = to_count(limit, "limit");
  if (count < 0)
    throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE, "limit must not be negative, it is " + std::to_string(count));
  return static_cast<std::size_t>(count);
}

static std::vector<OrderStatus> statuses_of(nb::handle status) {
  std::vector<OrderStatus> statuses;
  if (status.is_none()) return statuses;
  if (nb::isinstance<OrderStatus>(status)) return {nb::cast<OrderStatus>(status)};
  for (const nb::handle one : nb::iter(status)) statuses.push_back(nb::cast<OrderStatus>(one));
  return statuses;
}

execution::Filter to_filter(nb::handle strategy_id, nb::handle symbol, nb::handle order_id, nb::handle status,
                            nb::handle limit, nb::handle after) {
  Filter filter;
  filter.strategy_id = optional_text(strategy_id, "strategy_id");
  filter.symbol = optional_text(symbol, "symbol");
  filter.order_id = optional_text(order_id, "order_id");
  filter.statuses = statuses_of(status);
  filter.limit = limit_of(limit);
  filter.after = optional_text(after, "after").value_or("");
  return filter;
}

void bind_execution_engine(nb::module_ m) {
  nb::class_<BoundExecutionEngine> type(
      m, "ExecutionEngine",
      "Orders on a simulated venue, which fills them only against trades, by price and time "
      "priority. Thread-safe.\n\n"
      ">>> from alphaforge_core.model import TradeTick\n"
      ">>> engine = ExecutionEngine()\n"
      ">>> order_id = engine.submit_order(Order.market(\"BTCUSD\", OrderSide.Buy, 0.5, "
      "\"my_strategy\"))\n"
      ">>> engine.process_trade_tick(TradeTick(\"BTCUSD\", 45000, 2, \"SELL\", \"\", ts_event=1))\n"
      ">>> [fill] = engine.get_order(order_id).fills\n"
      ">>> fill.quantity, fill.price, fill.liquidity_side\n"
      "(Quantity('0.5'), Price('45000.00'), LiquiditySide.Taker)");
  type.def(
          "__init__",
          [](BoundExecutionEngine* self, std::optional<GivenExecutionConfig> config) {
            new (self) BoundExecutionEngine(config ? *config : GivenExecutionConfig{});
          },
          "config"_a = nb::none(), nb::sig("def __init__(self, config: ExecutionEngineConfig | None = None) -> None"),
          "Creates an empty engine with these settings, or the defaults.")
      .def_prop_ro("config", [](const BoundExecutionEngine& self) { return self.config; }, "The engine's settings.");
  bind_submission(type);
  bind_changes(type);
  bind_registry(type);
  bind_accounts(type);
  bind_market(type);
  bind_queries(type);
}

}  // namespace alphaforge::bindings
