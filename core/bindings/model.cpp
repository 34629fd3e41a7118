#include "model.hpp"

#include <nanobind/operators.h>
#include <nanobind/stl/string.h>

#include <string>

#include "base/error.hpp"
#include "model/names.hpp"
#include "model/trade_tick.hpp"
#include "numbers.hpp"

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

// What Price and Quantity share.
template <typename Number>
nb::class_<Number> bind_number(nb::module_ m, const char* name, const char* doc) {
  nb::class_<Number> type(m, name, nb::is_final(), doc);
  const std::string prefix = std::string(name) + "('";
  type.def(nb::self == nb::self, nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def(nb::self != nb::self, nb::sig("def __ne__(self, other: object, /) -> bool"))
      .def(nb::self < nb::self)
      .def(nb::self <= nb::self)
      .def(nb::self > nb::self)
      .def(nb::self >= nb::self)
      .def("__hash__", [](const Number& self) { return static_cast<std::int64_t>(hash_of(self.mantissa)); })
      .def("__float__", [](const Number& self) { return to_double(self.mantissa, kPlaces); },
           "The nearest float, half to even.")
      .def("__str__", [](const Number& self) { return to_string(self); })
      .def("__repr__", [prefix](const Number& self) { return prefix + to_string(self) + "')"; })
      .def("__format__",
           [](const Number& self, nb::str spec) {
             const std::string text = to_string(self);
             return nb::len(spec) == 0 ? to_str(text) : nb::str(as_decimal(text).attr("__format__")(spec));
           },
           "spec"_a, nb::sig("def __format__(self, spec: str, /) -> str"),
           "The format specifications of Decimal; str() without one.")
      .def("as_decimal", [](const Number& self) { return as_decimal(to_string(self)); },
           nb::sig("def as_decimal(self) -> decimal.Decimal"), "The exact value, with the places that str() shows.")
      .def("__reduce__", [](nb::handle self) { return nb::make_tuple(self.type(), nb::make_tuple(nb::str(self))); },
           nb::sig("def __reduce__(self) -> tuple[type, tuple[str]]"));
  bind_copies(type);
  return type;
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

void bind_numbers(nb::module_ m) {
  bind_number<Price>(m, "Price",
                     "A price: an exact decimal with nine places, within about +-9.22e9.\n\n"
                     "Immutable; compares and hashes with prices only. `str()` shows at least two places.\n\n"
                     ">>> Price(45000)\n"
                     "Price('45000.00')\n"
                     ">>> Price(0.1) == Price(\"0.10\")\n"
                     "True\n"
                     ">>> f\"{Price('45000.123'):.1f}\"\n"
                     "'45000.1'")
      .def(
          "__init__", [](Price* self, nb::handle value) { new (self) Price(to_price(value)); }, any("value"),
          nb::sig("def __init__(self, value: Price | int | str | float | decimal.Decimal | numpy.integer | "
                  "numpy.floating) -> None"),
          "A float means its shortest decimal, rounded half to even at nine places.\n\n"
          "Raises InvalidArgument (a ValueError) for what is malformed, not finite or out of range, and for a str or Decimal "
          "of more than nine places; UnsupportedValue (a TypeError) for other types, bool among them.");
  bind_number<Quantity>(m, "Quantity",
                        "A quantity: an exact decimal with nine places, not negative, up to about 1.7e29.\n\n"
                        "Immutable; compares and hashes with quantities only. `str()` shows the places that are needed.\n\n"
                        ">>> Quantity(0.5).as_decimal()\n"
                        "Decimal('0.5')\n"
                        ">>> Quantity(-1)\n"
                        "Traceback (most recent call last):\n"
                        "alphaforge_core.errors.InvalidArgument: quantity -1 is negative; 0 or more")
      .def(
          "__init__", [](Quantity* self, nb::handle value) { new (self) Quantity(to_quantity(value)); }, any("value"),
          nb::sig("def __init__(self, value: Quantity | int | str | float | decimal.Decimal | numpy.integer | "
                  "numpy.floating) -> None"),
          "A float means its shortest decimal, rounded half to even at nine places.\n\n"
          "Raises InvalidArgument (a ValueError) for what is malformed, not finite, negative or out of range, and for a str or "
          "Decimal of more than nine places; UnsupportedValue (a TypeError) for other types, bool among them.");
}

void bind_trade_tick(nb::module_ m) {
  nb::class_<TradeTick> type(m, "TradeTick", nb::is_final(),
                             "One trade as the venue printed it. Immutable; equal when all fields are.\n\n"
                             "Any number and time makes a tick; the engines refuse those they can't use.\n\n"
                             ">>> tick = TradeTick(\"BTCUSD\", 45000.5, \"0.1\", \"BUY\", \"t-1\", ts_event=1_700_000_000_000_000_000)\n"
                             ">>> tick.price, tick.quantity, tick.ts_init == tick.ts_event\n"
                             "(Price('45000.50'), Quantity('0.1'), True)");
  type.def("__init__", &init_trade_tick, any("instrument_id"), any("price"), any("quantity"), any("aggressor_side"),
           any("trade_id"), any("ts_event"), "ts_init"_a = nb::none(),
           nb::sig("def __init__(self, instrument_id: str, price: Price | int | str | float | decimal.Decimal, "
                   "quantity: Quantity | int | str | float | decimal.Decimal, aggressor_side: str, trade_id: str, "
                   "ts_event: int, ts_init: int | None = None) -> None"),
           "`aggressor_side` is \"BUY\", \"SELL\" or \"NONE\"; times are nanoseconds since the Unix epoch, `ts_init` is "
           "`ts_event` where it is not given.\n\n"
           "Raises InvalidArgument (a ValueError) for an instrument_id that is not 1 to 64 bytes of printable text, a trade_id "
           "of more than 64 bytes, an unknown side, a number or time out of range; UnsupportedValue (a TypeError) for a wrong "
           "type.")
      .def_prop_ro("instrument_id", [](const TradeTick& self) { return to_str(self.instrument_id); }, "What was traded.")
      .def_prop_ro("symbol", [](const TradeTick& self) { return to_str(self.instrument_id); },
                   "The instrument_id under the name that orders use.")
      .def_ro("price", &TradeTick::price, nb::rv_policy::copy, "The trade's price.")
      .def_ro("quantity", &TradeTick::quantity, nb::rv_policy::copy, "What was traded, in units of the instrument.")
      .def_prop_ro("aggressor_side", [](const TradeTick& self) { return to_str(name_of(self.aggressor_side)); },
                   "Who took liquidity: \"BUY\", \"SELL\" or \"NONE\".")
      .def_prop_ro("trade_id", [](const TradeTick& self) { return to_str(self.trade_id); }, "The venue's id; may be empty.")
      .def_ro("ts_event", &TradeTick::ts_event, "The venue's time, nanoseconds since the Unix epoch.")
      .def_ro("ts_init", &TradeTick::ts_init, "The receiver's time, nanoseconds since the Unix epoch.")
      .def(nb::self == nb::self, nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__hash__", &hash_tick)
      .def("__repr__", &repr_tick)
      .def("__reduce__",
           [](nb::pointer_and_handle<TradeTick> self) { return nb::make_tuple(self.h.type(), tick_arguments(*self.p)); },
           nb::sig("def __reduce__(self) -> tuple[type, tuple[object, ...]]"));
  bind_copies(type);
}

void bind_model(nb::module_ m) {
  bind_numbers(m);
  bind_trade_tick(m);
  bind_bar(m);
  bind_trade_tick_batch(m);
}

}  // namespace alphaforge::bindings
