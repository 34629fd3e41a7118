#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/reason.hpp"
#include "bindings/checkpoint.hpp"
#include "bindings/data/config.hpp"
#include "bindings/data/data.hpp"
#include "bindings/gil.hpp"
#include "bindings/numbers.hpp"
#include "bindings/wall_clock.hpp"
#include "data/aggregator.hpp"
#include "data/checkpoint.hpp"  // IWYU pragma: keep
#include "data/engine.hpp"
#include "data/rejection.hpp"
#include "data/snapshot_format.hpp"
#include "encoding/writer.hpp"
#include "model/bar.hpp"
#include "model/grid.hpp"
#include "model/trade_tick.hpp"
#include "wire/bars.hpp"
#include "wire/data.hpp"
#include "wire/streams.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

std::string_view view(const nb::bytes& bytes) { return {bytes.c_str(), bytes.size()}; }
nb::bytes to_bytes(const std::string& text) { return nb::bytes(text.data(), text.size()); }

// A bar takes about 150 bytes of a response, which is kept for a repeat; the last tick can double the number of bars.
constexpr std::size_t kBarsPerAnswerMax = 50'000;

// A request, and whether it is the one of a single tick.
struct TicksRequest : wire::ProcessRequest {
  bool is_single = false;
};

// Native bars, or a slice of them; a Python Bar is created on access.
struct BarBatch {
  std::shared_ptr<const std::vector<Bar>> all;
  std::size_t first = 0;
  std::size_t size = 0;
};

// The result of a request. Keeps the request, to whose ticks it refers.
struct TicksOutcome {
  nb::object request;
  std::shared_ptr<const std::vector<Bar>> bars;
  data::ProcessResult result;  // all but the bars

  const TicksRequest& asked() const { return *nb::inst_ptr<TicksRequest>(request); }
};

std::vector<std::string> canonical_names(const std::vector<std::string>& names) {
  // A client names the same types in each of its calls.
  thread_local std::vector<std::string> last_names, last_canonical;
  if (names == last_names) return last_canonical;
  std::vector<std::string> canonical;
  for (const std::string& name : names) {
    std::string full = BarType::parse(name).name;
    if (std::find(canonical.begin(), canonical.end(), full) != canonical.end()) continue;
    if (canonical.size() == wire::kBarTypesPerMessageMax)
      throw InvalidArgument(Reason::LIMIT_EXCEEDED, "bar_types names more than " +
                                                        std::to_string(wire::kBarTypesPerMessageMax) +
                                                        " different types; leave it empty to get bars of all types");
    canonical.push_back(std::move(full));
  }
  if (names.size() <= wire::kBarTypesPerMessageMax) {
    last_names = names;
    last_canonical = canonical;
  }
  return canonical;
}

TicksRequest request_of_wire(const nb::bytes& message, bool single) {
  return without_gil_if(message.size() >= kShortBytes, [bytes = view(message), single] {
    TicksRequest request{single ? wire::decode_tick_request(bytes) : wire::decode_ticks_request(bytes), single};
    request.bar_types = canonical_names(request.bar_types);
    return request;
  });
}

void init_request(TicksRequest* self, nb::handle ticks, std::string engine, std::optional<std::uint64_t> epoch,
                  std::string producer_id, std::uint64_t producer_sequence, const std::vector<std::string>& bar_types,
                  bool with_tick_indexes) {
  TicksRequest request;
  request.is_single = nb::isinstance<TradeTick>(ticks);
  request.ticks =
      request.is_single ? TradeTickBatch::of(*nb::inst_ptr<TradeTick>(ticks)) : nb::cast<const TradeTickBatch&>(ticks);
  request.engine = std::move(engine);
  request.epoch = epoch;
  request.producer_id = std::move(producer_id);
  request.producer_sequence = producer_sequence;
  request.bar_types = canonical_names(bar_types);
  request.with_tick_indexes = with_tick_indexes;
  new (self) TicksRequest(std::move(request));
}

