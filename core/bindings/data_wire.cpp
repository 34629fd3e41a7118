#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <string>

#include "data.hpp"
#include "model.hpp"
#include "numbers.hpp"
#include "trade_tick_batch.hpp"
#include "wire/bars.hpp"
#include "wire/data.hpp"
#include "wire/trade_ticks.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

std::string_view view(const nb::bytes& bytes) { return {bytes.c_str(), bytes.size()}; }
nb::bytes to_bytes(const std::string& text) { return nb::bytes(text.data(), text.size()); }

// A bar takes some 150 bytes of an answer, which is kept for a repeat; the last tick can close as many bars again.
constexpr std::size_t kBarsPerAnswerMax = 50'000;

// A request, and whether it is the one of a single tick.
struct TicksRequest : wire::ProcessRequest {
  bool is_single = false;
};

// Bars as they lie in the core, or some in a row of them: a Bar is made when one is asked for.
struct BarBatch {
  std::shared_ptr<const std::vector<Bar>> all;
  std::size_t first = 0;
  std::size_t size = 0;
};

// What an engine made of a request. Keeps the request, whose ticks it speaks of.
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
  for (const std::string& name : names) canonical.push_back(BarType::parse(name).name);
  if (names.size() <= data::kBarTypesMax) {
    last_names = names;
    last_canonical = canonical;
  }
  return canonical;
}

TicksRequest request_of_wire(const nb::bytes& message, bool single) {
  return without_gil(message.size() < kShortBytes, [bytes = view(message), single] {
    TicksRequest request{single ? wire::decode_tick_request(bytes) : wire::decode_ticks_request(bytes), single};
    request.bar_types = canonical_names(request.bar_types);
    return request;
  });
}

