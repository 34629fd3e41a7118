#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>

#include "base/error.hpp"
#include "data.hpp"
#include "data_config.hpp"
#include "numbers.hpp"
#include "trade_tick_batch.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;
using data::DataEngine;
using data::DataEngineConfig;
using data::DataEngineStatistics;
using data::ProcessResult;

namespace {

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

nb::list to_list(std::vector<Bar>&& bars) {
  nb::list out;
  for (Bar& bar : bars) out.append(nb::cast(std::move(bar)));
  return out;
}

nb::list process_trade_tick(DataEngine& self, const TradeTick& tick) {
  ProcessResult result;
  const bool is_timed = self.is_timed();
  const std::int64_t start = is_timed ? now_ns() : 0;
  // One tick costs less than giving up the GIL does; but nobody waits for a batch with the GIL in hand.
  if (!self.try_process(tick, start, result)) {
    const nb::gil_scoped_release release;
    self.process(tick, start, result);
  }
  if (is_timed) self.took(1, now_ns() - start);
  return to_list(std::move(result.bars));
}

nb::object process_batch(DataEngine& self, const TradeTickBatch& batch) {
  ProcessResult result;
  process_timed(self, batch, result);
  return to_bar_list(std::move(result));
}

template <class Call>
nb::list bars_without_gil(Call call) {
  std::vector<Bar> bars;
  {
    const nb::gil_scoped_release release;
    bars = call();
  }
  return to_list(std::move(bars));
}

void bind_statistics(nb::module_ m) {
  nb::class_<DataEngineStatistics> type(m, "DataEngineStatistics", nb::is_final(),
                                        "What a data engine has counted: received ticks are processed, duplicate or rejected.");
#define X(ctype, name, kind, unit, help) type.def_ro(#name, &DataEngineStatistics::name, help);
  ALPHAFORGE_DATA_COUNTERS(X)
#undef X
  type.def("__init__",
           [](DataEngineStatistics* self, const nb::kwargs& counters) {
             new (self) DataEngineStatistics();
#define X(ctype, name, kind, unit, help) read_counter(counters, #name, self->name);
             ALPHAFORGE_DATA_COUNTERS(X)
#undef X
           },
           nb::sig("def __init__(self, **counters: int | float) -> None"), "As told by a service; those that are not given are 0.")
      .def("as_dict",
           [](const DataEngineStatistics& self) {
             nb::dict out;
#define X(ctype, name, kind, unit, help) out[#name] = self.name;
             ALPHAFORGE_DATA_COUNTERS(X)
#undef X
             return out;
           },
           nb::sig("def as_dict(self) -> dict[str, int | float]"), "All attributes by name.");
  nb::list counters;
#define X(ctype, name, kind, unit, help) counters.append(nb::make_tuple(#name, #kind, unit, help));
  ALPHAFORGE_DATA_COUNTERS(X)
#undef X
  m.attr("COUNTERS") = nb::tuple(counters);
}

std::optional<std::size_t> to_limit(nb::handle limit) {
  if (limit.is_none()) return std::nullopt;
  const std::int64_t count = to_count(limit, "limit");
  if (count < 0) throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE, "limit is " + std::to_string(count) + "; expected 0 or more");
  return static_cast<std::size_t>(count);
}

std::optional<std::int64_t> to_optional_nanos(nb::handle value, const char* what) {
  return value.is_none() ? std::nullopt : std::optional(to_nanos(value, what));
}

}  // namespace

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
  if (batch.size() > kFewTicks || !engine.try_process(batch, start, result, bars_max)) {
    const nb::gil_scoped_release release;
    engine.process(batch, start, result, bars_max);
  }
  if (engine.is_timed()) engine.took(result.taken, now_ns() - start);
}