std::string answer_of(const TicksOutcome& outcome, std::uint64_t epoch) {
  const TicksRequest& request = outcome.asked();
  const data::ProcessResult& result = outcome.result;
  wire::ProcessResponse response{.producer_sequence = request.producer_sequence,
                                 .epoch = epoch,
                                 .processed_count = result.accepted,
                                 .left_count = static_cast<std::uint32_t>(request.ticks.size() - result.taken),
                                 .duplicate_indexes = result.duplicates};
  const auto is_wanted = [&](const Bar& bar) {
    const auto& types = request.bar_types;
    return types.empty() || std::find(types.begin(), types.end(), bar.bar_type->name) != types.end();
  };
  for (std::size_t i = 0; i < outcome.bars->size(); ++i) {
    const Bar& bar = (*outcome.bars)[i];
    if (!is_wanted(bar)) continue;
    response.bars.push_back(&bar);
    if (request.with_tick_indexes) response.tick_indexes.push_back(result.bar_rows[i]);
  }
  for (const data::Rejection& rejection : result.rejected)
    response.rejected.push_back({rejection.row, rejection.reason, message_of(rejection, request.ticks)});
  return wire::encode_process_response(response);
}

// The batch itself where all its ticks were accepted.
nb::object accepted_of(const TicksOutcome& outcome) {
  const TradeTickBatch& ticks = outcome.asked().ticks;
  const data::ProcessResult& result = outcome.result;
  if (result.accepted == ticks.size()) return outcome.request.attr("ticks");
  std::vector<bool> keep(ticks.size(), true);
  for (const data::Rejection& rejection : result.rejected) keep[rejection.row] = false;
  for (const std::uint32_t row : result.duplicates) keep[row] = false;
  std::fill(keep.begin() + static_cast<std::ptrdiff_t>(result.taken), keep.end(), false);
  return nb::cast(ticks.filtered(keep));
}

// A response, whose bars are decoded on access.
struct TicksResponse : wire::ProcessResponse {
  nb::bytes message;
};

TicksResponse response_of_wire(const nb::bytes& message) {
  return {without_gil_if(message.size() >= kShortBytes,
                         [bytes = view(message)] { return wire::decode_process_response(bytes); }),
          message};
}

nb::object response_bars(const TicksResponse& response) {
  data::ProcessResult result;
  result.bars = without_gil_if(response.message.size() >= kShortBytes,
                               [bytes = view(response.message)] { return wire::decode_bars(bytes, 1); });
  for (const wire::RejectedTick& rejected : response.rejected)
    result.rejected.push_back({rejected.index, rejected.reason});
  result.duplicates = response.duplicate_indexes;
  return to_bar_list(std::move(result));
}

