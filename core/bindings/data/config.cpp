#include "bindings/data/config.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "bindings/bindings.hpp"
#include "bindings/numbers.hpp"
#include "data/config.hpp"

namespace alphaforge::bindings {

using data::DataEngineConfig;

namespace {

bool to_bool(nb::handle value, const char* name) {
  if (!PyBool_Check(value.ptr()))
    throw UnsupportedValue(Reason::TYPE_UNSUPPORTED,
                           std::string(name) + " must be a bool, not " + nb::type_name(value.type()).c_str());
  return value.ptr() == Py_True;
}

std::string to_durability(nb::handle value) {
  const std::string_view name = to_text(value, "durability");
  if (name != "none" && name != "os" && name != "fsync")
    throw InvalidArgument(Reason::SETTING_INVALID,
                          "durability is \"" + std::string(name) + "\"; expected \"none\", \"os\" or \"fsync\"");
  return std::string(name);
}

std::int64_t to_service_limit(nb::handle value, const char* name, std::int64_t least, std::int64_t greatest) {
  const std::int64_t count = to_count(value, name);
  if (count < least || count > greatest)
    throw InvalidArgument(Reason::SETTING_INVALID, std::string(name) + " is " + std::to_string(count) + "; expected " +
                                                       std::to_string(least) + " to " + std::to_string(greatest));
  return count;
}

// Every option, with its setter and getter.
#define ALPHAFORGE_DATA_FLAGS(X) X(enable_statistics) X(fill_gaps) X(skip_first_partial) X(flush_on_stop) X(live_clock)

bool set_option(GivenDataConfig& config, const std::string& name, nb::handle value) {
  if (name == "bar_types") return config.bar_types = to_names(value, "bar_types"), true;
  if (name == "time_zones") return config.time_zones = to_names(value, "time_zones"), true;
  if (name == "negative_price_instruments")
    return config.negative_price_instruments = to_names(value, "negative_price_instruments"), true;
  if (name == "calendars") return config.calendars = to_names(value, "calendars"), true;
  if (name == "durability") return config.durability = to_durability(value), true;
  if (name == "zero_quantity")
    return config.zero_quantity = data::zero_quantity_of(to_text(value, "zero_quantity")), true;
#define X(option) \
  if (name == #option) return config.option = to_bool(value, #option), true;
  ALPHAFORGE_DATA_FLAGS(X)
#undef X
#define X(option, preset, least, greatest) \
  if (name == #option) return config.option = to_count(value, #option), true;
  ALPHAFORGE_DATA_LIMITS(X)
#undef X
#define X(option, preset, least, greatest) \
  if (name == #option) return config.option = to_service_limit(value, #option, least, greatest), true;
  ALPHAFORGE_DATA_SERVICE_LIMITS(X)
#undef X
  return false;
}

nb::object get_option(const GivenDataConfig& config, const std::string& name) {
  if (name == "bar_types") return nb::cast(config.bar_types);
  if (name == "time_zones") return nb::cast(config.time_zones);
  if (name == "negative_price_instruments") return nb::cast(config.negative_price_instruments);
  if (name == "calendars") return nb::cast(config.calendars);
  if (name == "durability") return to_str(config.durability);
  if (name == "zero_quantity") return to_str(data::name_of(config.zero_quantity));
#define X(option) \
  if (name == #option) return nb::bool_(config.option);
  ALPHAFORGE_DATA_FLAGS(X)
#undef X
#define X(option, preset, least, greatest) \
  if (name == #option) return nb::int_(config.option);
  ALPHAFORGE_DATA_LIMITS(X)
  ALPHAFORGE_DATA_SERVICE_LIMITS(X)
#undef X
  return nb::none();
}

constexpr const char* kOptions[] = {"enable_statistics",
                                    "bar_types",
                                    "max_bars_per_instrument",
                                    "max_memory_bytes",
                                    "max_instruments",
                                    "max_bars_per_tick",
                                    "duplicate_window",
                                    "max_duplicate_entries",
                                    "fill_gaps",
                                    "max_gap_bars",
                                    "skip_first_partial",
                                    "origin_offset_ns",
                                    "allowed_lateness_ns",
                                    "zero_quantity",
                                    "flush_on_stop",
                                    "live_clock",
                                    "close_grace_ns",
                                    "durability",
                                    "max_replay_trades",
                                    "max_replay_bars",
                                    "max_time_jump_ns",
                                    "time_zones",
                                    "negative_price_instruments",
                                    "calendars"};
constexpr std::size_t kPositional = 3;  // the documented ones

void init_config(GivenDataConfig* self, const nb::args& args, const nb::kwargs& kwargs) {
  GivenDataConfig config;
  nb::dict values;
  if (args.size() > kPositional) throw nb::type_error("DataEngineConfig takes at most 3 positional arguments");
  for (std::size_t i = 0; i < args.size(); ++i) values[kOptions[i]] = args[i];
  for (const auto& [key, value] : kwargs) {
    if (values.contains(key))
      throw nb::type_error(("DataEngineConfig got two values for " + std::string(to_text(key, "keyword"))).c_str());
    values[key] = value;
  }
  for (const auto& [key, value] : values) {
    const std::string name = std::string(to_text(key, "keyword"));
    if (!set_option(config, name, value)) throw nb::type_error(("DataEngineConfig has no option " + name).c_str());
  }
  for (const char* const name : kOptions)
    if (values.contains(name)) config.given.emplace_back(name);
  config.validate();
  new (self) GivenDataConfig(std::move(config));
}

nb::dict given_of(const GivenDataConfig& self) {
  nb::dict out;
  for (const std::string& name : self.given) out[name.c_str()] = get_option(self, name);
  return out;
}

nb::dict all_of(const GivenDataConfig& self) {
  nb::dict out;
  for (const char* const name : kOptions) out[name] = get_option(self, name);
  return out;
}

}  // namespace

std::vector<std::string> to_names(nb::handle value, const char* option) {
  if (PyUnicode_Check(value.ptr()))
    throw UnsupportedValue(Reason::TYPE_UNSUPPORTED, std::string(option) + " must be a list, not one str");
  std::vector<std::string> names;
  for (nb::handle name : value) {
    const nb::str text(name);
    names.emplace_back(to_text(PyUnicode_Check(name.ptr()) ? name : nb::handle(text), option));
  }
  return names;
}

data::DataEngineConfig with_time_zones(const GivenDataConfig& config, std::vector<std::string> calendars) {
  data::DataEngineConfig full(config);
  calendars.insert(calendars.end(), config.calendars.begin(), config.calendars.end());
  full.time_zones = time_zones_of(config.bar_types, config.time_zones, calendars);
  return full;
}

std::vector<std::string> time_zones_of(const std::vector<std::string>& bar_types, const std::vector<std::string>& known,
                                       const std::vector<std::string>& calendars) {
  return nb::cast<std::vector<std::string>>(
      nb::module_::import_("alphaforge_core._time_zones").attr("time_zones")(bar_types, known, calendars));
}

void bind_data_config(nb::module_ m) {
  nb::class_<GivenDataConfig> type(m, "DataEngineConfig", nb::is_final(),
                                   "The options of a data engine. Immutable; remembers which options were given.\n\n"
                                   ">>> DataEngineConfig(bar_types=[\"60min\", \"100tick\"]).given()\n"
                                   "{'bar_types': ['60min', '100tick']}");
  type.def(
      "__init__", &init_config,
      nb::sig(
          "def __init__(self, enable_statistics: bool = True, bar_types: collections.abc.Sequence[str] = ['1min'], "
          "max_bars_per_instrument: int = 1000, *, max_memory_bytes: int = 1073741824, max_instruments: int = 10000, "
          "max_bars_per_tick: int = 10000, duplicate_window: int = 10000, max_duplicate_entries: int = 10000000, "
          "fill_gaps: bool = False, max_gap_bars: int = 1000, skip_first_partial: bool = False, "
          "origin_offset_ns: int = 0, allowed_lateness_ns: int = 0, zero_quantity: typing.Literal['reject', "
          "'price_only'] = 'reject', flush_on_stop: bool = False, live_clock: bool = False, close_grace_ns: int = 0, "
          "durability: typing.Literal['none', 'os', 'fsync'] = 'os', max_replay_trades: int = 100000, "
          "max_replay_bars: int = 10000, max_time_jump_ns: int = 300000000000, "
          "time_zones: collections.abc.Sequence[str] = [], "
          "negative_price_instruments: collections.abc.Sequence[str] = [], "
          "calendars: collections.abc.Sequence[alphaforge_core.model.TradingCalendar | str] = []) -> None"),
      "enable_statistics: measure rate and latency; counts are always kept.\n"
      "bar_types: 1 to 32 names such as \"1min\", \"100tick\", \"0.5volume\", \"1000000dollar\".\n"
      "max_bars_per_instrument: closed bars kept per instrument and type.\n"
      "max_memory_bytes: memory for closed bars, in bytes; the oldest are dropped first.\n"
      "max_instruments: maximum number of instruments; ticks of any others are refused.\n"
      "max_bars_per_tick: maximum number of bars of a type that one tick closes; a larger tick "
      "becomes one oversize bar.\n"
      "duplicate_window: trade ids remembered per instrument to find duplicates; 0 disables the "
      "check.\n"
      "max_duplicate_entries: trade ids remembered over all instruments; the longest idle instrument "
      "loses its ids first.\n"
      "fill_gaps, max_gap_bars: emit flat bars for intervals without trades, at most max_gap_bars per "
      "gap.\n"
      "skip_first_partial: skip an instrument's first time bar if it is partial.\n"
      "origin_offset_ns: offset of the time bar grid from 00:00 UTC, 0 to a day.\n"
      "allowed_lateness_ns: how long late trades still correct a closed time bar, in market time "
      "after its end.\n"
      "zero_quantity: \"reject\" trades of quantity 0, or use their price in time bars "
      "(\"price_only\").\n"
      "flush_on_stop: stop() closes open bars as partial.\n"
      "max_time_jump_ns: how far ahead of the clock ticks and advance_time() may be; later ones are refused "
      "(TIME_AHEAD); 0: no limit.\n"
      "time_zones: the rules of the time zones in bar_types (rule 2.15); missing ones are looked up.\n"
      "negative_price_instruments: up to 1,000 instruments whose trades may have a price of 0 or below (rule 2.18); "
      "reconfigure() adds names and removes none.\n"
      "calendars: the trading calendars in bar_types (rule 2.19); reconfigure() adds calendars and later sessions, and "
      "removes none.\n\n"
      "For engines on a service; in process there is no clock, no journal and no subscribers:\n"
      "live_clock, close_grace_ns: advance market time by the wall clock, with this lag, up to a "
      "day.\n"
      "durability: what acknowledged inputs survive: a power loss (\"fsync\"), kill -9 (\"os\") or "
      "neither (\"none\").\n"
      "max_replay_trades, max_replay_bars: how many trades and bars are kept for resuming subscribers.\n\n"
      "Raises InvalidArgument (a ValueError: SETTING_INVALID, BAR_TYPE_INVALID) or UnsupportedValue "
      "(a TypeError).");
  for (const char* const name : kOptions)
    type.def_prop_ro(
        name, [name](const GivenDataConfig& self) { return get_option(self, name); }, "See the constructor.");
  type.def("given", &given_of, nb::sig("def given(self) -> dict[str, typing.Any]"),
           "The options that were given, with their values.")
      .def("as_dict", &all_of, nb::sig("def as_dict(self) -> dict[str, typing.Any]"), "All options with their values.")
      .def(
          "__eq__",
          [](const GivenDataConfig& self, nb::handle other) {
            return nb::isinstance<GivenDataConfig>(other) &&
                   given_of(self).equal(given_of(*nb::inst_ptr<GivenDataConfig>(other)));
          },
          nb::sig("def __eq__(self, other: object, /) -> bool"))
      .def("__repr__",
           [](const GivenDataConfig& self) {
             std::string text;
             for (const auto& [name, value] : given_of(self))
               text +=
                   (text.empty() ? "" : ", ") + std::string(to_text(name, "option")) + "=" + nb::repr(value).c_str();
             return "DataEngineConfig(" + text + ")";
           })
      .def(
          "__reduce__",
          [](nb::handle self) {
            return nb::make_tuple(nb::module_::import_("alphaforge_core.data").attr("_rebuild_config"),
                                  nb::make_tuple(given_of(*nb::inst_ptr<GivenDataConfig>(self))));
          },
          nb::sig("def __reduce__(self) -> tuple[typing.Any, ...]"));
}

}  // namespace alphaforge::bindings
