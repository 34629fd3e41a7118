#include "model/bar.hpp"

#include <nanobind/operators.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/reason.hpp"
#include "bindings/model/model.hpp"
#include "bindings/numbers.hpp"
#include "model/bar_type.hpp"
#include "model/names.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

BarType to_bar_type(nb::handle value) {
  BarType type;
  if (nb::try_cast(value, type, false)) return type;
  return BarType::parse(to_text(value, "bar_type"));
}

namespace {

// The step in the unit of its kind: nanoseconds and ticks as int, volume and value as Decimal.
nb::object step_of(const BarType& type) {
  switch (type.kind) {
    case BarKind::kVolume:
    case BarKind::kRange:
      return to_decimal(type.step, kPlaces);
    case BarKind::kDollar:
      return to_decimal(type.step, kValuePlaces);
    case BarKind::kTime:
    case BarKind::kTick:
    case BarKind::kDay:
    case BarKind::kWeek:
    case BarKind::kMonth:
      break;
  }
  return nb::int_(type.step64());
}

void init_bar(Bar* self, nb::handle instrument_id, nb::handle bar_type, nb::handle open, nb::handle high,
              nb::handle low, nb::handle close, nb::handle volume, nb::handle value, nb::handle trade_count,
              nb::handle buy_volume, nb::handle sell_volume, nb::handle ts_open, nb::handle ts_event,
              nb::handle ts_init, nb::handle sequence, bool is_partial, bool is_gap_fill, bool is_oversize,
              nb::handle revision) {
  const std::string_view instrument = to_text(instrument_id, "instrument_id");
  check_name(instrument, "instrument_id", kInstrumentIdBytesMax);
  const std::int64_t revisions = to_count(revision, "revision");
  if (revisions < 0 || revisions > std::numeric_limits<std::int32_t>::max()) {
    throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE, "revision " + std::to_string(revisions) + " is out of range");
  }
  Bar bar;
  bar.instrument_id = std::make_shared<const std::string>(instrument);
  bar.bar_type = std::make_shared<const BarType>(to_bar_type(bar_type));
  bar.open = to_price(open, "open");
  bar.high = to_price(high, "high");
  bar.low = to_price(low, "low");
  bar.close = to_price(close, "close");
  bar.volume = to_quantity(volume, "volume");
  bar.value = {from_decimal(value, kValuePlaces, "value")};
  bar.trade_count = to_count(trade_count, "trade_count");
  bar.buy_volume = to_quantity(buy_volume, "buy_volume");
  bar.sell_volume = to_quantity(sell_volume, "sell_volume");
  bar.ts_open = to_nanos(ts_open, "ts_open");
  bar.ts_event = to_nanos(ts_event, "ts_event");
  bar.ts_init = to_nanos(ts_init, "ts_init");
  bar.sequence = to_count(sequence, "sequence");
  bar.is_partial = is_partial;
  bar.is_gap_fill = is_gap_fill;
  bar.is_oversize = is_oversize;
  bar.revision = static_cast<std::int32_t>(revisions);
  new (self) Bar(std::move(bar));
}

// The fields of a bar in the constructor's order; vwap is derived from them.
constexpr const char* kFields[] = {
    "instrument_id", "bar_type",    "open",        "high",        "low",      "close",    "volume",
    "value",         "trade_count", "buy_volume",  "sell_volume", "ts_open",  "ts_event", "ts_init",
    "sequence",      "is_partial",  "is_gap_fill", "is_oversize", "revision",
};

nb::str repr_bar(nb::handle self) {
  nb::list parts;
  for (const char* const field : kFields) {
    parts.append(nb::str("{}={!r}").format(field, self.attr(field)));
  }
  return nb::str("Bar({})").format(nb::str(", ").attr("join")(parts));
}

nb::tuple reduce_bar(nb::handle self) {
  nb::list arguments;
  for (const char* const field : kFields) arguments.append(self.attr(field));
  return nb::make_tuple(self.type(), nb::tuple(arguments));
}