void bind_request(nb::module_ m) {
  nb::class_<TicksRequest>(m, "ProcessRequest", nb::is_final(),
                           "The request alphaforge.data.v1.ProcessTradeTick(s)Request, with one tick or many.")
      .def("__init__", &init_request, "ticks"_a, nb::kw_only(), "engine"_a = "", "epoch"_a = nb::none(),
           "producer_id"_a = "", "producer_sequence"_a = 0, "bar_types"_a = std::vector<std::string>(),
           "with_tick_indexes"_a = false,
           nb::sig("def __init__(self, ticks: alphaforge_core.model.TradeTick | alphaforge_core.model.TradeTickBatch, "
                   "*, engine: str = '', "
                   "epoch: int | None = None, producer_id: str = '', producer_sequence: int = 0, "
                   "bar_types: collections.abc.Sequence[str] = (), with_tick_indexes: bool = False) -> None"),
           "From a TradeTick, the request with one tick; from a TradeTickBatch, the request with "
           "many.")
      .def_static("from_wire", &request_of_wire, "message"_a, nb::kw_only(), "single"_a = false,
                  "From a message's bytes; `single` if it is that of one tick.\n\n"
                  "Raises InvalidArgument (a ValueError): MESSAGE_MALFORMED, LIMIT_EXCEEDED for more "
                  "than 1,000,000 ticks, and the\n"
                  "errors of TradeTick.")
      .def(
          "to_wire",
          [](const TicksRequest& self) {
            return to_bytes(without_gil_if(self.ticks.size() > kFewTicks, [&] {
              return self.is_single ? wire::encode_tick_request(self) : wire::encode_ticks_request(self);
            }));
          },
          "The message's bytes.")
      .def_ro("engine", &TicksRequest::engine, "The engine's name; empty is \"default\".")
      .def_ro("epoch", &TicksRequest::epoch, "The epoch that the engine must have, if any.")
      .def_ro("ticks", &TicksRequest::ticks, nb::rv_policy::reference_internal, "The ticks.")
      .def_ro("producer_id", &TicksRequest::producer_id, "The producer; empty: not numbered.")
      .def_ro("producer_sequence", &TicksRequest::producer_sequence, "The number of the producer's call.")
      .def_ro("bar_types", &TicksRequest::bar_types, "Canonical names of the bar types to return; empty: all.")
      .def_ro("with_tick_indexes", &TicksRequest::with_tick_indexes,
              "Whether the response has the tick index of each bar.");
}

void bind_bar_batch(nb::module_ m) {
  nb::class_<BarBatch>(m, "BarBatch", nb::is_final(), "An immutable sequence of native bars.")
      .def("__len__", [](const BarBatch& self) { return self.size; })
      .def(
          "__getitem__",
          [](const BarBatch& self, std::int64_t place) {
            const auto size = static_cast<std::int64_t>(self.size);
            if (place < -size || place >= size) throw nb::index_error("bar index out of range");
            return (*self.all)[self.first + static_cast<std::size_t>(place < 0 ? place + size : place)];
          },
          "place"_a, "One of the bars.")
      .def(
          "__getitem__",
          [](const BarBatch& self, const nb::slice& places) {
            const auto [start, stop, step, length] = places.compute(self.size);
            if (step != 1) throw nb::index_error("slices of a batch can't have a step");
            return BarBatch{self.all, self.first + static_cast<std::size_t>(start), length};
          },
          "places"_a, "A slice, without copying.");
}

void bind_outcome(nb::module_ m) {
  nb::class_<TicksOutcome>(m, "ProcessOutcome", nb::is_final(), "The result of a request.")
      .def_prop_ro(
          "bars", [](const TicksOutcome& self) { return BarBatch{self.bars, 0, self.bars->size()}; },
          "The bars that closed or were corrected, of all types.")
      .def_prop_ro("accepted", &accepted_of, nb::sig("def accepted(self) -> alphaforge_core.model.TradeTickBatch"),
                   "The accepted ticks; the request's own batch if all were accepted.")
      .def_prop_ro(
          "processed_count", [](const TicksOutcome& self) { return self.result.accepted; }, "Number of accepted ticks.")
      .def_prop_ro(
          "rejected",
          [](const TicksOutcome& self) {
            nb::list reasons;
            for (const data::Rejection& rejection : self.result.rejected)
              reasons.append(to_str(name_of(rejection.reason)));
            return reasons;
          },
          nb::sig("def rejected(self) -> list[str]"), "The reason of each refused tick.")
      .def_prop_ro(
          "duplicate_count", [](const TicksOutcome& self) { return self.result.duplicates.size(); },
          "Number of duplicate ticks.")
      .def_prop_ro(
          "tick_sequence", [](const TicksOutcome& self) { return self.result.tick_sequence; },
          "The engine's count of accepted ticks, after this call.")
      .def_prop_ro(
          "bar_sequence", [](const TicksOutcome& self) { return self.result.bar_sequence; },
          "The engine's count of bars emitted, after this call.")
      .def_prop_ro(
          "left_count", [](const TicksOutcome& self) { return self.asked().ticks.size() - self.result.taken; },
          "Number of ticks at the end that were not applied.")
      .def(
          "to_wire",
          [](const TicksOutcome& self, std::uint64_t epoch) {
            return to_bytes(without_gil_if(self.bars->size() + self.result.rejected.size() > kFewTicks,
                                           [&] { return answer_of(self, epoch); }));
          },
          "epoch"_a, "The bytes of the response, with the bars of the requested types.");
}