void bind_data_engine(nb::module_ m) {
  nb::class_<DataEngine>(m, "DataEngine",
                         "Trade ticks to bars: every configured type, side by side, on each instrument.\n\n"
                         "Safe to call from many threads. Bars are closed by trades and by advance_time(), never by a clock.\n\n"
                         ">>> from alphaforge_core.model import TradeTick\n"
                         ">>> engine = DataEngine(DataEngineConfig(bar_types=[\"1min\", \"2tick\"]))\n"
                         ">>> engine.process_trade_tick(TradeTick(\"BTCUSD\", 45000, 1, \"BUY\", \"\", ts_event=0))\n"
                         "[]\n"
                         ">>> [str(bar.bar_type) for bar in engine.process_trade_tick(TradeTick(\"BTCUSD\", 45010, 1, \"BUY\", \"\", ts_event=60 * 10**9))]\n"
                         "['1min', '2tick']")
      .def("__init__",
           [](DataEngine* self, const GivenDataConfig* config) {
             new (self) DataEngine(config == nullptr ? DataEngineConfig() : DataEngineConfig(*config));
           },
           "config"_a = nb::none(), nb::sig("def __init__(self, config: DataEngineConfig | None = None) -> None"),
           "One minute bars by default.")
      .def("start", &DataEngine::start, "In any state; a tick starts the engine too.")
      .def("stop", [](DataEngine& self) { self.stop(); },
           "In any state. With `flush_on_stop` open bars close as partial; otherwise they stay open and the next tick goes on.")
      .def("flush", [](DataEngine& self) { return bars_without_gil([&] { return self.stop(); }); },
           nb::sig("def flush(self) -> list[alphaforge_core.model.Bar]"),
           "stop(), which returns the bars that it closed: for those who publish them.")
      .def("add_bar_types",
           [](DataEngine& self, const std::vector<std::string>& names) {
             const nb::gil_scoped_release release;
             self.add_bar_types(names);
           },
           "names"_a, nb::sig("def add_bar_types(self, names: collections.abc.Sequence[str]) -> None"),
           "Adds the bar types that the engine lacks; their bars begin with the next tick of each instrument.\n\n"
           "Raises ValueError: BAR_TYPE_INVALID, or SETTING_INVALID for more than 32 types.")
      .def("reconfigure",
           [](DataEngine& self, const GivenDataConfig& config) {
             const nb::gil_scoped_release release;
             self.reconfigure(config);
           },
           "config"_a, nb::sig("def reconfigure(self, config: DataEngineConfig) -> None"),
           "Takes other settings over and keeps the state. Bar types that the engine lacks are added, the others stay; what is\n"
           "beyond smaller bounds goes, the oldest first, except instruments.\n\n"
           "Raises ValueError (SETTING_INVALID) for another origin_offset_ns where there are instruments, or over 32 types.")
      .def("__enter__", [](nb::object self) { nb::cast<DataEngine&>(self).start(); return self; },
           nb::sig("def __enter__(self) -> typing.Self"))
      .def("__exit__", [](DataEngine& self, nb::args) { self.stop(); },
           nb::sig("def __exit__(self, *exception: object) -> None"))
      .def_prop_ro("is_running", &DataEngine::is_running, "Whether it was started and not stopped since.")
      .def_prop_ro("bar_types", &DataEngine::bar_types, "The canonical names of its bar types, in configured order.")
      .def_prop_ro("epoch", &DataEngine::epoch, "How often the engine was reset.")
      .def("process_trade_tick", &process_trade_tick, "tick"_a, nb::sig("def process_trade_tick(self, tick: alphaforge_core.model.TradeTick) -> list[alphaforge_core.model.Bar]"),
           "Applies one tick and returns the bars that it closed or corrected, in order.\n\n"
           "Refused and duplicate ticks change nothing and are counted.")
      .def("process_batch", &process_batch, "batch"_a, nb::sig("def process_batch(self, batch: alphaforge_core.model.TradeTickBatch) -> BarList"),
           "Applies the ticks of a batch in their order. Runs without the GIL.")
      .def("process_request", &process_request, "request"_a, nb::sig("def process_request(self, request: ProcessRequest) -> ProcessOutcome"),
           "Applies the ticks of a request; for servers.")
      .def("process_trade_ticks",
           [](DataEngine& self, nb::handle ticks, nb::kwargs columns) {
             if (!ticks.is_none() && nb::isinstance<TradeTickBatch>(ticks) && columns.size() == 0)
               return process_batch(self, nb::cast<const TradeTickBatch&>(ticks));
             return process_batch(self, ticks.is_none() ? batch_of_columns(columns) : batch_of_ticks(ticks, columns));
           },
           "ticks"_a = nb::none(), "columns"_a,
           nb::sig("def process_trade_ticks(self, ticks: collections.abc.Iterable[alphaforge_core.model.TradeTick] | alphaforge_core.model.TradeTickBatch | None = None, *, "
                   "instrument_id: typing.Any = None, prices: typing.Any = None, quantities: typing.Any = None, "
                   "ts_event: typing.Any = None, ts_init: typing.Any = None, sides: typing.Any = None, "
                   "trade_ids: typing.Any = None, price_scale: int = 0, quantity_scale: int = 0, "
                   "instrument_index: typing.Any = None) -> BarList"),
           "Applies many ticks in their order: a sequence of TradeTick, or columns as TradeTickBatch.from_columns() takes them.\n\n"
           "Returns the bars that they closed or corrected; its `rejected` has (index, reason) of the refused ticks, its\n"
           "`duplicates` the indices of those seen before. Raises ValueError where something is no tick; nothing is applied then.")
      .def("advance_time",
           [](DataEngine& self, nb::handle now) {
             const std::int64_t now_value = to_nanos(now, "now_ns");
             return bars_without_gil([&] { return self.advance_time(now_value); });
           },
           "now_ns"_a, nb::sig("def advance_time(self, now_ns: int) -> list[alphaforge_core.model.Bar]"),
           "Moves the market time of all instruments forward to `now_ns` (nanoseconds since the Unix epoch) and returns the time\n"
           "bars that this closed: by end, then first seen, then configured order. Earlier times than before change nothing.\n\n"
           "Raises ValueError (TIME_OUT_OF_RANGE) for a negative time or one in the last day of 64 bits.")
      .def("get_bars",
           [](const DataEngine& self, nb::handle instrument_id, nb::handle bar_type, nb::handle limit, nb::handle start, nb::handle end) {
             const std::string_view instrument = to_text(instrument_id, "instrument_id");
             const nb::str type(bar_type);
             const std::string_view name = to_text(type, "bar_type");
             const auto count = to_limit(limit);
             const auto from = to_optional_nanos(start, "start");
             const auto to = to_optional_nanos(end, "end");
             return bars_without_gil([&] { return self.get_bars(instrument, name, count, from, to); });
           },
           "instrument_id"_a, "bar_type"_a, "limit"_a = nb::none(), "start"_a = nb::none(), "end"_a = nb::none(),
           nb::sig("def get_bars(self, instrument_id: str, bar_type: alphaforge_core.model.BarType | str, limit: int | None = None, start: int | None = "
                   "None, end: int | None = None) -> list[alphaforge_core.model.Bar]"),
           "The closed bars with `start <= ts_open < end` (nanoseconds), ascending, in their latest revision; the newest `limit`.\n\n"
           "Empty for an instrument that was not traded. Raises ValueError: BAR_TYPE_INVALID, or BAR_TYPE_UNKNOWN for a type that\n"
           "the engine doesn't build.")
      .def("open_bars",
           [](const DataEngine& self, nb::handle instrument_id) {
             const std::string_view instrument = to_text(instrument_id, "instrument_id");
             return bars_without_gil([&] { return self.open_bars(instrument); });
           },
           "instrument_id"_a, nb::sig("def open_bars(self, instrument_id: str) -> list[alphaforge_core.model.Bar]"),
           "The unfinished bars, in configured order, each with the sequence that it will get.")
      .def("market_time",
           [](const DataEngine& self, nb::handle instrument_id) {
             const std::string_view instrument = to_text(instrument_id, "instrument_id");
             const nb::gil_scoped_release release;
             return self.market_time(instrument);
           },
           "instrument_id"_a, nb::sig("def market_time(self, instrument_id: str) -> int | None"),
           "The instrument's market time, nanoseconds since the Unix epoch; None before its first accepted tick.")
      .def("instruments", &DataEngine::instruments, nb::call_guard<nb::gil_scoped_release>(), "Their ids, in the order of first sight.")
      .def("statistics", [](const DataEngine& self) { return self.statistics(now_ns()); }, nb::call_guard<nb::gil_scoped_release>(),
           "What has been counted so far.")
      .def("reset",
           [](DataEngine& self, nb::handle instrument_id) {
             if (instrument_id.is_none()) {
               const nb::gil_scoped_release release;
               return self.reset();
             }
             const std::string_view instrument = to_text(instrument_id, "instrument_id");
             const nb::gil_scoped_release release;
             self.reset(instrument);
           },
           "instrument_id"_a = nb::none(), nb::sig("def reset(self, instrument_id: str | None = None) -> None"),
           "Empties the engine, counts included, or forgets one instrument. Begins a new epoch.")
      .def("state_hash", &DataEngine::state_hash, nb::call_guard<nb::gil_scoped_release>(),
           "For tests: 64 bits of the whole state. Equal states have equal hashes, in every process.")
      .def("snapshot",
           [](const DataEngine& self) {
             std::string bytes;
             {
               const nb::gil_scoped_release release;
               bytes = self.snapshot();
             }
             return nb::bytes(bytes.data(), bytes.size());
           },
           "The whole state as bytes, for a checkpoint.")
      .def("restore",
           [](DataEngine& self, const nb::bytes& snapshot) {
             const std::string_view bytes(snapshot.c_str(), snapshot.size());
             const nb::gil_scoped_release release;
             self.restore(bytes);
           },
           "snapshot"_a,
           "Takes over the state of a snapshot, and its bar types, into an engine that is empty.\n\n"
           "Raises EngineError (a RuntimeError): JOURNAL_DAMAGED for bytes that are no such snapshot; the engine is then to be\n"
           "thrown away.")
      .def("validate", &DataEngine::validate, nb::call_guard<nb::gil_scoped_release>(),
           "For tests. Raises EngineError (INTERNAL) where the engine's state contradicts itself.");
}

void bind_data(nb::module_ m) {
  bind_data_config(m);
  bind_statistics(m);
  bind_data_engine(m);
  bind_data_wire(m);
  bind_bar_columns(m);
}

}  // namespace alphaforge::bindings