void init_request(TicksRequest* self, nb::handle ticks, std::string engine, std::optional<std::uint64_t> epoch, std::string producer_id,
                  std::uint64_t producer_sequence, const std::vector<std::string>& bar_types, bool with_tick_indexes) {
  TicksRequest request;
  request.is_single = nb::isinstance<TradeTick>(ticks);
  request.ticks = request.is_single ? TradeTickBatch::of(*nb::inst_ptr<TradeTick>(ticks)) : nb::cast<const TradeTickBatch&>(ticks);
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

// An answer, whose bars are read when they are asked for.
struct TicksResponse : wire::ProcessResponse {
  nb::bytes message;
};

TicksResponse response_of_wire(const nb::bytes& message) {
  return {without_gil(message.size() < kShortBytes, [bytes = view(message)] { return wire::decode_process_response(bytes); }), message};
}

nb::object response_bars(const TicksResponse& response) {
  data::ProcessResult result;
  result.bars = without_gil(response.message.size() < kShortBytes, [bytes = view(response.message)] { return wire::decode_bars(bytes, 1); });
  for (const wire::RejectedTick& rejected : response.rejected) result.rejected.push_back({rejected.index, rejected.reason});
  result.duplicates = response.duplicate_indexes;
  return to_bar_list(std::move(result));
}

void bind_request(nb::module_ m) {
  nb::class_<TicksRequest>(m, "ProcessRequest", nb::is_final(),
                      "A call with one tick or with many, as it crosses the network: alphaforge.data.v1.ProcessTradeTick(s)Request.")
      .def("__init__", &init_request, "ticks"_a, nb::kw_only(), "engine"_a = "", "epoch"_a = nb::none(), "producer_id"_a = "",
           "producer_sequence"_a = 0, "bar_types"_a = std::vector<std::string>(), "with_tick_indexes"_a = false,
           nb::sig("def __init__(self, ticks: alphaforge_core.model.TradeTick | alphaforge_core.model.TradeTickBatch, *, engine: str = '', "
                   "epoch: int | None = None, producer_id: str = '', producer_sequence: int = 0, "
                   "bar_types: collections.abc.Sequence[str] = (), with_tick_indexes: bool = False) -> None"),
           "A TradeTick makes the request of one tick, a TradeTickBatch that of many.")
      .def_static("from_wire", &request_of_wire, "message"_a, nb::kw_only(), "single"_a = false,
                  "From a message's bytes; `single` where it is that of one tick.\n\n"
                  "Raises InvalidArgument (a ValueError): MESSAGE_MALFORMED, LIMIT_EXCEEDED for more than 1,000,000 ticks, and what\n"
                  "making the ticks raises.")
      .def("to_wire",
           [](const TicksRequest& self) {
             return to_bytes(without_gil(self.ticks.size() <= kFewTicks, [&] {
               return self.is_single ? wire::encode_tick_request(self) : wire::encode_ticks_request(self);
             }));
           },
           "The message's bytes.")
      .def_ro("engine", &TicksRequest::engine, "The engine's name; empty is \"default\".")
      .def_ro("epoch", &TicksRequest::epoch, "The epoch that the engine must have, if any.")
      .def_ro("ticks", &TicksRequest::ticks, nb::rv_policy::reference_internal, "The ticks.")
      .def_ro("producer_id", &TicksRequest::producer_id, "Who sends; empty: unnumbered.")
      .def_ro("producer_sequence", &TicksRequest::producer_sequence, "Counts the producer's calls.")
      .def_ro("bar_types", &TicksRequest::bar_types, "Canonical names of the types whose bars are wanted; empty: all.")
      .def_ro("with_tick_indexes", &TicksRequest::with_tick_indexes, "Whether the answer tells which tick each bar came of.");
}

void bind_bar_batch(nb::module_ m) {
  nb::class_<BarBatch>(m, "BarBatch", nb::is_final(), "A sequence of bars as they lie in the core. Immutable.")
      .def("__len__", [](const BarBatch& self) { return self.size; })
      .def("__getitem__",
           [](const BarBatch& self, std::int64_t place) {
             const auto size = static_cast<std::int64_t>(self.size);
             if (place < -size || place >= size) throw nb::index_error("place out of range");
             return (*self.all)[self.first + static_cast<std::size_t>(place < 0 ? place + size : place)];
           },
           "place"_a, "One of the bars.")
      .def("__getitem__",
           [](const BarBatch& self, const nb::slice& places) {
             const auto [start, stop, step, length] = places.compute(self.size);
             if (step != 1) throw nb::index_error("a batch is cut without a step");
             return BarBatch{self.all, self.first + static_cast<std::size_t>(start), length};
           },
           "places"_a, "Bars that follow each other; they are not copied.");
}

void bind_outcome(nb::module_ m) {
  nb::class_<TicksOutcome>(m, "ProcessOutcome", nb::is_final(), "What an engine made of a request.")
      .def_prop_ro("bars", [](const TicksOutcome& self) { return BarBatch{self.bars, 0, self.bars->size()}; },
                   "The bars that closed or were corrected, of all types.")
      .def_prop_ro("accepted", &accepted_of, nb::sig("def accepted(self) -> alphaforge_core.model.TradeTickBatch"),
                   "The accepted ticks; the request's own batch where all were.")
      .def_prop_ro("processed_count", [](const TicksOutcome& self) { return self.result.accepted; }, "How many were accepted.")
      .def_prop_ro("duplicate_count", [](const TicksOutcome& self) { return self.result.duplicates.size(); }, "How many had been seen before.")
      .def_prop_ro("tick_sequence", [](const TicksOutcome& self) { return self.result.tick_sequence; },
                   "The engine's count of accepted ticks, after this call.")
      .def_prop_ro("bar_sequence", [](const TicksOutcome& self) { return self.result.bar_sequence; },
                   "The engine's count of bars emitted, after this call.")
      .def_prop_ro("left_count", [](const TicksOutcome& self) { return self.asked().ticks.size() - self.result.taken; },
                   "How many at the end were not taken.")
      .def("to_wire", [](const TicksOutcome& self, std::uint64_t epoch) {
             return to_bytes(without_gil(self.bars->size() + self.result.rejected.size() <= kFewTicks, [&] { return answer_of(self, epoch); }));
           },
           "epoch"_a, "The answer's bytes, with the bars of the types that were asked for.");
}

void bind_response(nb::module_ m) {
  nb::class_<TicksResponse>(m, "ProcessResponse", nb::is_final(), "The answer to a call with ticks, as the caller reads it.")
      .def_static("from_wire", &response_of_wire, "message"_a, "Raises InvalidArgument (a ValueError) MESSAGE_MALFORMED.")
      .def_prop_ro("bars", &response_bars, nb::sig("def bars(self) -> BarList"),
                   "The bars, with `rejected` and `duplicates`; read anew each time. Raises what from_wire() raises.")
      .def_ro("producer_sequence", &TicksResponse::producer_sequence, "The request's.")
      .def_ro("epoch", &TicksResponse::epoch, "The engine's epoch.")
      .def_ro("is_repeat", &TicksResponse::is_repeat, "Whether it is the first answer again.")
      .def_ro("processed_count", &TicksResponse::processed_count, "How many were accepted.")
      .def_prop_ro("duplicate_count", [](const TicksResponse& self) { return self.duplicate_indexes.size(); },
                   "How many had been seen before.")
      .def_ro("left_count", &TicksResponse::left_count, "How many ticks at the end of the batch were not taken: they are to be sent again.")
      .def_ro("tick_indexes", &TicksResponse::tick_indexes,
              "Per bar the index of the tick that closed or corrected it, if the request asked for it.");
}

nb::list decode_bars(const nb::bytes& message, std::uint32_t field) {
  nb::list bars;
  for (Bar& bar : without_gil(message.size() < kShortBytes, [&, bytes = view(message)] { return wire::decode_bars(bytes, field); })) bars.append(nb::cast(std::move(bar)));
  return bars;
}

nb::bytes encode_ticks_request(const TradeTickBatch& ticks, std::size_t start, std::size_t stop, const std::vector<std::string>& bar_types) {
  return to_bytes(without_gil(stop - std::min(start, stop) <= kFewTicks, [&] {
    wire::ProcessRequest request;
    request.ticks = ticks.slice(std::min(start, ticks.size()), std::min(std::max(start, stop), ticks.size()));
    request.bar_types = bar_types;
    return wire::encode_ticks_request(request);
  }));
}

}  // namespace

