#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <utility>

#include "base/error.hpp"
#include "execution.hpp"
#include "model.hpp"
#include "model/trade_tick.hpp"
#include "numbers.hpp"
#include "trade_tick_batch.hpp"

// ExecutionEngine: conversion and GIL policy.

namespace alphaforge::bindings {

using namespace nb::literals;
using execution::Change;
using execution::ExecutionEngine;
using execution::Filter;
using execution::Print;
using execution::Venue;

namespace {

std::optional<std::string> optional_text(nb::handle value, const char* what) {
  return value.is_none() ? std::nullopt : std::optional<std::string>(to_text(value, what));
}

nb::str submit_order(BoundExecutionEngine& self, const Order& order) {
  const std::int64_t received = self.now();
  promptly(self.engine, [&](Venue& venue) { return venue.submit(order, received); });
  self.submitted(1, received);
  return to_str(order.order_id);
}

// An order of a batch that was not placed.
struct Failure {
  std::size_t index;
  Reason reason;
  std::string message;
  bool is_exhausted;
};

// Orders ahead of the present one whose index entries are fetched meanwhile.
constexpr std::size_t kAhead = 8;

std::vector<Failure> submit_all(Venue& venue, const std::vector<const Order*>& orders, std::int64_t received) {
  std::vector<Failure> failures;
  for (std::size_t i = 0; i < orders.size(); ++i) {
    if (i + kAhead < orders.size()) venue.prefetch(orders[i + kAhead]->order_id);
    try {
      venue.submit(*orders[i], received);
    } catch (const InvalidArgument& error) {
      failures.push_back({i, error.reason(), error.what(), false});
    } catch (const ResourceExhausted& error) {
      failures.push_back({i, error.reason(), error.what(), true});
    }
  }
  return failures;
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
  // A tuple of our own keeps the orders alive while the GIL is away.
  const nb::tuple kept(nb::borrow(given));
  std::vector<const Order*> orders;
  orders.reserve(kept.size());
  for (const nb::handle item : kept) {
    const Order* order = nullptr;
    if (!nb::try_cast(item, order, false) || order == nullptr)
      throw UnsupportedValue(Reason::TYPE_UNSUPPORTED, std::string("submit_orders takes Orders, not ") +
                                                           nb::type_name(item.type()).c_str());
    orders.push_back(order);
  }
  const std::int64_t received = self.now();
  const auto failures = at_length(self.engine, [&](Venue& venue) { return submit_all(venue, orders, received); });
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
  promptly(self.engine, [&](Venue& venue) { return venue.process(print_of(tick), now); });
}

TickResult process_batch(BoundExecutionEngine& self, const TradeTickBatch& batch) {
  const std::int64_t now = self.now();
  const auto found = at_length(self.engine, [&](Venue& venue) { return venue.process(batch, now); });
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
  return promptly(self.engine, [&](Venue& venue) { return venue.cancel(id, now); });
}

std::int64_t cancel_all_orders(BoundExecutionEngine& self, nb::handle strategy_id) {
  const auto strategy = optional_text(strategy_id, "strategy_id");
  const std::int64_t now = self.now();
  return at_length(self.engine, [&](Venue& venue) { return venue.cancel_all(strategy, CancelReason::kRequested, now); });
}

std::int64_t lapse_session(BoundExecutionEngine& self, nb::handle strategy_id) {
  const std::string strategy(to_text(strategy_id, "strategy_id"));
  const std::int64_t now = self.now();
  return at_length(self.engine, [&](Venue& venue) { return venue.cancel_all(strategy, CancelReason::kSessionLapsed, now); });
}

void reconfigure(BoundExecutionEngine& self, const GivenExecutionConfig& config) {
  at_length(self.engine, [&](Venue& venue) { venue.reconfigure(config.config); });
  self.config = config;
}

bool modify_order(BoundExecutionEngine& self, nb::handle order_id, nb::handle quantity, nb::handle price, nb::handle stop_price) {
  const std::string_view id = to_text(order_id, "order_id");
  Change change;
  if (!quantity.is_none()) change.quantity = to_quantity(quantity);
  if (!price.is_none()) change.price = to_price(price);
  if (!stop_price.is_none()) change.stop_price = to_price(stop_price, "stop_price");
  const std::int64_t now = self.now();
  return promptly(self.engine, [&](Venue& venue) { return venue.modify(id, change, now); });
}

std::size_t limit_of(nb::handle limit) {
  if (limit.is_none()) return SIZE_MAX;
  const std::int64_t count = to_count(limit, "limit");
  if (count < 0) throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE, "limit must not be negative, it is " + std::to_string(count));
  return static_cast<std::size_t>(count);
}

std::vector<OrderStatus> statuses_of(nb::handle status) {
  std::vector<OrderStatus> statuses;
  if (status.is_none()) return statuses;
  if (nb::isinstance<OrderStatus>(status)) return {nb::cast<OrderStatus>(status)};
  for (const nb::handle one : nb::iter(status)) statuses.push_back(nb::cast<OrderStatus>(one));
  return statuses;
}

std::vector<Order> get_orders(BoundExecutionEngine& self, nb::handle strategy_id, nb::handle status, nb::handle symbol,
                              nb::handle limit, nb::handle after) {
  Filter filter;
  filter.strategy_id = optional_text(strategy_id, "strategy_id");
  filter.symbol = optional_text(symbol, "symbol");
  filter.statuses = statuses_of(status);
  filter.limit = limit_of(limit);
  filter.after = optional_text(after, "after").value_or("");
  return at_length(self.engine, [&](const Venue& venue) { return venue.orders(filter); });
}

std::vector<Fill> get_fills(BoundExecutionEngine& self, nb::handle strategy_id, nb::handle order_id, nb::handle symbol,
                            nb::handle limit, nb::handle after) {
  Filter filter;
  filter.strategy_id = optional_text(strategy_id, "strategy_id");
  filter.order_id = optional_text(order_id, "order_id");
  filter.symbol = optional_text(symbol, "symbol");
  filter.limit = limit_of(limit);
  filter.after = optional_text(after, "after").value_or("");
  return at_length(self.engine, [&](const Venue& venue) { return venue.fills(filter); });
}

std::vector<Position> get_positions(BoundExecutionEngine& self, nb::handle strategy_id, nb::handle symbol) {
  Filter filter;
  filter.strategy_id = optional_text(strategy_id, "strategy_id");
  filter.symbol = optional_text(symbol, "symbol");
  return at_length(self.engine, [&](const Venue& venue) { return venue.positions(filter); });
}

std::vector<OrderEvent> get_events(BoundExecutionEngine& self, nb::handle from_sequence, nb::handle limit, nb::handle strategy_id) {
  const std::int64_t from = to_count(from_sequence, "from_sequence");
  const std::size_t most = limit_of(limit);
  const auto strategy = optional_text(strategy_id, "strategy_id");
  return at_length(self.engine, [&](const Venue& venue) { return venue.events(from, most, strategy); });
}

void bind_submission(nb::class_<BoundExecutionEngine>& type) {
  type.def("submit_order", &submit_order, "order"_a,
           nb::sig("def submit_order(self, order: Order) -> str"),
           "Places the order and returns its id. Submitting it again changes nothing and returns the id.\n\n"
           "An order that a rule refuses is Rejected, with a reject_reason; no error. Raises InvalidArgument (a ValueError) for "
           "a malformed order, and with reason ORDER_CONFLICT for an id that was submitted with other fields; "
           "ResourceExhausted for a strategy beyond max_strategies.")
      .def("submit_orders", &submit_orders, "orders"_a,
           nb::sig("def submit_orders(self, orders: collections.abc.Iterable[Order]) -> list[str]"),
           "Places the orders one after the other and returns their ids. Runs without the GIL.\n\n"
           "Raises BatchError (a ValueError), with `.results`, once all good ones are placed, if any was not.")
      .def("cancel_order", &cancel_order, "order_id"_a, nb::sig("def cancel_order(self, order_id: str) -> bool"),
           "True exactly when the order was active and is now Cancelled; False when it is unknown or final.")
      .def("cancel_all_orders", &cancel_all_orders, "strategy_id"_a = nb::none(),
           nb::sig("def cancel_all_orders(self, strategy_id: str | None = None) -> int"),
           "Cancels the active orders of one strategy, or of all, by priority. Returns how many.")
      .def("lapse_session", &lapse_session, "strategy_id"_a, nb::sig("def lapse_session(self, strategy_id: str) -> int"),
           "Cancels the strategy's active orders because its session lapsed (SESSION_LAPSED). Returns how many.")
      .def("modify_order", &modify_order, "order_id"_a, nb::kw_only(), "quantity"_a = nb::none(), "price"_a = nb::none(),
           "stop_price"_a = nb::none(),
           nb::sig("def modify_order(self, order_id: str, *, quantity: alphaforge_core.model.Quantity | int | str | float | "
                   "decimal.Decimal | None = None, price: alphaforge_core.model.Price | int | str | float | decimal.Decimal | "
                   "None = None, stop_price: alphaforge_core.model.Price | int | str | float | decimal.Decimal | None = None) "
                   "-> bool"),
           "Changes an active order; `quantity` is the new total. Equal values: True, and nothing happens.\n\n"
           "A decrease keeps its priority; a new price or an increase takes new priority and the order arrives again. False when "
           "it is unknown or final, when the quantity is not above what is filled, for a new stop price once triggered, and, "
           "unless it only shrinks, while halted or beyond a limit. Raises InvalidArgument (a ValueError) for numbers not above "
           "0 and for a field that its type lacks.");
}

void bind_market(nb::class_<BoundExecutionEngine>& type) {
  type.def("process_trade_tick", &process_trade_tick, "tick"_a, nb::sig("def process_trade_tick(self, tick: alphaforge_core.model.TradeTick) -> None"),
           "Shows one tick to the orders of its symbol. Refused ticks and duplicates change nothing and are counted.")
      .def("process_trade_ticks", &process_trade_ticks, "ticks"_a = nb::none(), "columns"_a,
           nb::sig("def process_trade_ticks(self, ticks: collections.abc.Iterable[alphaforge_core.model.TradeTick] | "
                   "alphaforge_core.model.TradeTickBatch | None = None, *, instrument_id: typing.Any = None, "
                   "prices: typing.Any = None, quantities: typing.Any = None, ts_event: typing.Any = None, "
                   "ts_init: typing.Any = None, sides: typing.Any = None, trade_ids: typing.Any = None, price_scale: int = 0, "
                   "quantity_scale: int = 0, instrument_index: typing.Any = None) -> TickResult"),
           "Shows many ticks in their order: a sequence of TradeTick, or columns as TradeTickBatch.from_columns() takes them.\n\n"
           "Runs without the GIL. Raises ValueError where something is no tick; nothing is applied then.")
      .def("process_batch", &process_batch, "batch"_a,
           nb::sig("def process_batch(self, batch: alphaforge_core.model.TradeTickBatch) -> TickResult"),
           "Shows the ticks of a batch in their order. Runs without the GIL.")
      .def("advance_time",
           [](BoundExecutionEngine& self, nb::handle now_ns) {
             const std::int64_t market_time = to_nanos(now_ns, "now_ns");
             const std::int64_t now = self.now();
             at_length(self.engine, [&](Venue& venue) { venue.advance_time(market_time, now); });
           },
           "now_ns"_a, nb::sig("def advance_time(self, now_ns: int) -> None"),
           "Moves market time of all symbols forward, never back: DAY orders whose midnight it reaches are cancelled.\n\n"
           "Raises InvalidArgument (a ValueError) for a time that is negative or within a day of 2^63.")
      .def("halt", [](BoundExecutionEngine& self) { promptly(self.engine, [](Venue& venue) { venue.set_halted(true); }); },
           "Rejects new orders from now on; resting ones may fill, shrink and be cancelled.")
      .def("resume", [](BoundExecutionEngine& self) { promptly(self.engine, [](Venue& venue) { venue.set_halted(false); }); },
           "Accepts new orders again.")
      .def("set_market_data_stale",
           [](BoundExecutionEngine& self, bool is_stale) {
             promptly(self.engine, [&](Venue& venue) { venue.set_market_data_stale(is_stale); });
           },
           "is_stale"_a,
           "Says whether the source of ticks has fallen silent; what market orders do then is market_orders_while_stale.")
      .def("reconfigure", &reconfigure, "config"_a,
           nb::sig("def reconfigure(self, config: ExecutionEngineConfig) -> None"),
           "Other settings from now on; orders that are there stay as they are, also beyond a limit.")
      .def_prop_rw("received_at", [](const BoundExecutionEngine& self) { return self.received_at; },
                   [](BoundExecutionEngine& self, std::optional<std::int64_t> received_at) {
                     self.received_at = received_at;
                     self.unacknowledged = 0;
                   },
                   nb::arg().none(),
                   "When the calls that follow were received, nanoseconds since the Unix epoch; None: when they are made.\n\n"
                   "For a service, which writes calls to its journal before it makes them, and makes them again after a restart.")
      .def("acknowledge",
           [](BoundExecutionEngine& self) {
             if (self.received_at && self.unacknowledged > 0) self.took(std::exchange(self.unacknowledged, 0), *self.received_at);
           },
           "The orders submitted at `received_at` are acknowledged now.")
      .def_prop_ro("is_halted", [](BoundExecutionEngine& self) {
        return promptly(self.engine, [](const Venue& venue) { return venue.is_halted(); });
      }, "True when new orders are rejected.");
}

void bind_queries(nb::class_<BoundExecutionEngine>& type) {
  type.def("get_order",
           [](BoundExecutionEngine& self, nb::handle order_id) {
             const std::string_view id = to_text(order_id, "order_id");
             return promptly(self.engine, [&](const Venue& venue) { return venue.order(id); });
           },
           "order_id"_a, nb::sig("def get_order(self, order_id: str) -> Order | None"),
           "The order as it stands now, or None when it is unknown.")
      .def("get_active_orders",
           [](BoundExecutionEngine& self, nb::handle strategy_id) {
             const std::string_view id = to_text(strategy_id, "strategy_id");
             return at_length(self.engine, [&](const Venue& venue) { return venue.active_orders(id); });
           },
           "strategy_id"_a, nb::sig("def get_active_orders(self, strategy_id: str) -> list[Order]"),
           "The strategy's orders that rest or wait, in order of submission.")
      .def("get_orders", &get_orders, "strategy_id"_a = nb::none(), "status"_a = nb::none(), nb::kw_only(),
           "symbol"_a = nb::none(), "limit"_a = nb::none(), "after"_a = nb::none(),
           nb::sig("def get_orders(self, strategy_id: str | None = None, status: OrderStatus | "
                   "collections.abc.Iterable[OrderStatus] | None = None, *, symbol: str | None = None, limit: int | None = None, "
                   "after: str | None = None) -> list[Order]"),
           "The orders that match all that is given, in order of submission, at most `limit`; `after` is the order_id that ended "
           "the page before.\n\nRaises InvalidArgument (PAGE_TOKEN_INVALID) when that order is not known.")
      .def("get_fills", &get_fills, "strategy_id"_a = nb::none(), nb::kw_only(), "order_id"_a = nb::none(),
           "symbol"_a = nb::none(), "limit"_a = nb::none(), "after"_a = nb::none(),
           nb::sig("def get_fills(self, strategy_id: str | None = None, *, order_id: str | None = None, symbol: str | None = None, "
                   "limit: int | None = None, after: str | None = None) -> list[Fill]"),
           "The fills that match all that is given, in the order in which they happened, at most `limit`; `after` is the fill_id "
           "that ended the page before.\n\nRaises InvalidArgument (PAGE_TOKEN_INVALID) when that fill is not known.")
      .def("get_positions", &get_positions, "strategy_id"_a = nb::none(), nb::kw_only(), "symbol"_a = nb::none(),
           nb::sig("def get_positions(self, strategy_id: str | None = None, *, symbol: str | None = None) -> list[Position]"),
           "Positions by strategy, then symbol; flat ones that were traded included.")
      .def("events", &get_events, "from_sequence"_a = 0, "limit"_a = nb::none(), nb::kw_only(), "strategy_id"_a = nb::none(),
           nb::sig("def events(self, from_sequence: int = 0, limit: int | None = None, *, strategy_id: str | None = None) -> "
                   "list[OrderEvent]"),
           "The events that are kept from that sequence on, at most `limit`.")
      .def_prop_ro("first_event_sequence", [](BoundExecutionEngine& self) {
        return promptly(self.engine, [](const Venue& venue) { return venue.first_event_sequence(); });
      }, "The sequence of the oldest event that is kept.")
      .def_prop_ro("last_event_sequence", [](BoundExecutionEngine& self) {
        return promptly(self.engine, [](const Venue& venue) { return venue.last_event_sequence(); });
      }, "The sequence of the newest event; 0 before the first.")
      .def("statistics", [](BoundExecutionEngine& self) {
        const nb::gil_scoped_release release;
        return self.engine.statistics();
      }, "The engine's counters now.")
      .def("snapshot", [](BoundExecutionEngine& self) {
        const std::string bytes = at_length(self.engine, [](const Venue& venue) { return venue.snapshot(); });
        return nb::bytes(bytes.data(), bytes.size());
      }, nb::sig("def snapshot(self) -> bytes"), "The whole state as bytes, versioned and with a checksum.")
      .def("restore", [](BoundExecutionEngine& self, const nb::bytes& snapshot) {
        const std::string_view bytes(snapshot.c_str(), snapshot.size());
        at_length(self.engine, [&](Venue& venue) { venue.restore(bytes); });
      }, "snapshot"_a, nb::sig("def restore(self, snapshot: bytes) -> None"),
      "Brings an empty engine of the same settings into the state of the snapshot.\n\n"
      "Raises EngineError (JOURNAL_DAMAGED) for bytes that are none, or damaged, or of another release; the engine is of no use "
      "then.")
      .def("state_hash", [](BoundExecutionEngine& self) {
        return at_length(self.engine, [](const Venue& venue) { return venue.state_hash(); });
      }, "64 bits of all that decides what happens next: the same wherever the same has happened. It walks the whole state.")
      .def("validate", [](BoundExecutionEngine& self) {
        return at_length(self.engine, [](const Venue& venue) { return venue.validate(); });
      }, "The invariants that do not hold, in words; empty unless there is a bug. For tests: it walks the whole state.");
}

}  // namespace