void bind_response(nb::module_ m) {
  nb::class_<TicksResponse>(m, "ProcessResponse", nb::is_final(), "The response to a call with ticks, for the client.")
      .def_static("from_wire", &response_of_wire, "message"_a,
                  "Raises InvalidArgument (a ValueError) MESSAGE_MALFORMED.")
      .def_prop_ro("bars", &response_bars, nb::sig("def bars(self) -> alphaforge_core.data.BarList"),
                   "The bars, with `rejected` and `duplicates`, decoded at each access. Raises the "
                   "errors of from_wire().")
      .def_ro("producer_sequence", &TicksResponse::producer_sequence, "The request's.")
      .def_ro("epoch", &TicksResponse::epoch, "The engine's epoch.")
      .def_ro("is_repeat", &TicksResponse::is_repeat, "Whether it repeats the first answer.")
      .def_ro("processed_count", &TicksResponse::processed_count, "Number of accepted ticks.")
      .def_prop_ro(
          "duplicate_count", [](const TicksResponse& self) { return self.duplicate_indexes.size(); },
          "Number of duplicate ticks.")
      .def_ro("left_count", &TicksResponse::left_count,
              "Number of ticks at the end of the batch that were not applied and have to be sent "
              "again.")
      .def_ro("tick_indexes", &TicksResponse::tick_indexes,
              "Per bar the index of the tick that closed or corrected it, if the request asked for it.");
}

nb::list decode_bars(const nb::bytes& message, std::uint32_t field) {
  nb::list bars;
  for (Bar& bar : without_gil_if(message.size() >= kShortBytes,
                                 [&, bytes = view(message)] { return wire::decode_bars(bytes, field); }))
    bars.append(nb::cast(std::move(bar)));
  return bars;
}

nb::tuple decode_bars_page(const nb::bytes& message) {
  wire::GetBarsResponse response = without_gil_if(
      message.size() >= kShortBytes, [bytes = view(message)] { return wire::decode_get_bars_response(bytes); });
  return nb::make_tuple(to_list(std::move(response.bars)), response.has_more);
}

// A message of SubscribeBars, whose bars are Python's.
struct BarsMessage : wire::StreamHead {
  std::vector<std::uint64_t> sequences;
  bool is_snapshot = false;
  nb::list bars;
};

BarsMessage bars_of_wire(const nb::bytes& message) {
  wire::BarsResponse response = without_gil_if(message.size() >= kShortBytes,
                                               [bytes = view(message)] { return wire::decode_bars_response(bytes); });
  nb::list bars = to_list(std::move(response.bars));
  return {static_cast<wire::StreamHead&>(response), std::move(response.sequences), response.is_snapshot,
          std::move(bars)};
}

wire::TradesResponse trades_of_wire(const nb::bytes& message) {
  return without_gil_if(message.size() >= kShortBytes,
                        [bytes = view(message)] { return wire::decode_trades_response(bytes); });
}

// The common part of the messages of both subscriptions.
template <class Message>
nb::class_<Message> bind_stream(nb::module_ m, const char* name, const char* doc, Message (*decode)(const nb::bytes&)) {
  return nb::class_<Message>(m, name, nb::is_final(), doc)
      .def_static("from_wire", decode, "message"_a,
                  "Raises InvalidArgument (a ValueError): MESSAGE_MALFORMED, and the errors of the "
                  "items' constructors.")
      .def_ro("epoch", &Message::epoch, "The engine's epoch.")
      .def_ro("sequence", &Message::sequence, "The last sequence that the message covers.")
      .def_ro("previous_sequence", &Message::previous_sequence, "The `sequence` of the previous message.")
      .def_ro("sequences", &Message::sequences,
              "The items' sequences; empty if they are consecutive and end at `sequence`.")
      .def_prop_ro(
          "gap", [](const Message& self) { return self.gap ? nb::object(to_bytes(*self.gap)) : nb::none(); },
          nb::sig("def gap(self) -> bytes | None"), "The bytes of a Gap if items were lost.");
}