void bind_data_wire(nb::module_ m) {
  bind_request(m);
  bind_bar_batch(m);
  bind_outcome(m);
  bind_response(m);
  m.def("encode_tick_request", [](const TradeTick& tick) { return to_bytes(wire::encode_tick_request(tick)); }, "tick"_a,
        "What ProcessRequest(tick).to_wire() returns.");
  m.def("encode_producer",
        [](std::string_view producer_id, std::uint64_t producer_sequence) {
          return to_bytes(wire::encode_producer(producer_id, producer_sequence));
        },
        "producer_id"_a, "producer_sequence"_a,
        "Who sends, and the number of the call: fields to be appended to a request that lacks them.");
  m.def("encode_ticks_request", &encode_ticks_request, "ticks"_a, "start"_a, "stop"_a, "bar_types"_a = std::vector<std::string>(),
        nb::sig("def encode_ticks_request(ticks: alphaforge_core.model.TradeTickBatch, start: int, stop: int, "
                "bar_types: collections.abc.Sequence[str] = ()) -> bytes"),
        "What ProcessRequest(ticks[start:stop], bar_types=bar_types).to_wire() returns.");
  m.def("encode_bars",
        [](nb::sequence bars, std::uint32_t field) {
          std::string out;
          wire::Writer writer(out);
          for (nb::handle bar : bars) wire::encode_bar(writer, field, nb::cast<const Bar&>(bar));
          return to_bytes(out);
        },
        "bars"_a, "field"_a,
        nb::sig("def encode_bars(bars: collections.abc.Sequence[alphaforge_core.model.Bar], field: int) -> bytes"),
        "A repeated field of alphaforge.type.v1.Bar as bytes, to be appended to a message that lacks it.");
  m.def("decode_bars", &decode_bars, "message"_a, "field"_a,
        nb::sig("def decode_bars(message: bytes, field: int) -> list[alphaforge_core.model.Bar]"),
        "The bars of that field of any message; its other fields are skipped.\n\nRaises InvalidArgument (a ValueError) MESSAGE_MALFORMED.");
}

nb::object process_request(data::DataEngine& engine, nb::object request) {
  const TicksRequest& asked = nb::cast<const TicksRequest&>(request);
  TicksOutcome outcome{request, {}, {}};
  process_timed(engine, asked.ticks, outcome.result, kBarsPerAnswerMax);
  outcome.bars = std::make_shared<const std::vector<Bar>>(std::move(outcome.result.bars));
  return nb::cast(std::move(outcome));
}

}  // namespace alphaforge::bindings