void bind_execution_engine(nb::module_ m) {
  nb::class_<BoundExecutionEngine> type(m, "ExecutionEngine", nb::is_final(),
                                "Orders on a simulated venue that fills them against real trades, by price and time, and never "
                                "without a trade. Safe to use from many threads.\n\n"
                                ">>> from alphaforge_core.model import TradeTick\n"
                                ">>> engine = ExecutionEngine()\n"
                                ">>> order_id = engine.submit_order(Order.market(\"BTCUSD\", OrderSide.Buy, 0.5, \"my_strategy\"))\n"
                                ">>> engine.process_trade_tick(TradeTick(\"BTCUSD\", 45000, 2, \"SELL\", \"\", ts_event=1))\n"
                                ">>> [fill] = engine.get_order(order_id).fills\n"
                                ">>> fill.quantity, fill.price, fill.liquidity_side\n"
                                "(Quantity('0.5'), Price('45000.00'), LiquiditySide.Taker)");
  type.def("__init__", [](BoundExecutionEngine* self, std::optional<GivenExecutionConfig> config) {
        new (self) BoundExecutionEngine(config ? *config : GivenExecutionConfig{});
      }, "config"_a = nb::none(), nb::sig("def __init__(self, config: ExecutionEngineConfig | None = None) -> None"),
      "An empty engine with these settings, or the defaults.")
      .def_prop_ro("config", [](const BoundExecutionEngine& self) { return self.config; }, "The settings it was made with.");
  bind_submission(type);
  bind_market(type);
  bind_queries(type);
  bind_execution_wire(m, type);
}

}  // namespace alphaforge::bindings
