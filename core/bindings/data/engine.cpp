#include "data/engine.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "bindings/bindings.hpp"
#include "bindings/data/config.hpp"
#include "bindings/data/data.hpp"
#include "bindings/gil.hpp"
#include "bindings/model/trade_tick_batch.hpp"
#include "bindings/numbers.hpp"
#include "bindings/wall_clock.hpp"
#include "data/aggregator.hpp"
#include "data/config.hpp"
#include "data/counters.hpp"
#include "data/rejection.hpp"
#include "model/bar.hpp"
#include "model/trade_tick.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;
using data::Aggregator;
using data::BarFilter;
using data::DataEngine;
using data::DataEngineConfig;
using data::DataEngineStatistics;
using data::ProcessResult;

namespace {

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

nb::list process_trade_tick(DataEngine& self, const TradeTick& tick) {
  ProcessResult result;
  const bool is_timed = self.is_timed();
  const std::int64_t start = is_timed ? now_ns() : 0;
  with_gil(self, [&](Aggregator& aggregator) { aggregator.process(tick, start, result); });
  if (is_timed) self.took(1, now_ns() - start);
  return to_list(std::move(result.bars));
}

nb::object process_batch(DataEngine& self, const TradeTickBatch& batch) {
  ProcessResult result;
  process_timed(self, batch, result);
  return to_bar_list(std::move(result));
}

nb::dict statistics_as_dict(const DataEngineStatistics& self) {
  nb::dict out;
#define X(ctype, name, kind, unit, help) out[#name] = self.name;
  ALPHAFORGE_DATA_COUNTERS(X)
#undef X
  return out;
}

void bind_statistics(nb::module_ m) {
  nb::class_<DataEngineStatistics> type(
      m, "DataEngineStatistics", nb::is_final(),
      "The counters of a data engine; each received tick is processed, duplicate or rejected.");
#define X(ctype, name, kind, unit, help) type.def_ro(#name, &DataEngineStatistics::name, help);
  ALPHAFORGE_DATA_COUNTERS(X)
#undef X
  type.def(
          "__init__",
          [](DataEngineStatistics* self, const nb::kwargs& counters) {
            new (self) DataEngineStatistics();
#define X(ctype, name, kind, unit, help) read_counter(counters, #name, self->name);
            ALPHAFORGE_DATA_COUNTERS(X)
#undef X
          },
          nb::sig("def __init__(self, **counters: int | float) -> None"),
          "Counters from a service; missing ones are 0.")
      .def("as_dict", &statistics_as_dict, nb::sig("def as_dict(self) -> dict[str, int | float]"),
           "All attributes by name.")
      .def(
          "__repr__",
          [](const DataEngineStatistics& self) {
            return nb::str("DataEngineStatistics({})").format(statistics_as_dict(self));
          },
          nb::sig("def __repr__(self) -> str"));
  nb::list counters;
#define X(ctype, name, kind, unit, help) counters.append(nb::make_tuple(#name, #kind, unit, help));
  ALPHAFORGE_DATA_COUNTERS(X)
#undef X
  m.attr("COUNTERS") = nb::tuple(counters);
}

nb::list get_bars(DataEngine& self, nb::handle instrument_id, nb::handle bar_type, nb::handle limit, nb::handle start,
                  nb::handle end) {
  const std::string_view instrument = to_text(instrument_id, "instrument_id");
  const nb::str type(bar_type);
  const std::string_view name = to_text(type, "bar_type");
  const BarFilter filter = to_bar_filter(limit, start, end);
  return to_list(
      without_gil(self, [&](const Aggregator& aggregator) { return aggregator.get_bars(instrument, name, filter); }));
}

nb::list open_bars(DataEngine& self, nb::handle instrument_id) {
  const std::string_view instrument = to_text(instrument_id, "instrument_id");
  return to_list(without_gil(self, [&](const Aggregator& aggregator) { return aggregator.open_bars(instrument); }));
}

nb::list advance_time(DataEngine& self, nb::handle now) {
  const std::int64_t market_time = to_nanos(now, "now_ns");
  return to_list(without_gil(self, [&](Aggregator& aggregator) {
    std::vector<Bar> bars;
    aggregator.advance_time(market_time, bars);
    return bars;
  }));
}

std::optional<std::int64_t> market_time(DataEngine& self, nb::handle instrument_id) {
  const std::string_view instrument = to_text(instrument_id, "instrument_id");
  return with_gil(self, [&](const Aggregator& aggregator) { return aggregator.market_time(instrument); });
}

void reset(DataEngine& self, nb::handle instrument_id) {
  if (instrument_id.is_none()) return without_gil([&] { self.reset(); });
  const std::string_view instrument = to_text(instrument_id, "instrument_id");
  without_gil(self, [&](Aggregator& aggregator) { aggregator.reset(instrument); });
}

void start(DataEngine& self) {
  with_gil(self, [](Aggregator& aggregator) { aggregator.start(); });
}

void stop(DataEngine& self) {
  without_gil(self, [](Aggregator& aggregator) { aggregator.stop(); });
}

nb::bytes snapshot(DataEngine& self) {
  const std::string bytes = without_gil(self, [](const Aggregator& aggregator) { return aggregator.snapshot(); });
  return nb::bytes(bytes.data(), bytes.size());
}

void restore(DataEngine& self, const nb::bytes& snapshot) {
  const std::string_view bytes(snapshot.c_str(), snapshot.size());
  without_gil(self, [&](Aggregator& aggregator) { aggregator.restore(bytes); });
}

}  // namespace

