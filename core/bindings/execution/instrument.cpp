#include <nanobind/nanobind.h>
#include <nanobind/operators.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "bindings/bindings.hpp"
#include "bindings/data/config.hpp"
#include "bindings/execution/execution.hpp"
#include "bindings/gil.hpp"
#include "bindings/model/model.hpp"
#include "bindings/numbers.hpp"
#include "execution/venue.hpp"
#include "model/instrument_definition.hpp"
#include "model/numbers.hpp"
#include "model/session.hpp"

// Instruments, and their registration with an engine.

namespace alphaforge::bindings {

using namespace nb::literals;
using execution::Venue;

namespace {

OffGrid off_grid_of(nb::handle value) {
  const std::string_view name = to_text(value, "off_grid");
  if (name == "reject") return OffGrid::kReject;
  if (name == "round") return OffGrid::kRound;
  throw InvalidArgument(Reason::ENUM_UNKNOWN, "off_grid must be 'reject' or 'round', not " + std::string(name));
}

// A number above 0, which None is not.
int128 step_of(nb::handle value, const char* what) {
  if (value.is_none()) return 0;
  const int128 step = to_mantissa(value, what);
  if (step <= 0)
    throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE,
                          std::string(what) + " must be above 0, not " + format_decimal(step, kPlaces, 0));
  return step;
}

bool flag_of(nb::handle value, const char* what) {
  if (!PyBool_Check(value.ptr()))
    throw UnsupportedValue(Reason::TYPE_UNSUPPORTED,
                           std::string(what) + " must be a bool, not " + nb::type_name(value.type()).c_str());
  return value.ptr() == Py_True;
}

Price amount_of(nb::handle value, const char* what) { return price_of(to_mantissa(value, what), what); }

nb::object amount(Price price) { return to_decimal(price.mantissa, kPlaces); }

nb::object optional_rate(const std::optional<std::int64_t>& rate) {
  return rate ? to_decimal(*rate, kPlaces) : nb::none();
}

nb::object optional_amount(const std::optional<Price>& price) { return price ? amount(*price) : nb::none(); }

nb::object step(int128 mantissa) { return mantissa == 0 ? nb::none() : to_decimal(mantissa, kPlaces); }

using Definition = InstrumentDefinition;

// One attribute: its name, type and default, its conversion from Python (not called for None if that is the default),
// and back.
struct Attribute {
  const char* name;
  const char* type;
  const char* given;  // the default; null: required
  const char* help;
  void (*set)(Definition&, nb::handle);
  nb::object (*get)(const Definition&);
};

constexpr const char* kTimeZone = "time_zone";

constexpr Attribute kAttributes[] = {
    {"instrument_id", "str", nullptr, "The instrument, as on ticks; the symbol of its orders.",
     [](Definition& self, nb::handle v) { self.instrument_id = to_text(v, "instrument_id"); },
     [](const Definition& self) -> nb::object { return to_str(self.instrument_id); }},
    {"tick_size", "decimal.Decimal | None", "None", "Prices are multiples of it; None: any price.",
     [](Definition& self, nb::handle v) { self.tick_size = price_of(step_of(v, "tick_size"), "tick_size"); },
     [](const Definition& self) { return step(self.tick_size.mantissa); }},
    {"lot_size", "decimal.Decimal | None", "None", "Quantities are multiples of it; None: any quantity.",
     [](Definition& self, nb::handle v) { self.lot_size.mantissa = step_of(v, "lot_size"); },
     [](const Definition& self) { return step(self.lot_size.mantissa); }},
    {"multiplier", "decimal.Decimal", "1", "Factor from price to value: with 50, one contract is worth 50 x the price.",
     [](Definition& self, nb::handle v) { self.multiplier = amount_of(v, "multiplier").mantissa; },
     [](const Definition& self) { return to_decimal(self.multiplier, kPlaces); }},
    {"currency", "str", "''", "The currency of values, profits and commissions; may be empty.",
     [](Definition& self, nb::handle v) { self.currency = to_text(v, "currency"); },
     [](const Definition& self) -> nb::object { return to_str(self.currency); }},
    {"inverse", "bool", "False", "A contract is worth multiplier / price instead of multiplier x price.",
     [](Definition& self, nb::handle v) { self.is_inverse = flag_of(v, "inverse"); },
     [](const Definition& self) -> nb::object { return nb::bool_(self.is_inverse); }},
    {"off_grid", "str", "'reject'", "'reject' or 'round': how to handle an order off the grid.",
     [](Definition& self, nb::handle v) { self.off_grid = off_grid_of(v); },
     [](const Definition& self) -> nb::object {
       return nb::str(self.off_grid == OffGrid::kReject ? "reject" : "round");
     }},
    {"maker_commission_rate", "decimal.Decimal | None", "None",
     "Commission rate of makers, between -1 (a rebate) and 1; None: the engine's.",
     [](Definition& self, nb::handle v) {
       self.commission.maker_rate = amount_of(v, "maker_commission_rate").mantissa;
     },
     [](const Definition& self) { return optional_rate(self.commission.maker_rate); }},
    {"taker_commission_rate", "decimal.Decimal | None", "None", "Commission rate of takers; None: the engine's.",
     [](Definition& self, nb::handle v) {
       self.commission.taker_rate = amount_of(v, "taker_commission_rate").mantissa;
     },
     [](const Definition& self) { return optional_rate(self.commission.taker_rate); }},
    {"commission_per_contract", "decimal.Decimal", "0", "Commission by quantity; negative is a rebate.",
     [](Definition& self, nb::handle v) { self.commission.per_contract = amount_of(v, "commission_per_contract"); },
     [](const Definition& self) { return amount(self.commission.per_contract); }},
    {"commission_per_order", "decimal.Decimal", "0", "Commission of an order, with its first fill.",
     [](Definition& self, nb::handle v) { self.commission.per_order = amount_of(v, "commission_per_order"); },
     [](const Definition& self) { return amount(self.commission.per_order); }},
    {"min_commission", "decimal.Decimal | None", "None",
     "Minimum commission of an order that has filled; None: no minimum.",
     [](Definition& self, nb::handle v) { self.commission.least = amount_of(v, "min_commission"); },
     [](const Definition& self) { return optional_amount(self.commission.least); }},
    {"max_commission", "decimal.Decimal | None", "None", "Maximum commission of an order; None: no maximum.",
     [](Definition& self, nb::handle v) { self.commission.most = amount_of(v, "max_commission"); },
     [](const Definition& self) { return optional_amount(self.commission.most); }},
    {"session", "str", "''",
     "Time zone whose days end DAY orders, optionally with the start of its sessions, such as "
     "'America/New_York+17:00'; empty: UTC.",
     [](Definition& self, nb::handle v) { self.session = canonical_session(to_text(v, "session")); },
     [](const Definition& self) -> nb::object { return to_str(self.session); }},
    {"negative_prices", "bool", "False", "Prices may be 0 or below, such as those of spreads and power (rule 3.32).",
     [](Definition& self, nb::handle v) { self.negative_prices = flag_of(v, "negative_prices"); },
     [](const Definition& self) -> nb::object { return nb::bool_(self.negative_prices); }},
    {kTimeZone, "str", "...",
     "The rules of the session's time zone; by default those in this machine's time zone database. Empty for UTC.",
     [](Definition& self, nb::handle v) { self.time_zone = to_text(v, kTimeZone); },
     [](const Definition& self) -> nb::object { return to_str(self.time_zone); }},
    {"calendar", "str", "''",
     "Instead of `session`, a trading calendar, with whose sessions DAY orders end: a TradingCalendar or its text; "
     "empty: none.",
     [](Definition& self, nb::handle v) { self.calendar = to_calendar(v); },
     [](const Definition& self) -> nb::object { return to_str(self.calendar); }},
};

const Attribute& attribute_of(std::string_view name) {
  for (const Attribute& attribute : kAttributes)
    if (name == attribute.name) return attribute;
  throw UnsupportedValue(Reason::TYPE_UNSUPPORTED, "Instrument has no attribute '" + std::string(name) + "'");
}

void init_instrument(Definition* self, nb::handle instrument_id, const nb::kwargs& attributes) {
  Definition made;
  made.instrument_id = to_text(instrument_id, "instrument_id");
  for (const auto& [key, value] : attributes) {
    const Attribute& attribute = attribute_of(to_text(key, "attribute"));
    const bool is_default = value.is_none() && std::string_view(attribute.type).ends_with("None");
    if (!is_default) attribute.set(made, value);
  }
  if (!made.session.empty() && !attributes.contains(kTimeZone))
    for (const std::string& rules : time_zones_of({bar_type_of_session(made.session)}, {})) made.time_zone = rules;
  check_definition(made);
  new (self) Definition(std::move(made));
}

std::string signature() {
  std::string text = "def __init__(self, instrument_id: str, *";
  for (const Attribute& attribute : kAttributes) {
    if (attribute.given == nullptr) continue;
    const std::string type = attribute.type;
    std::string wider = type.starts_with("decimal.Decimal") ? "int | str | float | " + type : type;
    if (std::string_view(attribute.name) == "calendar") wider += " | alphaforge_core.model.TradingCalendar";
    text += std::string(", ") + attribute.name + ": " + wider + " = " + attribute.given;
  }
  return text + ") -> None";
}

nb::dict instrument_as_dict(const Definition& self) {
  nb::dict out;
  for (const Attribute& attribute : kAttributes) out[attribute.name] = attribute.get(self);
  return out;
}

// With what differs from its default.
nb::object repr_instrument(const Definition& self) {
  Definition plain;
  nb::list parts;
  parts.append(nb::repr(to_str(self.instrument_id)));
  for (const Attribute& attribute : kAttributes) {
    const nb::object value = attribute.get(self);
    if (attribute.given == nullptr || attribute.name == kTimeZone || value.equal(attribute.get(plain))) continue;
    const bool is_number = std::string_view(attribute.type).starts_with("decimal.Decimal");
    parts.append(nb::str(attribute.name) + nb::str("=") + nb::repr(is_number ? nb::str(value) : value));
  }
  return nb::str("Instrument(") + nb::str(", ").attr("join")(parts) + nb::str(")");
}

void register_instruments(BoundExecutionEngine& self, nb::handle given) {
  std::vector<InstrumentDefinition> definitions;
  for (const nb::handle item : nb::iter(given)) {
    if (!nb::isinstance<InstrumentDefinition>(item))
      throw UnsupportedValue(Reason::TYPE_UNSUPPORTED, std::string("register_instruments takes Instruments, not ") +
                                                           nb::type_name(item.type()).c_str());
    definitions.push_back(nb::cast<const InstrumentDefinition&>(item));
  }
  without_gil(self.engine, [&](Venue& venue) { venue.register_instruments(definitions); });
}

std::vector<InstrumentDefinition> get_instruments(BoundExecutionEngine& self, nb::handle symbol, nb::handle limit,
                                                  nb::handle after) {
  const auto only = optional_text(symbol, "symbol");
  const std::size_t most = limit_of(limit);
  const std::string last = optional_text(after, "after").value_or("");
  return without_gil(self.engine, [&](const Venue& venue) { return venue.definitions(only, last, most); });
}

}  // namespace