nb::dict bar_as_dict(nb::handle self) {
  nb::dict out;
  for (const char* const field : kFields) out[field] = self.attr(field);
  out["vwap"] = self.attr("vwap");
  return out;
}

void bind_bar_type(nb::module_ m) {
  nb::class_<BarType> type(
      m, "BarType", nb::is_final(),
      "The type of bars: `<n>ms|s|min|hour`, `1day`, `<n>tick`, `<x>volume`, `<x>dollar`, `<x>range`, "
      "`<n>day|week|month`,\nthe last perhaps with a time zone and a session start, `@America/New_York+17:00`.\n`1day` "
      "and shorter times may name a trading calendar: `5min@XNYS`.\n\n"
      "`str()` is the canonical name: the largest unit that divides the step, no trailing zeros.\n\n"
      ">>> str(BarType(\"60min\")), str(BarType(\"0.50volume\"))\n"
      "('1hour', '0.5volume')");
  type.def(
          "__init__", [](BarType* self, nb::handle name) { new (self) BarType(to_bar_type(name)); }, any("name"),
          nb::sig("def __init__(self, name: str | BarType) -> None"),
          "Raises InvalidArgument (a ValueError, BAR_TYPE_INVALID) for anything else than the names above: lower case, "
          "no "
          "leading zeros, at most nine places, above 0; a time step divides 24 hours.")
      .def_prop_ro(
          "kind", [](const BarType& self) { return to_str(name_of(self.kind)); },
          "\"time\", \"tick\", \"volume\", \"dollar\" or \"range\"; \"day\", \"week\" or \"month\" for "
          "those of a calendar.")
      .def_prop_ro("step", &step_of, nb::sig("def step(self) -> int | decimal.Decimal"),
                   "Nanoseconds, ticks, days, weeks or months as int; volume, value or range as Decimal.")
      .def_prop_ro(
          "zone",
          [](const BarType& self) -> std::optional<std::string> {
            if (!self.zone.empty()) return self.zone;
            return is_calendar(self.kind) ? std::optional<std::string>("UTC") : std::nullopt;
          },
          "The time zone of days, weeks and months, or the trading calendar of a day or a shorter time; else None.")
      .def_prop_ro(
          "session_start_ns", [](const BarType& self) { return self.start_s * 1'000'000'000; },
          "When their sessions start, in nanoseconds after 00:00.")
      .def("__str__", [](const BarType& self) { return self.name; })
      .def("__repr__", [](const BarType& self) { return "BarType('" + self.name + "')"; })
      .def(nb::self == nb::self, nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__hash__",
           [](const BarType& self) { return static_cast<std::int64_t>(std::hash<std::string>{}(self.name)); })
      .def(
          "__reduce__", [](nb::handle self) { return nb::make_tuple(self.type(), nb::make_tuple(nb::str(self))); },
          nb::sig("def __reduce__(self) -> tuple[type, tuple[str]]"));
  bind_copies(type);
}

}  // namespace