data::BarFilter to_bar_filter(nb::handle limit, nb::handle start, nb::handle end) {
  BarFilter filter;
  if (!limit.is_none()) {
    const std::int64_t count = to_count(limit, "limit");
    if (count < 0)
      throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE, "limit is " + std::to_string(count) + "; expected 0 or more");
    filter.limit = static_cast<std::size_t>(count);
  }
  if (!start.is_none()) filter.start = to_nanos(start, "start");
  if (!end.is_none()) filter.end = to_nanos(end, "end");
  return filter;
}

nb::list to_list(std::vector<Bar>&& bars) {
  nb::list out;
  for (Bar& bar : bars) out.append(nb::cast(std::move(bar)));
  return out;
}

nb::object to_bar_list(ProcessResult&& result) {
  nb::object list = nb::module_::import_("alphaforge_core.data").attr("BarList")();
  for (Bar& bar : result.bars)
    if (PyList_Append(list.ptr(), nb::cast(std::move(bar)).ptr()) != 0) throw nb::python_error();
  nb::list rejected;
  for (const data::Rejection& rejection : result.rejected)
    rejected.append(nb::make_tuple(rejection.row, to_str(name_of(rejection.reason))));
  list.attr("rejected") = rejected;
  nb::list duplicates;
  for (const std::uint32_t row : result.duplicates) duplicates.append(row);
  list.attr("duplicates") = duplicates;
  return list;
}

void process_timed(DataEngine& engine, const TradeTickBatch& batch, ProcessResult& result, std::size_t bars_max) {
  const std::int64_t start = now_ns();
  const auto process = [&](Aggregator& aggregator) { aggregator.process(batch, start, result, bars_max); };
  if (batch.size() > kFewTicks)
    without_gil(engine, process);
  else
    with_gil(engine, process);
  if (engine.is_timed()) engine.took(result.taken, now_ns() - start);
}

// As texts.
std::vector<std::string> calendars_of(DataEngine& engine) {
  return with_gil(engine, [](const Aggregator& aggregator) { return aggregator.calendars(); });
}

