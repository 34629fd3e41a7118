#include <nanobind/operators.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/decimal.hpp"
#include "bindings/execution/execution.hpp"
#include "bindings/model/model.hpp"
#include "bindings/numbers.hpp"
#include "execution/counters.hpp"
#include "model/numbers.hpp"
#include "model/order.hpp"
#include "wire/orders.hpp"

// Position, OrderEvent, ExecutionStatistics and the table of counters.

namespace alphaforge::bindings {

using namespace nb::literals;
using execution::ExecutionStatistics;

namespace {

nb::object decimal_of_value(Value value) { return to_decimal(value.mantissa, kValuePlaces); }
nb::object name_or_none(std::string_view name) { return name.empty() ? nb::none() : nb::object(to_str(name)); }

void bind_position(nb::module_ m) {
  nb::class_<Position> type(m, "Position", nb::is_final(),
                            "A strategy's position in a symbol. Immutable; numbers are exact "
                            "Decimals.");
  type.def_prop_ro(
          "strategy_id", [](const Position& self) { return to_str(self.strategy_id); }, "The strategy.")
      .def_prop_ro(
          "symbol", [](const Position& self) { return to_str(self.symbol); }, "The symbol.")
      .def_prop_ro(
          "net_quantity", [](const Position& self) { return to_decimal(self.net_quantity, kPlaces); },
          nb::sig("def net_quantity(self) -> decimal.Decimal"), "Bought minus sold; negative when short.")
      .def_prop_ro(
          "average_price", [](const Position& self) { return to_decimal(self.average_price); },
          nb::sig("def average_price(self) -> decimal.Decimal | None"),
          "Cost over quantity, rounded half to even at 9 places; None when flat.")
      .def_prop_ro(
          "cost", [](const Position& self) { return decimal_of_value(self.cost); },
          nb::sig("def cost(self) -> decimal.Decimal"), "The cost of the position; negative when short.")
      .def_prop_ro(
          "realized_pnl", [](const Position& self) { return decimal_of_value(self.realized_pnl); },
          nb::sig("def realized_pnl(self) -> decimal.Decimal"), "Realized profit, before commission.")
      .def_prop_ro(
          "unrealized_pnl", [](const Position& self) { return decimal_of_value(self.unrealized_pnl); },
          nb::sig("def unrealized_pnl(self) -> decimal.Decimal"),
          "Unrealized profit at the last tick, before commission.")
      .def_prop_ro(
          "commission", [](const Position& self) { return decimal_of_value(self.commission); },
          nb::sig("def commission(self) -> decimal.Decimal"), "The sum of commissions.")
      .def_prop_ro(
          "last_price", [](const Position& self) { return to_decimal(self.last_price); },
          nb::sig("def last_price(self) -> decimal.Decimal | None"), "Price of the symbol's last tick.")
      .def_prop_ro(
          "exposure", [](const Position& self) { return decimal_of_value(self.exposure); },
          nb::sig("def exposure(self) -> decimal.Decimal"),
          "The value of the position at the last tick; negative when short.")
      .def("as_dict", &position_as_dict, nb::sig("def as_dict(self) -> dict[str, typing.Any]"),
           "All attributes by name: enumerations as names, numbers as exact Decimals, nested values "
           "as dicts.")
      .def(nb::self == nb::self, nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__hash__",
           [](const Position& self) {
             return static_cast<std::int64_t>(std::hash<std::string>{}(self.strategy_id) * 31 +
                                              std::hash<std::string>{}(self.symbol));
           })
      .def("__repr__", [](const Position& self) {
        return "<Position " + self.strategy_id + " " + self.symbol + ": " +
               format_decimal(self.net_quantity, kPlaces, 0) +
               (self.average_price ? " @ " + to_string(*self.average_price) : "") + ", realized " +
               to_string(self.realized_pnl) + ", unrealized " + to_string(self.unrealized_pnl) + ">";
      });
  bind_copies(type);
  bind_wire(type, "Position", &wire::encode_position, &wire::decode_position);
}

void bind_event(nb::module_ m) {
  nb::enum_<OrderEventType>(m, "OrderEventType", "The type of an event.")
      .value("Submitted", OrderEventType::kSubmitted, "It was accepted.")
      .value("Rejected", OrderEventType::kRejected, "It was refused by a rule.")
      .value("Triggered", OrderEventType::kTriggered, "Its stop triggered.")
      .value("Filled", OrderEventType::kFilled, "It filled, in part or in full.")
      .value("Cancelled", OrderEventType::kCancelled, "It ended with an unfilled remainder.")
      .value("Modified", OrderEventType::kModified, "It was modified.");
  nb::class_<OrderEvent> type(m, "OrderEvent", nb::is_final(),
                              "One change of one order. Immutable; the same inputs give the same events.");
  type.def_ro("sequence", &OrderEvent::sequence, "The number of the event, from 1 without gaps.")
      .def_ro("type", &OrderEvent::type, "What happened.")
      .def_prop_ro(
          "order_id", [](const OrderEvent& self) { return to_str(self.order_id); }, "The order.")
      .def_prop_ro(
          "symbol", [](const OrderEvent& self) { return to_str(self.symbol); }, "Its symbol.")
      .def_prop_ro(
          "strategy_id", [](const OrderEvent& self) { return to_str(self.strategy_id); }, "Its strategy.")
      .def_ro("ts_event", &OrderEvent::ts_event,
              "ts_event of the tick that caused it, else market time of its symbol; 0 before any "
              "tick. Nanoseconds since the Unix epoch.")
      .def_ro("status", &OrderEvent::status, "Its status afterwards.")
      .def_prop_ro(
          "filled_quantity", [](const OrderEvent& self) { return to_decimal(self.filled_quantity.mantissa, kPlaces); },
          nb::sig("def filled_quantity(self) -> decimal.Decimal"), "Its filled quantity afterwards.")
      .def_prop_ro(
          "leaves_quantity", [](const OrderEvent& self) { return to_decimal(self.leaves_quantity.mantissa, kPlaces); },
          nb::sig("def leaves_quantity(self) -> decimal.Decimal"), "Its remaining quantity afterwards.")
      .def_ro("fill", &OrderEvent::fill, nb::rv_policy::copy, "The fill, for Filled; else None.")
      .def_ro("order", &OrderEvent::order, nb::rv_policy::copy,
              "The order as submitted, for Submitted and Rejected; else None.")
      .def_prop_ro(
          "quantity",
          [](const OrderEvent& self) {
            return self.quantity ? to_decimal(self.quantity->mantissa, kPlaces) : nb::none();
          },
          nb::sig("def quantity(self) -> decimal.Decimal | None"), "Its new total quantity, for Modified; else None.")
      .def_prop_ro(
          "price", [](const OrderEvent& self) { return to_decimal(self.price); },
          nb::sig("def price(self) -> decimal.Decimal | None"),
          "Its limit, for Modified and for Triggered of a trailing stop, if its type has one; else None.")
      .def_prop_ro(
          "stop_price", [](const OrderEvent& self) { return to_decimal(self.stop_price); },
          nb::sig("def stop_price(self) -> decimal.Decimal | None"),
          "Its stop price, for Modified and for Triggered of a trailing stop, if its type has one; else None.")
      .def_prop_ro(
          "reject_reason", [](const OrderEvent& self) { return name_or_none(name_of(self.reject_reason)); },
          nb::sig("def reject_reason(self) -> str | None"), "The reason, for Rejected; else None.")
      .def_prop_ro(
          "cancel_reason", [](const OrderEvent& self) { return name_or_none(name_of(self.cancel_reason)); },
          nb::sig("def cancel_reason(self) -> str | None"), "The reason, for Cancelled; else None.")
      .def("as_dict", &event_as_dict, nb::sig("def as_dict(self) -> dict[str, typing.Any]"),
           "All attributes by name: enumerations as names, numbers as exact Decimals, nested values "
           "as dicts.")
      .def(nb::self == nb::self, nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__hash__", [](const OrderEvent& self) { return self.sequence; })
      .def("__repr__", [](const OrderEvent& self) {
        std::string text = "<OrderEvent " + std::to_string(self.sequence) + ": " + self.order_id + " " +
                           std::string(name_of(self.type));
        if (self.fill)
          text += " " + to_string(self.fill->quantity) + " @ " + to_string(self.fill->price) + " " +
                  std::string(name_of(self.fill->liquidity_side));
        if (self.reject_reason != RejectReason::kNone) text += " " + std::string(name_of(self.reject_reason));
        if (self.cancel_reason != CancelReason::kNone) text += " " + std::string(name_of(self.cancel_reason));
        return text + ", now " + std::string(name_of(self.status)) + ">";
      });
  bind_copies(type);
  bind_wire(type, "OrderEvent", &wire::encode_event, &wire::decode_event);
}

void set_counter(ExecutionStatistics& statistics, std::string_view counter, nb::handle value) {
#define X(name, kind, unit, help) \
  if (counter == #name) statistics.name = nb::cast<decltype(statistics.name)>(value);
  ALPHAFORGE_EXECUTION_COUNTERS(X)
#undef X
}

void bind_tick_result(nb::module_ m) {
  nb::class_<TickResult>(m, "TickResult", nb::is_final(), "The ticks of a call that were not applied.")
      .def("__init__", [](TickResult* self) { new (self) TickResult(); })
      .def_ro("rejected", &TickResult::rejected, nb::sig("def rejected(self) -> list[tuple[int, str]]"),
              "(index, reason) of refused ticks.")
      .def_ro("duplicates", &TickResult::duplicates, nb::sig("def duplicates(self) -> list[int]"),
              "Indices of duplicate ticks.")
      .def(
          "__repr__",
          [](const TickResult& self) {
            return nb::str("TickResult(rejected=") + nb::repr(self.rejected) + nb::str(", duplicates=") +
                   nb::repr(self.duplicates) + nb::str(")");
          },
          nb::sig("def __repr__(self) -> str"));
}

void bind_statistics(nb::module_ m) {
  nb::class_<ExecutionStatistics> type(m, "ExecutionStatistics", nb::is_final(),
                                       "Counters of an execution engine at one moment; each order counts once.");
#define X(name, kind, unit, help) type.def_ro(#name, &ExecutionStatistics::name, help " Unit: " unit ".");
  ALPHAFORGE_EXECUTION_COUNTERS(X)
#undef X
  type.def(
      "__init__",
      [](ExecutionStatistics* self, const nb::kwargs& values) {
        ExecutionStatistics made;
        for (const auto& [key, value] : values) set_counter(made, to_text(key, "counter"), value);
        new (self) ExecutionStatistics(made);
      },
      "values"_a, nb::sig("def __init__(self, **values: int | float) -> None"),
      "From counters by name; missing ones are 0. Unknown names, of a later release, are ignored.");
  const auto as_dict = [](const ExecutionStatistics& self) {
    nb::dict all;
#define X(name, kind, unit, help) all[#name] = self.name;
    ALPHAFORGE_EXECUTION_COUNTERS(X)
#undef X
    return all;
  };
  type.def("as_dict", as_dict, nb::sig("def as_dict(self) -> dict[str, int | float]"), "All counters by name.")
      .def(
          "__repr__",
          [as_dict](const ExecutionStatistics& self) {
            return nb::str("ExecutionStatistics(") + nb::repr(as_dict(self)) + nb::str(")");
          },
          nb::sig("def __repr__(self) -> str"));
  nb::list counters;
#define X(name, kind, unit, help) counters.append(nb::make_tuple(#name, #kind, unit, help));
  ALPHAFORGE_EXECUTION_COUNTERS(X)
#undef X
  m.attr("COUNTERS") = nb::tuple(counters);
}

}  // namespace

void bind_execution_values(nb::module_ m) {
  bind_position(m);
  bind_event(m);
  bind_tick_result(m);
  bind_statistics(m);
}

}  // namespace alphaforge::bindings