void bind_streams(nb::module_ m) {
  bind_stream<BarsMessage>(m, "BarsResponse", "A message of SubscribeBars.", &bars_of_wire)
      .def_prop_ro(
          "bars", [](const BarsMessage& self) { return self.bars; },
          nb::sig("def bars(self) -> list[alphaforge_core.model.Bar]"), "The closed bars, then the open ones.")
      .def_ro("is_snapshot", &BarsMessage::is_snapshot, "Whether it is part of the snapshot.");
  bind_stream<wire::TradesResponse>(m, "TradesResponse", "A message of SubscribeTrades.", &trades_of_wire)
      .def_ro("ticks", &wire::TradesResponse::ticks, nb::rv_policy::reference_internal, "The trades.");
}

nb::bytes encode_ticks_request(const TradeTickBatch& ticks, std::size_t start, std::size_t stop,
                               const std::vector<std::string>& bar_types) {
  return to_bytes(without_gil_if(stop - std::min(start, stop) > kFewTicks, [&] {
    wire::ProcessRequest request;
    request.ticks = ticks.slice(std::min(start, ticks.size()), std::min(std::max(start, stop), ticks.size()));
    request.bar_types = bar_types;
    return wire::encode_ticks_request(request);
  }));
}

nb::object process_request(ServiceDataEngine& self, nb::object request) {
  const TicksRequest& asked = nb::cast<const TicksRequest&>(request);
  TicksOutcome outcome{request, {}, {}};
  process_timed(self, asked.ticks, outcome.result, kBarsPerAnswerMax);
  outcome.bars = std::make_shared<const std::vector<Bar>>(std::move(outcome.result.bars));
  return nb::cast(std::move(outcome));
}

nb::tuple process_judged(ServiceDataEngine& self, const TradeTick& tick) {
  data::ProcessResult result;
  with_gil(self, [&](data::Aggregator& aggregator) { aggregator.process(tick, 0, result); });
  const nb::object refusal =
      result.rejected.empty() ? nb::object(nb::none()) : nb::object(to_str(name_of(result.rejected.front().reason)));
  return nb::make_tuple(to_list(std::move(result.bars)), refusal);
}

nb::bytes get_bars_wire(ServiceDataEngine& self, nb::handle instrument_id, nb::handle bar_type, std::size_t limit,
                        nb::handle start, nb::handle end, std::optional<std::uint64_t> before_sequence) {
  const std::string_view instrument = to_text(instrument_id, "instrument_id");
  const std::string_view name = to_text(bar_type, "bar_type");
  data::BarFilter filter = to_bar_filter(nb::none(), start, end);
  filter.limit = limit + 1;  // one more shows that there are more
  if (before_sequence)
    filter.before_sequence = static_cast<std::int64_t>(std::min<std::uint64_t>(*before_sequence, INT64_MAX));
  return to_bytes(without_gil([&] {
    const auto bars =
        self.with([&](const data::Aggregator& aggregator) { return aggregator.get_bars(instrument, name, filter); });
    return wire::encode_get_bars_response(bars, limit);
  }));
}

nb::bytes list_instruments_wire(ServiceDataEngine& self, std::uint64_t skipped, std::size_t limit) {
  return to_bytes(without_gil([&] {
    const auto listed =
        self.with([&](const data::Aggregator& aggregator) { return aggregator.instruments(skipped, limit + 1); });
    std::string response;
    wire::Writer out(response);
    for (std::size_t i = 0; i < std::min(listed.size(), limit); ++i) {
      const std::size_t start = out.begin(1);
      out.bytes(1, listed[i].id);
      out.uint(2, static_cast<std::uint64_t>(listed[i].market_time));
      out.end(start);
    }
    if (listed.size() > limit) out.bytes(2, std::to_string(skipped + limit));
    return response;
  }));
}

