#include "bindings/model/model.hpp"

#include <nanobind/operators.h>
#include <nanobind/stl/string.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/int128.hpp"
#include "bindings/bindings.hpp"
#include "bindings/numbers.hpp"
#include "model/numbers.hpp"
#include "model/trade_tick.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

// Mantissas of round numbers share their low bits: the finalizer of MurmurHash3 lets every bit reach every other.
std::uint64_t hash_of(int128 mantissa) {
  auto mixed = static_cast<std::uint64_t>(mantissa) ^ static_cast<std::uint64_t>(mantissa >> 64);
  mixed = (mixed ^ (mixed >> 33)) * 0xff51afd7ed558ccdULL;
  mixed = (mixed ^ (mixed >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return mixed ^ (mixed >> 33);
}

nb::str repr_of(std::string_view text) { return nb::repr(to_str(text)); }

void init_trade_tick(TradeTick* self, nb::handle instrument_id, nb::handle price, nb::handle quantity,
                     nb::handle aggressor_side, nb::handle trade_id, nb::handle ts_event, nb::handle ts_init) {
  const std::string_view instrument = to_text(instrument_id, "instrument_id");
  const std::string_view id = to_text(trade_id, "trade_id");
  check_names(instrument, id);
  const Price exact_price = to_price(price);
  const Quantity exact_quantity = to_quantity(quantity);
  const AggressorSide side = aggressor_side_of(to_text(aggressor_side, "aggressor_side"));
  const std::int64_t event = to_nanos(ts_event, "ts_event");
  const std::int64_t init = ts_init.is_none() ? event : to_nanos(ts_init, "ts_init");
  new (self) TradeTick{std::string(instrument), exact_price, exact_quantity, side, std::string(id), event, init};
}

std::string repr_tick(const TradeTick& tick) {
  return std::string("TradeTick(instrument_id=") + repr_of(tick.instrument_id).c_str() + ", price=Price('" +
         to_string(tick.price) + "'), quantity=Quantity('" + to_string(tick.quantity) + "'), aggressor_side='" +
         std::string(name_of(tick.aggressor_side)) + "', trade_id=" + repr_of(tick.trade_id).c_str() +
         ", ts_event=" + std::to_string(tick.ts_event) + ", ts_init=" + std::to_string(tick.ts_init) + ")";
}

nb::tuple tick_arguments(const TradeTick& tick) {
  return nb::make_tuple(to_str(tick.instrument_id), to_str(to_string(tick.price)), to_str(to_string(tick.quantity)),
                        to_str(name_of(tick.aggressor_side)), to_str(tick.trade_id), tick.ts_event, tick.ts_init);
}

std::int64_t hash_tick(const TradeTick& tick) {
  return static_cast<std::int64_t>(std::hash<std::string>{}(tick.instrument_id) * 31 +
                                   std::hash<std::string>{}(tick.trade_id) * 17 + hash_of(tick.price.mantissa) * 7 +
                                   hash_of(tick.quantity.mantissa) * 3 + hash_of(tick.ts_event));
}

}  // namespace

void bind_trade_tick(nb::module_ m) {
  nb::class_<TradeTick> type(m, "TradeTick", nb::is_final(),
                             "One trade of a venue. Immutable; equal if all fields are equal.\n\n"
                             "Any number and time is accepted; engines refuse ticks that they can't use.\n\n"
                             ">>> tick = TradeTick(\"BTCUSD\", 45000.5, \"0.1\", \"BUY\", \"t-1\", "
                             "ts_event=1_700_000_000_000_000_000)\n"
                             ">>> tick.price, tick.quantity, tick.ts_init == tick.ts_event\n"
                             "(Price('45000.50'), Quantity('0.1'), True)");
  type.def("__init__", &init_trade_tick, any("instrument_id"), any("price"), any("quantity"), any("aggressor_side"),
           any("trade_id"), any("ts_event"), "ts_init"_a = nb::none(),
           nb::sig("def __init__(self, instrument_id: str, price: Price | int | str | float | decimal.Decimal, "
                   "quantity: Quantity | int | str | float | decimal.Decimal, aggressor_side: str, trade_id: str, "
                   "ts_event: int, ts_init: int | None = None) -> None"),
           "`aggressor_side` is \"BUY\", \"SELL\" or \"NONE\"; times are nanoseconds since the Unix "
           "epoch, `ts_init` defaults to `ts_event`.\n\n"
           "Raises InvalidArgument (a ValueError) for an instrument_id that is not 1 to 64 bytes of "
           "printable text, a trade_id of more than 64 bytes, an unknown side, a number or time out "
           "of range; UnsupportedValue (a TypeError) for a wrong type.")
      .def_prop_ro(
          "instrument_id", [](const TradeTick& self) { return to_str(self.instrument_id); }, "The instrument.")
      .def_prop_ro(
          "symbol", [](const TradeTick& self) { return to_str(self.instrument_id); },
          "The instrument_id under the name that orders use.")
      .def_ro("price", &TradeTick::price, nb::rv_policy::copy, "The trade's price.")
      .def_ro("quantity", &TradeTick::quantity, nb::rv_policy::copy, "The traded quantity, in units of the instrument.")
      .def_prop_ro(
          "aggressor_side", [](const TradeTick& self) { return to_str(name_of(self.aggressor_side)); },
          "The aggressor side: \"BUY\", \"SELL\" or \"NONE\".")
      .def_prop_ro(
          "trade_id", [](const TradeTick& self) { return to_str(self.trade_id); }, "The venue's id; may be empty.")
      .def_ro("ts_event", &TradeTick::ts_event, "The venue's time, nanoseconds since the Unix epoch.")
      .def_ro("ts_init", &TradeTick::ts_init, "The receiver's time, nanoseconds since the Unix epoch.")
      .def(nb::self == nb::self, nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__hash__", &hash_tick)
      .def("__repr__", &repr_tick)
      .def(
          "__reduce__",
          [](nb::pointer_and_handle<TradeTick> self) { return nb::make_tuple(self.h.type(), tick_arguments(*self.p)); },
          nb::sig("def __reduce__(self) -> tuple[type, tuple[object, ...]]"));
  bind_copies(type);
}

void bind_model(nb::module_ m) {
  bind_numbers(m);
  bind_trade_tick(m);
  bind_bar(m);
  bind_trading_calendar(m);
  bind_trade_tick_batch(m);
}

}  // namespace alphaforge::bindings
