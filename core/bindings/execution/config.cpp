#include "execution/config.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "base/time.hpp"
#include "bindings/execution/execution.hpp"
#include "bindings/numbers.hpp"
#include "model/numbers.hpp"

// ExecutionEngineConfig: keywords to settings and back.

namespace alphaforge::bindings {

using namespace nb::literals;
using execution::ExecutionConfig;
using execution::FillOn;
using execution::Liquidity;

namespace {

// One setting: conversion from Python, and back in normal form.
struct Setting {
  const char* name;
  const char* type;
  const char* help;
  void (*set)(GivenExecutionConfig&, nb::handle);
  nb::object (*get)(const GivenExecutionConfig&);
};

[[noreturn]] void refuse(const char* setting, nb::handle value, const char* choices) {
  throw InvalidArgument(Reason::SETTING_INVALID,
                        std::string(setting) + " must be " + choices + ", not " + nb::repr(value).c_str());
}

Liquidity liquidity_of(nb::handle value) {
  const std::string_view name = to_text(value, "liquidity");
  if (name == "tick") return Liquidity::kTick;
  if (name == "unlimited") return Liquidity::kUnlimited;
  refuse("liquidity", value, "'tick' or 'unlimited'");
}

FillOn fill_on_of(nb::handle value) {
  const std::string_view name = to_text(value, "fill_on");
  if (name == "arrival") return FillOn::kArrival;
  if (name == "next") return FillOn::kNext;
  refuse("fill_on", value, "'arrival' or 'next'");
}

bool stale_of(nb::handle value) {
  const std::string_view name = to_text(value, "market_orders_while_stale");
  if (name == "wait") return false;
  if (name == "reject") return true;
  refuse("market_orders_while_stale", value, "'wait' or 'reject'");
}

std::optional<Value> optional_value(nb::handle value, const char* what) {
  if (value.is_none()) return std::nullopt;
  return Value{rescale(to_mantissa(value, what), kPlaces, kValuePlaces)};
}

std::string durability_of(nb::handle value) {
  const std::string_view name = to_text(value, "durability");
  if (name != "none" && name != "os" && name != "fsync") refuse("durability", value, "'fsync', 'os' or 'none'");
  return std::string(name);
}

bool bool_of(nb::handle value, const char* what) {
  if (!PyBool_Check(value.ptr()))
    throw UnsupportedValue(Reason::TYPE_UNSUPPORTED,
                           std::string(what) + " must be a bool, not " + nb::type_name(value.type()).c_str());
  return value.ptr() == Py_True;
}

std::int64_t nanos_of(nb::handle value, const char* what, std::int64_t least) {
  const std::int64_t nanos = to_count(value, what);
  if (nanos < least || nanos > kDayNs) refuse(what, value, "a time of at most a day, in nanoseconds");
  return nanos;
}

std::int64_t rate_of(nb::handle value, const char* what) {
  const int128 mantissa = to_mantissa(value, what);
  if (mantissa > INT64_MAX || mantissa < INT64_MIN) refuse(what, value, "a small number");
  return static_cast<std::int64_t>(mantissa);
}

nb::object optional_decimal(bool given, int128 mantissa, int places) {
  return given ? to_decimal(mantissa, places) : nb::none();
}

#define COUNT(name, help)                                                                                  \
  Setting {                                                                                                \
    #name, "int", help, [](GivenExecutionConfig& c, nb::handle v) { c.config.name = to_count(v, #name); }, \
        [](const GivenExecutionConfig& c) -> nb::object { return nb::int_(c.config.name); }                \
  }
#define OPTIONAL_COUNT(name, help)                                                                      \
  Setting {                                                                                             \
    #name, "int | None", help,                                                                          \
        [](GivenExecutionConfig& c, nb::handle v) {                                                     \
          c.config.name = v.is_none() ? std::nullopt : std::optional<std::int64_t>(to_count(v, #name)); \
        },                                                                                              \
        [](const GivenExecutionConfig& c) -> nb::object {                                               \
          return c.config.name ? nb::object(nb::int_(*c.config.name)) : nb::none();                     \
        }                                                                                               \
  }
#define RATE(name, help)                                                                                              \
  Setting {                                                                                                           \
    #name, "decimal.Decimal", help, [](GivenExecutionConfig& c, nb::handle v) { c.config.name = rate_of(v, #name); }, \
        [](const GivenExecutionConfig& c) -> nb::object { return to_decimal(c.config.name, kPlaces); }                \
  }

#define VALUE(name, help)                                                                                             \
  Setting {                                                                                                           \
    #name, "decimal.Decimal | None", help,                                                                            \
        [](GivenExecutionConfig& c, nb::handle v) { c.config.name = optional_value(v, #name); },                      \
        [](const GivenExecutionConfig& c) {                                                                           \
          return optional_decimal(c.config.name.has_value(), c.config.name.value_or(Value{}).mantissa, kValuePlaces); \
        }                                                                                                             \
  }

constexpr Setting kSettings[] = {
    {"liquidity", "str",
     "'tick': a tick's quantity, once for all buys and once for all sells; 'unlimited': any quantity.",
     [](GivenExecutionConfig& c, nb::handle v) { c.config.liquidity = liquidity_of(v); },
     [](const GivenExecutionConfig& c) -> nb::object {
       return nb::str(c.config.liquidity == Liquidity::kTick ? "tick" : "unlimited");
     }},
    {"fill_on", "str",
     "'arrival': an order fills against the last tick before its arrival; 'next': "
     "against the next tick.",
     [](GivenExecutionConfig& c, nb::handle v) { c.config.fill_on = fill_on_of(v); },
     [](const GivenExecutionConfig& c) -> nb::object {
       return nb::str(c.config.fill_on == FillOn::kArrival ? "arrival" : "next");
     }},
    OPTIONAL_COUNT(max_price_age_ns,
                   "Maximum age of the last tick for arriving orders to fill against it, in nanoseconds of "
                   "market time; None: no limit."),
    COUNT(max_time_jump_ns,
          "How far ahead of the clock ticks and advance_time() may be, in nanoseconds; later ones are refused "
          "(TIME_AHEAD). 0: no limit."),
    RATE(maker_commission_rate, "Commission rate of makers, between -1 (a rebate) and 1."),
    RATE(taker_commission_rate, "Commission rate of takers, between -1 and 1."),
    RATE(slippage_bps, "Slippage of takers in basis points of the price, never past their limit."),
    {"max_order_quantity", "decimal.Decimal | None", "Maximum quantity of an order; None: no limit.",
     [](GivenExecutionConfig& c, nb::handle v) {
       c.config.max_order_quantity = v.is_none() ? std::nullopt : std::optional(to_quantity(v, "max_order_quantity"));
     },
     [](const GivenExecutionConfig& c) {
       return optional_decimal(c.config.max_order_quantity.has_value(),
                               c.config.max_order_quantity.value_or(Quantity{}).mantissa, kPlaces);
     }},
    VALUE(max_order_notional, "Maximum price x quantity of an order; None: no limit."),
    VALUE(starting_cash, "Cash with which each strategy's account begins; None: 0."),
    VALUE(max_loss,
          "How far the equity of a strategy may fall before the engine rejects its orders, except reduce-only ones; "
          "None: "
          "no limit."),
    OPTIONAL_COUNT(max_open_orders, "Maximum number of active orders per strategy; None: no limit."),
    OPTIONAL_COUNT(max_orders_per_second,
                   "Maximum number of orders per strategy and second of market time; "
                   "None: no limit."),
    {"require_instruments", "bool", "Reject orders for instruments that are not registered.",
     [](GivenExecutionConfig& c, nb::handle v) { c.config.require_instruments = bool_of(v, "require_instruments"); },
     [](const GivenExecutionConfig& c) -> nb::object { return nb::bool_(c.config.require_instruments); }},
    {"market_orders_while_stale", "str",
     "'wait' or 'reject': how to handle a market order while market data are stale.",
     [](GivenExecutionConfig& c, nb::handle v) { c.config.reject_market_orders_while_stale = stale_of(v); },
     [](const GivenExecutionConfig& c) -> nb::object {
       return nb::str(c.config.reject_market_orders_while_stale ? "reject" : "wait");
     }},
    COUNT(order_retention_ns, "How long final orders are remembered, in nanoseconds, within max_final_orders."),
    COUNT(max_final_orders, "Maximum number of final orders remembered."),
    COUNT(max_events, "Events kept for resuming subscribers."),
    COUNT(max_instruments, "Maximum number of instruments."),
    COUNT(max_strategies, "Maximum number of strategies."),
    COUNT(duplicate_window,
          "Trade ids remembered per instrument to find duplicates; 0 disables the "
          "check."),
    COUNT(max_duplicate_entries, "Trade ids remembered over all instruments."),
    // Settings for engines on a service; in process there is no clock, no journal and no data service.
    {"durability", "str",
     "What an acknowledged change survives on a service: a power cut ('fsync'), kill -9 ('os'), "
     "neither ('none').",
     [](GivenExecutionConfig& c, nb::handle v) { c.durability = durability_of(v); },
     [](const GivenExecutionConfig& c) -> nb::object { return to_str(c.durability); }},
    {"subscribe_market_data", "bool", "On a service: follow the trades of the data engine of the same name.",
     [](GivenExecutionConfig& c, nb::handle v) { c.subscribe_market_data = bool_of(v, "subscribe_market_data"); },
     [](const GivenExecutionConfig& c) -> nb::object { return nb::bool_(c.subscribe_market_data); }},
    {"stale_after_ns", "int",
     "Time without a message or heartbeat from the data service after which market data are stale; nanoseconds.",
     [](GivenExecutionConfig& c, nb::handle v) { c.stale_after_ns = nanos_of(v, "stale_after_ns", 1); },
     [](const GivenExecutionConfig& c) -> nb::object { return nb::int_(c.stale_after_ns); }},
    {"live_clock", "bool", "On a service: advance market time by the wall clock.",
     [](GivenExecutionConfig& c, nb::handle v) { c.live_clock = bool_of(v, "live_clock"); },
     [](const GivenExecutionConfig& c) -> nb::object { return nb::bool_(c.live_clock); }},
    {"close_grace_ns", "int", "How far the live clock lags the wall clock, nanoseconds, up to a day.",
     [](GivenExecutionConfig& c, nb::handle v) { c.close_grace_ns = nanos_of(v, "close_grace_ns", 0); },
     [](const GivenExecutionConfig& c) -> nb::object { return nb::int_(c.close_grace_ns); }},
};

#undef COUNT
#undef OPTIONAL_COUNT
#undef RATE
#undef VALUE

const Setting& setting_of(std::string_view name) {
  for (const Setting& setting : kSettings)
    if (name == setting.name) return setting;
  throw UnsupportedValue(Reason::TYPE_UNSUPPORTED, "ExecutionEngineConfig has no setting '" + std::string(name) + "'");
}

void init_config(GivenExecutionConfig* self, const nb::kwargs& settings) {
  GivenExecutionConfig made;
  for (const auto& [key, value] : settings) {
    const Setting& setting = setting_of(to_text(key, "setting"));
    setting.set(made, value);
    made.given[setting.name] = setting.get(made);
  }
  execution::check_config(made.config);
  new (self) GivenExecutionConfig(std::move(made));
}

nb::dict all_of(const GivenExecutionConfig& self) {
  nb::dict all;
  for (const Setting& setting : kSettings) all[setting.name] = setting.get(self);
  return all;
}

std::string signature() {
  std::string text = "def __init__(self, *";
  for (const Setting& setting : kSettings) {
    const std::string type = setting.type;
    const std::string wider = type.starts_with("decimal.Decimal") ? "int | str | float | " + type : type;
    text += std::string(", ") + setting.name + ": " + wider + " = ...";
  }
  return text + ") -> None";
}

nb::object repr_config(const GivenExecutionConfig& self) {
  nb::list parts;
  for (const auto& [key, value] : self.given) parts.append(nb::str(key) + nb::str("=") + nb::repr(value));
  return nb::str("ExecutionEngineConfig(") + nb::str(", ").attr("join")(parts) + nb::str(")");
}

}  // namespace

void bind_execution_config(nb::module_ m) {
  nb::class_<GivenExecutionConfig> type(
      m, "ExecutionEngineConfig", nb::is_final(),
      "The settings of an execution engine. Immutable; settings that are not given have their "
      "defaults.\n\n"
      ">>> ExecutionEngineConfig(taker_commission_rate=\"0.0005\").taker_commission_rate\n"
      "Decimal('0.0005')");
  // The signature lives as long as the class, as nanobind wants it.
  static const std::string kSignature = signature();
  type.def("__init__", &init_config, "settings"_a, nb::sig(kSignature.c_str()),
           "Raises InvalidArgument (a ValueError, SETTING_INVALID) for an invalid value; "
           "UnsupportedValue (a TypeError) for an unknown setting or a wrong type.");
  for (const Setting& setting : kSettings) {
    const auto get = setting.get;
    type.def_prop_ro(setting.name, [get](const GivenExecutionConfig& self) { return get(self); }, setting.help);
  }
  type.def(
          "given", [](const GivenExecutionConfig& self) { return nb::borrow<nb::dict>(self.given.attr("copy")()); },
          nb::sig("def given(self) -> dict[str, typing.Any]"), "The given settings by name, in normal form.")
      .def("as_dict", &all_of, nb::sig("def as_dict(self) -> dict[str, typing.Any]"),
           "All settings by name, in normal form.")
      .def(
          "__eq__",
          [](const GivenExecutionConfig& self, const GivenExecutionConfig& other) {
            return self.given.equal(other.given);
          },
          nb::is_operator(), nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__repr__", &repr_config, nb::sig("def __repr__(self) -> str"))
      .def(
          "__getstate__", [](const GivenExecutionConfig& self) { return self.given; },
          nb::sig("def __getstate__(self) -> dict[str, typing.Any]"))
      .def(
          "__setstate__",
          [](GivenExecutionConfig& self, const nb::dict& given) { init_config(&self, nb::borrow<nb::kwargs>(given)); },
          nb::sig("def __setstate__(self, given: dict[str, typing.Any], /) -> None"));
}

}  // namespace alphaforge::bindings