nb::tuple advance_time_part(ServiceDataEngine& self, std::int64_t now_ns, std::size_t bars_max) {
  std::vector<Bar> bars;
  const bool is_done =
      without_gil(self, [&](data::Aggregator& aggregator) { return aggregator.advance_time(now_ns, bars, bars_max); });
  return nb::make_tuple(to_list(std::move(bars)), is_done);
}

void bind_service_engine(nb::module_ m) {
  nb::class_<ServiceDataEngine, data::DataEngine>(m, "ServiceEngine", nb::is_final(),
                                                  "A DataEngine with methods for the data service.")
      .def(
          "__init__",
          [](ServiceDataEngine* self, const GivenDataConfig* config) {
            new (self) ServiceDataEngine(config == nullptr ? data::DataEngineConfig() : with_time_zones(*config));
            self->with([](data::Aggregator& aggregator) { aggregator.receive_by(&wall_now); });
          },
          "config"_a = nb::none(),
          nb::sig("def __init__(self, config: alphaforge_core.data.DataEngineConfig | None = None) -> None"),
          "Builds one-minute bars by default.")
      .def(
          "receive_at",
          [](ServiceDataEngine& self, std::int64_t received_ns) {
            with_gil(self, [&](data::Aggregator& aggregator) {
              aggregator.receive_by(nullptr);
              aggregator.receive_at(received_ns);
            });
          },
          "received_ns"_a,
          "Sets the time of receipt of the following calls, nanoseconds since the Unix epoch. Until it is set, it is "
          "the time of each call.")
      .def_prop_ro(
          "calendars",
          [](ServiceDataEngine& self) {
            return with_gil(self, [](const data::Aggregator& aggregator) { return aggregator.calendars(); });
          },
          nb::sig("def calendars(self) -> list[str]"), "The trading calendars, as texts.")
      .def("process_request", &process_request, "request"_a,
           nb::sig("def process_request(self, request: ProcessRequest) -> ProcessOutcome"),
           "Applies the ticks of a request.")
      .def("process_judged", &process_judged, "tick"_a,
           nb::sig("def process_judged(self, tick: alphaforge_core.model.TradeTick) -> "
                   "tuple[list[alphaforge_core.model.Bar], str | None]"),
           "Like process_trade_tick(), but also returns why the tick was refused (None if it was not). Not measured in "
           "the statistics.")
      .def(
          "stop_and_flush",
          [](ServiceDataEngine& self) {
            return to_list(without_gil(self, [](data::Aggregator& aggregator) { return aggregator.stop(); }));
          },
          nb::sig("def stop_and_flush(self) -> list[alphaforge_core.model.Bar]"),
          "Like stop(), but returns the bars it closed.")
      .def("advance_time_part", &advance_time_part, "now_ns"_a, "bars_max"_a,
           nb::sig("def advance_time_part(self, now_ns: int, bars_max: int) -> "
                   "tuple[list[alphaforge_core.model.Bar], bool]"),
           "Like advance_time(), but closes at most `bars_max` bars. Returns them and whether all due bars were "
           "closed; the others close with the next call or the next tick of their instrument.")
      .def("get_bars_wire", &get_bars_wire, "instrument_id"_a, "bar_type"_a, "limit"_a, "start"_a = nb::none(),
           "end"_a = nb::none(), "before_sequence"_a = nb::none(),
           nb::sig("def get_bars_wire(self, instrument_id: str, bar_type: str, limit: int, start: int | None = None, "
                   "end: int | None = None, before_sequence: int | None = None) -> bytes"),
           "Like get_bars() for bars below a sequence, as the bytes of a GetBarsResponse.")
      .def("list_instruments_wire", &list_instruments_wire, "skipped"_a, "limit"_a,
           "At most `limit` instruments after the first `skipped`, as a ListInstrumentsResponse.")
      .def(
          "begin_checkpoint",
          [](ServiceDataEngine& self, std::size_t piece_bytes, std::size_t waiting_bytes) {
            return begin_checkpoint<data::DataEngine>(self, data::kSnapshotMagic, data::kPiecesVersion, piece_bytes,
                                                      waiting_bytes);
          },
          nb::kw_only(), "piece_bytes"_a = 65'536, "waiting_bytes"_a = 67'108'864, nb::keep_alive<0, 1>(),
          nb::sig(kBeginCheckpointSignature), kBeginCheckpointHelp);
}

}  // namespace