void bind_instrument(nb::module_ m) {
  nb::class_<InstrumentDefinition> type(m, "Instrument", nb::is_final(),
                                        "An instrument, for register_instruments() (rule "
                                        "3.27). Immutable.");
  // The signatures live as long as the class, as nanobind wants it.
  static const std::string kSignature = signature();
  static std::vector<std::string> getters;
  type.def(
      "__init__", &init_instrument, "instrument_id"_a, "attributes"_a, nb::sig(kSignature.c_str()),
      "Raises InvalidArgument (a ValueError): NAME_INVALID; NUMBER_OUT_OF_RANGE for a number that is not above 0, a "
      "rate that is not between -1 and 1, a minimum above the maximum, negative_prices of an inverse contract; "
      "ENUM_UNKNOWN; SETTING_INVALID for a session or a calendar. UnsupportedValue (a TypeError) "
      "for an unknown attribute or a wrong type.");
  getters.reserve(std::size(kAttributes));
  for (const Attribute& attribute : kAttributes) {
    const auto get = attribute.get;
    getters.push_back(std::string("def ") + attribute.name + "(self) -> " + attribute.type);
    type.def_prop_ro(
        attribute.name, [get](const Definition& self) { return get(self); }, nb::sig(getters.back().c_str()),
        attribute.help);
  }
  type.def("as_dict", &instrument_as_dict, nb::sig("def as_dict(self) -> dict[str, typing.Any]"),
           "All attributes by name, numbers as exact Decimals: Instrument(**instrument.as_dict()) is equal.")
      .def(nb::self == nb::self, nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__hash__",
           [](const Definition& self) {
             return static_cast<std::int64_t>(std::hash<std::string>{}(self.instrument_id));
           })
      .def("__repr__", &repr_instrument, nb::sig("def __repr__(self) -> str"))
      .def("__getstate__", &instrument_as_dict, nb::sig("def __getstate__(self) -> dict[str, typing.Any]"))
      .def(
          "__setstate__",
          [](Definition& self, nb::dict state) {
            const nb::object id = state.attr("pop")("instrument_id");
            init_instrument(&self, id, nb::borrow<nb::kwargs>(state));
          },
          nb::sig("def __setstate__(self, state: dict[str, typing.Any], /) -> None"));
}

void bind_registry(nb::class_<BoundExecutionEngine>& type) {
  type.def("register_instruments", &register_instruments, "instruments"_a,
           nb::sig("def register_instruments(self, instruments: collections.abc.Iterable[Instrument]) -> None"),
           "Registers instruments, or replaces their definitions; all or none. Existing orders keep their terms.\n\n"
           "Raises ResourceExhausted (INSTRUMENT_LIMIT) beyond max_instruments; EngineError (a RuntimeError, "
           "INSTRUMENT_IN_USE) for an instrument that was traded with another multiplier, kind or currency, or has "
           "had orders or trades with negative_prices.")
      .def("get_instruments", &get_instruments, nb::kw_only(), "symbol"_a = nb::none(), "limit"_a = nb::none(),
           "after"_a = nb::none(),
           nb::sig("def get_instruments(self, *, symbol: str | None = None, limit: int | None = None, after: str | "
                   "None = None) -> list[Instrument]"),
           "The registered instruments by id, at most `limit`; `after` is the last id of the previous page.");
}

}  // namespace alphaforge::bindings