void bind_bar(nb::module_ m) {
  bind_bar_type(m);
  nb::class_<Bar> type(m, "Bar", nb::is_final(),
                       "A bar: the trades of an interval, count, volume or value, summed up. Immutable; equal if all "
                       "fields are equal.");
  type.def("__init__", &init_bar, any("instrument_id"), any("bar_type"), any("open"), any("high"), any("low"),
           any("close"), any("volume"), any("value"), any("trade_count"), any("buy_volume"), any("sell_volume"),
           any("ts_open"), any("ts_event"), any("ts_init"), any("sequence"), "is_partial"_a = false,
           "is_gap_fill"_a = false, "is_oversize"_a = false, "revision"_a = 0,
           nb::sig(
               "def __init__(self, instrument_id: str, bar_type: BarType | str, open: Price | int | str | float | "
               "decimal.Decimal, high: Price | int | str | float | decimal.Decimal, low: Price | int | str | float | "
               "decimal.Decimal, close: Price | int | str | float | decimal.Decimal, volume: Quantity | int | str | "
               "float "
               "| decimal.Decimal, value: decimal.Decimal | int | str, trade_count: int, buy_volume: Quantity | int | "
               "str "
               "| float | decimal.Decimal, sell_volume: Quantity | int | str | float | decimal.Decimal, ts_open: int, "
               "ts_event: int, ts_init: int, sequence: int, is_partial: bool = False, is_gap_fill: bool = False, "
               "is_oversize: bool = False, revision: int = 0) -> None"),
           "For tests and recorders; normally engines create bars.\n\n"
           "Raises InvalidArgument (a ValueError) or UnsupportedValue (a TypeError) for fields of a "
           "wrong value or type; the consistency of the fields is not checked.")
      .def_prop_ro(
          "instrument_id", [](const Bar& self) { return to_str(*self.instrument_id); }, "The instrument.")
      .def_prop_ro(
          "symbol", [](const Bar& self) { return to_str(*self.instrument_id); },
          "The instrument_id under the name that orders use.")
      .def_prop_ro(
          "bar_type", [](const Bar& self) { return *self.bar_type; }, "Its BarType; str() is the canonical name.")
      .def_ro("open", &Bar::open, nb::rv_policy::copy, "The first price.")
      .def_ro("high", &Bar::high, nb::rv_policy::copy, "The highest price.")
      .def_ro("low", &Bar::low, nb::rv_policy::copy, "The lowest price.")
      .def_ro("close", &Bar::close, nb::rv_policy::copy, "The last price.")
      .def_ro("volume", &Bar::volume, nb::rv_policy::copy, "The sum of the quantities.")
      .def_prop_ro(
          "value", [](const Bar& self) { return to_decimal(self.value.mantissa, kValuePlaces); },
          nb::sig("def value(self) -> decimal.Decimal"), "The exact sum of price x quantity.")
      .def_ro("trade_count", &Bar::trade_count, "Number of trades that began in it.")
      .def_ro("buy_volume", &Bar::buy_volume, nb::rv_policy::copy, "Volume taken by buyers.")
      .def_ro("sell_volume", &Bar::sell_volume, nb::rv_policy::copy, "Volume taken by sellers.")
      .def_prop_ro("vwap", &Bar::vwap, "value / volume, half to even at nine places; None without volume.")
      .def_ro("ts_open", &Bar::ts_open, "Its beginning, nanoseconds since the Unix epoch.")
      .def_ro("ts_event", &Bar::ts_event, "Its close, nanoseconds since the Unix epoch.")
      .def_ro("ts_init", &Bar::ts_init, "The greatest ts_init of its ticks.")
      .def_ro("sequence", &Bar::sequence, "Its number per instrument and type, from 1 without gaps.")
      .def_ro("is_partial", &Bar::is_partial, "Whether trades at its beginning or end may be missing.")
      .def_ro("is_gap_fill", &Bar::is_gap_fill, "Whether it is a flat bar for an interval without trades.")
      .def_ro("is_oversize", &Bar::is_oversize, "Whether it closed larger than its step.")
      .def_ro("revision", &Bar::revision, "How often it was corrected.")
      .def("as_dict", &bar_as_dict, nb::sig("def as_dict(self) -> dict[str, typing.Any]"),
           "All attributes by name, vwap included.")
      .def(nb::self == nb::self, nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__hash__",
           [](const Bar& self) {
             return static_cast<std::int64_t>(
                 std::hash<std::string>{}(*self.instrument_id) * 31 +
                 std::hash<std::string>{}(self.bar_type->name) * 17 + static_cast<std::uint64_t>(self.sequence) * 7 +
                 static_cast<std::uint64_t>(self.revision) + static_cast<std::uint64_t>(self.close.mantissa));
           })
      .def("__repr__", &repr_bar, nb::sig("def __repr__(self) -> str"))
      .def("__reduce__", &reduce_bar, nb::sig("def __reduce__(self) -> tuple[type, tuple[object, ...]]"));
  bind_copies(type);
}

}  // namespace alphaforge::bindings