void bind_data_wire(nb::module_ m) {
  bind_checkpoint<data::DataEngine>(m);
  bind_request(m);
  bind_bar_batch(m);
  bind_outcome(m);
  bind_response(m);
  bind_service_engine(m);
  bind_streams(m);
  m.def(
      "encode_tick_request", [](const TradeTick& tick) { return to_bytes(wire::encode_tick_request(tick)); }, "tick"_a,
      "Same as ProcessRequest(tick).to_wire().");
  m.def(
      "encode_producer",
      [](std::string_view producer_id, std::uint64_t producer_sequence) {
        return to_bytes(wire::encode_producer(producer_id, producer_sequence));
      },
      "producer_id"_a, "producer_sequence"_a,
      "The producer and the number of the call, as fields to append to a request.");
  m.def("encode_ticks_request", &encode_ticks_request, "ticks"_a, "start"_a, "stop"_a,
        "bar_types"_a = std::vector<std::string>(),
        nb::sig("def encode_ticks_request(ticks: alphaforge_core.model.TradeTickBatch, start: int, stop: int, "
                "bar_types: collections.abc.Sequence[str] = ()) -> bytes"),
        "Same as ProcessRequest(ticks[start:stop], bar_types=bar_types).to_wire().");
  m.def(
      "encode_bars",
      [](nb::sequence bars, std::uint32_t field) {
        std::string out;
        wire::Writer writer(out);
        for (nb::handle bar : bars) wire::encode_bar(writer, field, nb::cast<const Bar&>(bar));
        return to_bytes(out);
      },
      "bars"_a, "field"_a,
      nb::sig("def encode_bars(bars: collections.abc.Sequence[alphaforge_core.model.Bar], field: int) -> bytes"),
      "A repeated field of alphaforge.type.v1.Bar as bytes, to append to a message.");
  m.def(
      "has_calendars",
      [](nb::handle known, nb::handle wanted) {
        return has_calendars(parse_calendars(to_names(known, "known")), parse_calendars(to_names(wanted, "wanted")));
      },
      "known"_a, "wanted"_a,
      nb::sig("def has_calendars(known: collections.abc.Iterable[str], wanted: collections.abc.Iterable[str]) -> bool"),
      "Whether each wanted trading calendar is a known one, or the first sessions of one.\n\nRaises InvalidArgument (a "
      "ValueError) SETTING_INVALID.");
  m.def("decode_bars", &decode_bars, "message"_a, "field"_a,
        nb::sig("def decode_bars(message: bytes, field: int) -> list[alphaforge_core.model.Bar]"),
        "The bars of that field of any message; its other fields are skipped.\n\nRaises InvalidArgument (a ValueError) "
        "MESSAGE_MALFORMED.");
  m.def("decode_bars_page", &decode_bars_page, "response"_a,
        nb::sig("def decode_bars_page(response: bytes) -> tuple[list[alphaforge_core.model.Bar], bool]"),
        "The bars of a GetBarsResponse, and whether there are older ones.\n\nRaises InvalidArgument (a ValueError) "
        "MESSAGE_MALFORMED.");
}

}  // namespace alphaforge::bindings