void bind_data_engine(nb::module_ m) {
  nb::class_<DataEngine>(m, "DataEngine",
                         "Builds bars from trade ticks, of every configured type, for each instrument.\n\n"
                         "Thread-safe. Bars are closed by trades and by advance_time(), never by a clock.\n\n"
                         ">>> from alphaforge_core.model import TradeTick\n"
                         ">>> engine = DataEngine(DataEngineConfig(bar_types=[\"1min\", \"2tick\"]))\n"
                         ">>> engine.process_trade_tick(TradeTick(\"BTCUSD\", 45000, 1, \"BUY\", \"\", ts_event=0))\n"
                         "[]\n"
                         ">>> [str(bar.bar_type) for bar in engine.process_trade_tick(TradeTick(\"BTCUSD\", 45010, 1, "
                         "\"BUY\", \"\", ts_event=60 * 10**9))]\n"
                         "['1min', '2tick']")
      .def(
          "__init__",
          [](DataEngine* self, const GivenDataConfig* config) {
            new (self) DataEngine(config == nullptr ? DataEngineConfig() : with_time_zones(*config));
            self->with([](Aggregator& aggregator) { aggregator.receive_by(&wall_now); });
          },
          "config"_a = nb::none(), nb::sig("def __init__(self, config: DataEngineConfig | None = None) -> None"),
          "Builds one-minute bars by default.")
      .def("start", &start, "Starts the engine, in any state; a tick also starts it.")
      .def("stop", &stop,
           "Stops the engine, in any state. With `flush_on_stop`, open bars close as partial; "
           "otherwise they stay open and continue with the next tick.")
      .def(
          "add_bar_types",
          [](DataEngine& self, const std::vector<std::string>& names) {
            const std::vector<std::string> zones = time_zones_of(names, {}, calendars_of(self));
            without_gil(self, [&](Aggregator& aggregator) { aggregator.add_bar_types(names, zones); });
          },
          "names"_a, nb::sig("def add_bar_types(self, names: collections.abc.Sequence[str]) -> None"),
          "Adds missing bar types; their bars begin with the next tick of each instrument.\n\n"
          "Raises ValueError: BAR_TYPE_INVALID, or SETTING_INVALID for more than 32 types.")
      .def(
          "reconfigure",
          [](DataEngine& self, const GivenDataConfig& config) {
            const DataEngineConfig full = with_time_zones(config, calendars_of(self));
            without_gil([&] { self.reconfigure(full); });
          },
          "config"_a, nb::sig("def reconfigure(self, config: DataEngineConfig) -> None"),
          "Changes settings and keeps the state. Missing bar types are added, the others stay. State "
          "beyond smaller limits\n"
          "is dropped, the oldest first, except instruments.\n\n"
          "Raises ValueError (SETTING_INVALID) for another origin_offset_ns if there are "
          "instruments, or for more than 32 types.")
      .def(
          "__enter__",
          [](nb::object self) {
            start(nb::cast<DataEngine&>(self));
            return self;
          },
          nb::sig("def __enter__(self) -> typing.Self"))
      .def(
          "__exit__", [](DataEngine& self, nb::args) { stop(self); },
          nb::sig("def __exit__(self, *exception: object) -> None"))
      .def_prop_ro(
          "is_running",
          [](DataEngine& self) {
            return with_gil(self, [](const Aggregator& aggregator) { return aggregator.is_running(); });
          },
          "Whether it is started.")
      .def_prop_ro(
          "bar_types",
          [](DataEngine& self) {
            return with_gil(self, [](const Aggregator& aggregator) { return aggregator.bar_types(); });
          },
          "The canonical names of its bar types, in configured order.")
      .def_prop_ro(
          "epoch",
          [](DataEngine& self) {
            return with_gil(self, [](const Aggregator& aggregator) { return aggregator.epoch(); });
          },
          "How often the engine was reset.")
      .def(
          "process_trade_tick", &process_trade_tick, "tick"_a,
          nb::sig(
              "def process_trade_tick(self, tick: alphaforge_core.model.TradeTick) -> list[alphaforge_core.model.Bar]"),
          "Applies one tick and returns the bars it closed or corrected, in order.\n\n"
          "Refused and duplicate ticks change nothing and are counted.")
      .def("process_batch", &process_batch, "batch"_a,
           nb::sig("def process_batch(self, batch: alphaforge_core.model.TradeTickBatch) -> BarList"),
           "Applies the ticks of a batch in order. Runs without the GIL.")
      .def(
          "process_trade_ticks",
          [](DataEngine& self, nb::handle ticks, nb::kwargs columns) {
            if (!ticks.is_none() && nb::isinstance<TradeTickBatch>(ticks) && columns.size() == 0)
              return process_batch(self, nb::cast<const TradeTickBatch&>(ticks));
            return process_batch(self, ticks.is_none() ? batch_of_columns(columns) : batch_of_ticks(ticks, columns));
          },
          "ticks"_a = nb::none(), "columns"_a,
          nb::sig("def process_trade_ticks(self, ticks: collections.abc.Iterable[alphaforge_core.model.TradeTick] | "
                  "alphaforge_core.model.TradeTickBatch | alphaforge_core._tables.TickTable | None = None, *, "
                  "instrument_id: typing.Any = None, prices: typing.Any = None, quantities: typing.Any = None, "
                  "ts_event: typing.Any = None, ts_init: typing.Any = None, sides: typing.Any = None, "
                  "trade_ids: typing.Any = None, price_scale: int = 0, quantity_scale: int = 0, "
                  "instrument_index: typing.Any = None) -> BarList"),
          "Applies many ticks in order: a sequence of TradeTick, or columns as for "
          "TradeTickBatch.from_columns().\n\n"
          "Returns the bars they closed or corrected; its `rejected` has (index, reason) of refused "
          "ticks, its `duplicates`\n"
          "the indices of duplicates. Raises ValueError if something is not a tick; then nothing is "
          "applied.")
      .def("advance_time", &advance_time, "now_ns"_a,
           nb::sig("def advance_time(self, now_ns: int) -> list[alphaforge_core.model.Bar]"),
           "Moves the market time of all instruments forward to `now_ns` (nanoseconds since the Unix epoch) and "
           "returns the time\n"
           "bars that this closed: by end, then first seen, then configured order. Earlier times than before change "
           "nothing.\n\n"
           "Raises ValueError: TIME_OUT_OF_RANGE for a time that is negative or within a day of 2^63; TIME_AHEAD for "
           "one further\n"
           "ahead of the wall clock than max_time_jump_ns.")
      .def("get_bars", &get_bars, "instrument_id"_a, "bar_type"_a, "limit"_a = nb::none(), "start"_a = nb::none(),
           "end"_a = nb::none(),
           nb::sig("def get_bars(self, instrument_id: str, bar_type: alphaforge_core.model.BarType | str, limit: int | "
                   "None = None, start: int | None = None, end: int | None = None) -> "
                   "list[alphaforge_core.model.Bar]"),
           "The newest `limit` closed bars with `start <= ts_open < end` (nanoseconds), ascending, "
           "in their latest revision.\n\n"
           "Empty for an instrument without trades. Raises ValueError: BAR_TYPE_INVALID, or "
           "BAR_TYPE_UNKNOWN for a type that\n"
           "the engine doesn't build.")
      .def("open_bars", &open_bars, "instrument_id"_a,
           nb::sig("def open_bars(self, instrument_id: str) -> list[alphaforge_core.model.Bar]"),
           "The open bars, in configured order, each with the sequence that it will get.")
      .def("market_time", &market_time, "instrument_id"_a,
           nb::sig("def market_time(self, instrument_id: str) -> int | None"),
           "The instrument's market time, nanoseconds since the Unix epoch; None before its first accepted tick.")
      .def(
          "instruments",
          [](DataEngine& self) {
            return without_gil(self, [](const Aggregator& aggregator) { return aggregator.instruments(); });
          },
          "The ids of all instruments, in the order first seen.")
      .def(
          "statistics", [](DataEngine& self) { return without_gil([&] { return self.statistics(now_ns()); }); },
          "The counters since the engine was created or reset.")
      .def("reset", &reset, "instrument_id"_a = nb::none(),
           nb::sig("def reset(self, instrument_id: str | None = None) -> None"),
           "Resets the engine and its counters, or one instrument. Starts a new epoch.")
      .def(
          "state_hash",
          [](DataEngine& self) {
            return without_gil(self, [](const Aggregator& aggregator) { return aggregator.state_hash(); });
          },
          "For tests: a 64-bit hash of the whole state. Equal states have equal hashes, in every "
          "process.")
      .def("snapshot", &snapshot, "The whole state as bytes, for a checkpoint.")
      .def("restore", &restore, "snapshot"_a,
           "Restores a snapshot, with its bar types, into an empty engine.\n\n"
           "Raises EngineError (a RuntimeError): JOURNAL_DAMAGED for an invalid snapshot; the engine "
           "is\n"
           "then unusable.")
      .def(
          "validate",
          [](DataEngine& self) { without_gil(self, [](const Aggregator& aggregator) { aggregator.validate(); }); },
          "For tests: checks the state's consistency. Raises EngineError (INTERNAL).");
}

void bind_data(nb::module_ m) {
  bind_data_config(m);
  bind_statistics(m);
  bind_data_engine(m);
  bind_bar_columns(m);
  bind_combine_bars(m);
}

}  // namespace alphaforge::bindings
