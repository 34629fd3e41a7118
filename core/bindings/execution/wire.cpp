#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "bindings/checkpoint.hpp"
#include "bindings/execution/execution.hpp"
#include "bindings/gil.hpp"
#include "bindings/numbers.hpp"
#include "encoding/writer.hpp"
#include "execution/checkpoint.hpp"  // IWYU pragma: keep
#include "execution/position_key.hpp"
#include "execution/snapshot_format.hpp"
#include "execution/venue.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"
#include "wire/orders.hpp"
#include "wire/streams.hpp"

// The execution service's messages as bytes: requests are answered, and responses are read, natively.

namespace alphaforge::bindings {

using namespace nb::literals;
using execution::Filter;
using execution::PositionKey;
using execution::Submission;
using execution::Venue;

namespace {

std::string_view view(const nb::bytes& bytes) { return {bytes.c_str(), bytes.size()}; }
nb::bytes to_bytes(std::string_view data) { return nb::bytes(data.data(), data.size()); }

// The request of SubmitOrder, which has one order, of SubmitOrders, or of SubmitOrderGroup.
struct SubmitRequest {
  std::variant<Order, std::vector<wire::ReceivedOrder>, OrderGroup> orders;
};

SubmitRequest submit_request_of_wire(const nb::bytes& message, bool single) {
  if (single) return {wire::decode_submit_order(view(message))};
  return without_gil_if(message.size() >= kShortBytes,
                        [bytes = view(message)] { return SubmitRequest{wire::decode_submit_orders(bytes)}; });
}

SubmitRequest submit_group_of_wire(const nb::bytes& message) { return {wire::decode_submit_group(view(message))}; }

nb::bytes submit_single(ServiceExecutionEngine& self, const Order& order) {
  const std::int64_t now = self.now();
  const Submission placed = with_gil(self.engine, [&](Venue& venue) { return venue.submit(order, now); });
  self.submitted(1, now);
  return to_bytes(wire::encode_submit_answer(
      {order.order_id, placed.status, placed.reject_reason, placed.is_repeat, std::nullopt, {}}));
}

void submit_one(Venue& venue, const wire::ReceivedOrder& received, std::int64_t now, std::string& response) {
  const std::string& id = received.item.order_id;
  const auto refuse = [&](Reason reason, std::string_view message) {
    wire::append_submit_answer(response, {id, OrderStatus::kInitialized, RejectReason::kNone, false, reason, message});
  };
  if (received.error) return refuse(*received.error, received.error_message);
  try {
    const Submission placed = venue.submit(received.item, now);
    wire::append_submit_answer(response, {id, placed.status, placed.reject_reason, placed.is_repeat, std::nullopt, {}});
  } catch (const InvalidArgument& error) {
    refuse(error.reason(), error.what());
  } catch (const ResourceExhausted& error) {
    refuse(error.reason(), error.what());
  }
}

nb::bytes submit_many(ServiceExecutionEngine& self, const std::vector<wire::ReceivedOrder>& orders) {
  const std::int64_t now = self.now();
  return to_bytes(without_gil([&] {
    std::string response;
    self.engine.in_pieces(0, orders.size(), [&](Venue& venue, std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) submit_one(venue, orders[i], now, response);
    });
    self.submitted(static_cast<std::int64_t>(orders.size()), now);
    return response;
  }));
}

nb::bytes submit_group(ServiceExecutionEngine& self, const OrderGroup& group) {
  const std::int64_t now = self.now();
  const auto placed = with_gil(self.engine, [&](Venue& venue) { return venue.submit_group(group, now); });
  self.submitted(static_cast<std::int64_t>(group.orders.size()), now);
  std::string response;
  for (std::size_t i = 0; i != placed.size(); ++i)
    wire::append_submit_answer(
        response,
        {group.orders[i].order_id, placed[i].status, placed[i].reject_reason, placed[i].is_repeat, std::nullopt, {}});
  return to_bytes(response);
}

nb::bytes submit_request(ServiceExecutionEngine& self, const SubmitRequest& request) {
  if (const OrderGroup* group = std::get_if<OrderGroup>(&request.orders)) return submit_group(self, *group);
  if (const Order* order = std::get_if<Order>(&request.orders)) return submit_single(self, *order);
  return submit_many(self, std::get<std::vector<wire::ReceivedOrder>>(request.orders));
}

nb::bytes encode_submit_orders(nb::handle given) {
  std::string request;
  for (const nb::handle item : nb::iter(given)) {
    const auto& order = nb::cast<const Order&>(item);
    // A service of an earlier release would place it without its group.
    check_is_single(order);
    wire::append_submit_order(request, order);
  }
  return to_bytes(request);
}

nb::bytes encode_submit_order_group(const OrderGroup& group) {
  std::string request;
  wire::append_submit_group(request, group);
  return to_bytes(request);
}

std::int64_t lapse_session(ServiceExecutionEngine& self, nb::handle strategy_id) {
  const std::string strategy(to_text(strategy_id, "strategy_id"));
  const std::int64_t now = self.now();
  return without_gil(self.engine, [&](Venue& venue) {
    return venue.cancel_all({.strategy_id = strategy, .symbol = {}, .side = {}}, CancelReason::kSessionLapsed, now);
  });
}

// Applies the ticks of a message after the first `known`, which were applied before.
nb::list process_trades(ServiceExecutionEngine& self, const wire::TradesResponse& message, std::size_t known) {
  const std::int64_t now = self.now();
  const auto found = without_gil([&] { return self.engine.process(message.ticks, known, now, true); });
  nb::list reasons;
  for (const auto& [row, reason] : found.rejected) reasons.append(to_str(name_of(reason)));
  return reasons;
}

// The item of a full page next to the following page: its last, or its first if pages go backwards.
template <class T>
const T& edge_of(const std::vector<T>& items, const Filter& filter) {
  return filter.newest ? items[1] : items[filter.limit - 2];
}

// The first (or last) `limit` items that `read(venue)` returns, as field 1 of a response; and, if there are more, the
// token of the next page as field 2. Runs without the GIL, including the destruction of the items.
template <class Read, class T, class Token>
nb::bytes encode_page(ServiceExecutionEngine& self, std::size_t limit, Read read, std::string (*encode)(const T&),
                      Token token, bool newest = false) {
  return to_bytes(without_gil([&] {
    const std::vector<T> items = self.engine.with(read);
    std::string response;
    wire::Writer out(response);
    const std::size_t count = std::min(items.size(), limit);
    const std::size_t first = newest ? items.size() - count : 0;
    for (std::size_t i = first; i < first + count; ++i) out.bytes(1, encode(items[i]));
    if (items.size() > limit) token(out, items);
    return response;
  }));
}

nb::bytes list_orders_wire(ServiceExecutionEngine& self, nb::handle strategy_id, nb::handle status, nb::handle symbol,
                           std::size_t limit, nb::handle after, bool with_fills, bool newest) {
  Filter filter = to_filter(strategy_id, symbol, nb::none(), status, nb::none(), after);
  filter.limit = limit + 1;  // one more shows that there are more
  filter.with_fills = with_fills;
  filter.newest = newest;
  return encode_page(
      self, limit, [&](const Venue& venue) { return venue.orders(filter); }, &wire::encode_order,
      [&](wire::Writer& out, const std::vector<Order>& orders) { out.bytes(2, edge_of(orders, filter).order_id); },
      newest);
}

nb::bytes list_fills_wire(ServiceExecutionEngine& self, nb::handle strategy_id, nb::handle order_id, nb::handle symbol,
                          std::size_t limit, nb::handle after, bool newest) {
  Filter filter = to_filter(strategy_id, symbol, order_id, nb::none(), nb::none(), after);
  filter.limit = limit + 1;
  filter.newest = newest;
  return encode_page(
      self, limit, [&](const Venue& venue) { return venue.fills(filter); }, &wire::encode_fill,
      [&](wire::Writer& out, const std::vector<Fill>& fills) { out.bytes(2, edge_of(fills, filter).fill_id()); },
      newest);
}

nb::bytes list_positions_wire(ServiceExecutionEngine& self, nb::handle strategy_id, nb::handle symbol,
                              std::size_t limit, nb::handle after) {
  Filter filter = to_filter(strategy_id, symbol, nb::none(), nb::none(), nb::none(), after);
  filter.limit = limit + 1;
  return encode_page(
      self, limit, [&](const Venue& venue) { return venue.positions(filter); }, &wire::encode_position,
      [&](wire::Writer& out, const std::vector<Position>& positions) {
        const Position& last = positions[limit - 1];
        out.bytes(2, PositionKey{last.strategy_id, last.symbol}.text());
      });
}

nb::bytes list_events_wire(ServiceExecutionEngine& self, std::int64_t from_sequence, std::size_t limit,
                           nb::handle strategy_id) {
  const auto strategy = optional_text(strategy_id, "strategy_id");
  return encode_page(
      self, limit, [&](const Venue& venue) { return venue.events(from_sequence, limit + 1, strategy); },
      &wire::encode_event,
      [&](wire::Writer& out, const std::vector<OrderEvent>& events) {
        out.uint(2, static_cast<std::uint64_t>(events[limit].sequence));
      });
}

template <class T>
nb::list to_list(std::vector<T>&& items) {
  nb::list list;
  for (T& item : items) list.append(nb::cast(std::move(item)));
  return list;
}

// A page of orders, fills or positions, and the token of the next page.
template <class T>
nb::tuple decode_page(const nb::bytes& response, T (*decode)(std::string_view)) {
  wire::Page<T> page = without_gil_if(response.size() >= kShortBytes,
                                      [&, bytes = view(response)] { return wire::decode_page<T>(bytes, decode); });
  return nb::make_tuple(to_list(std::move(page.items)), to_str(page.next_page_token));
}

nb::object decode_order_response(const nb::bytes& response) {
  wire::Page<Order> page = wire::decode_page<Order>(view(response), &wire::decode_order);
  return page.items.empty() ? nb::none() : nb::cast(std::move(page.items.back()));
}

nb::tuple decode_events_page(const nb::bytes& response) {
  wire::EventsPage page = without_gil_if(response.size() >= kShortBytes,
                                         [bytes = view(response)] { return wire::decode_events_page(bytes); });
  return nb::make_tuple(to_list(std::move(page.events)), page.next_sequence);
}

// A message of SubscribeOrderEvents, whose events are Python's.
struct EventsMessage : wire::StreamHead {
  nb::list events;
};

EventsMessage events_of_wire(const nb::bytes& message) {
  wire::EventsResponse response = without_gil_if(
      message.size() >= kShortBytes, [bytes = view(message)] { return wire::decode_events_response(bytes); });
  nb::list events = to_list(std::move(response.events));
  return {static_cast<wire::StreamHead&>(response), std::move(events)};
}

void bind_events_response(nb::module_ m) {
  nb::class_<EventsMessage>(m, "EventsResponse", nb::is_final(), "A message of SubscribeOrderEvents.")
      .def_static("from_wire", &events_of_wire, "message"_a,
                  "Raises InvalidArgument (a ValueError): MESSAGE_MALFORMED, and the errors of the "
                  "events.")
      .def_ro("epoch", &EventsMessage::epoch, "The engine's epoch.")
      .def_ro("sequence", &EventsMessage::sequence, "The last sequence that the message covers.")
      .def_ro("previous_sequence", &EventsMessage::previous_sequence, "The `sequence` of the previous message.")
      .def_prop_ro(
          "events", [](const EventsMessage& self) { return self.events; },
          nb::sig("def events(self) -> list[alphaforge_core.execution.OrderEvent]"), "The events.")
      .def_prop_ro(
          "gap", [](const EventsMessage& self) { return self.gap ? nb::object(to_bytes(*self.gap)) : nb::none(); },
          nb::sig("def gap(self) -> bytes | None"), "The bytes of a Gap if events were lost.");
}

void bind_submit_request(nb::module_ m) {
  nb::class_<SubmitRequest>(m, "SubmitRequest", nb::is_final(),
                            "The request of SubmitOrder, SubmitOrders or SubmitOrderGroup.")
      .def_static("from_wire", &submit_request_of_wire, "message"_a, "single"_a = false,
                  "Decodes the request of SubmitOrders, or of SubmitOrder if `single`; ignores "
                  "engine and epoch.\n\n"
                  "Raises InvalidArgument: MESSAGE_MALFORMED, LIMIT_EXCEEDED beyond 100,000 orders; "
                  "for a single order, the errors of its factory.")
      .def_static("group_from_wire", &submit_group_of_wire, "message"_a,
                  "Decodes the request of SubmitOrderGroup; ignores engine and epoch.\n\n"
                  "Raises InvalidArgument: MESSAGE_MALFORMED, and the errors of an OrderGroup.");
}

void bind_service_engine(nb::module_ m) {
  nb::class_<ServiceExecutionEngine, BoundExecutionEngine> type(
      m, "ServiceEngine", nb::is_final(), "An ExecutionEngine with methods for the execution service.");
  bind_changes_wire(m, type);
  type.def(
          "__init__",
          [](ServiceExecutionEngine* self, std::optional<GivenExecutionConfig> config) {
            new (self) ServiceExecutionEngine(config ? *config : GivenExecutionConfig{});
          },
          "config"_a = nb::none(),
          nb::sig("def __init__(self, config: alphaforge_core.execution.ExecutionEngineConfig | None = None) -> None"),
          "Creates an empty engine with these settings, or the defaults.")
      .def_prop_rw(
          "received_at", [](const ServiceExecutionEngine& self) { return self.received_at; },
          [](ServiceExecutionEngine& self, std::optional<std::int64_t> received_at) {
            self.received_at = received_at;
            self.unacknowledged = 0;
          },
          nb::arg().none(),
          "The time of receipt of the following calls, nanoseconds since the Unix epoch; None: the "
          "time of the call.\n\n"
          "A service writes calls to its journal before it executes them, and replays them after a "
          "restart.")
      .def(
          "acknowledge",
          [](ServiceExecutionEngine& self) {
            if (self.received_at && self.unacknowledged > 0)
              self.took(std::exchange(self.unacknowledged, 0), *self.received_at);
          },
          "Marks the orders submitted since `received_at` as acknowledged now.")
      .def("submit_request", &submit_request, "request"_a,
           nb::sig("def submit_request(self, request: SubmitRequest) -> bytes"),
           "Executes a request and returns the bytes of its SubmitOrderResponse, SubmitOrdersResponse or "
           "SubmitOrderGroupResponse; many orders are placed without the GIL.\n\n"
           "For the request of one order or a group, raises the errors of submit_order.")
      .def("process_trades", &process_trades, "message"_a, "known"_a = 0,
           nb::sig("def process_trades(self, message: alphaforge_core.data_wire.TradesResponse, known: int = 0) -> "
                   "list[str]"),
           "Applies the ticks of a message, except its first `known`, without the GIL. Their times are not checked: "
           "the data engine has done that.\n\n"
           "Returns the reason of each refused tick.")
      .def("lapse_session", &lapse_session, "strategy_id"_a,
           nb::sig("def lapse_session(self, strategy_id: str) -> int"),
           "Cancels the strategy's active orders because its session lapsed (SESSION_LAPSED). Returns how many.")
      .def("list_orders_wire", &list_orders_wire, "strategy_id"_a.none(), "status"_a.none(), "symbol"_a.none(),
           "limit"_a, "after"_a.none(), "with_fills"_a, "newest"_a,
           nb::sig("def list_orders_wire(self, strategy_id: str | None, status: "
                   "collections.abc.Iterable[alphaforge_core.execution.OrderStatus] | None, symbol: str | None, limit: "
                   "int, after: str | None, with_fills: bool, newest: bool) -> bytes"),
           "The result of get_orders() as the bytes of a ListOrdersResponse.")
      .def(
          "list_fills_wire", &list_fills_wire, "strategy_id"_a.none(), "order_id"_a.none(), "symbol"_a.none(),
          "limit"_a, "after"_a.none(), "newest"_a,
          nb::sig("def list_fills_wire(self, strategy_id: str | None, order_id: str | None, symbol: str | None, limit: "
                  "int, after: str | None, newest: bool) -> bytes"),
          "The result of get_fills() as the bytes of a ListFillsResponse.")
      .def("list_positions_wire", &list_positions_wire, "strategy_id"_a.none(), "symbol"_a.none(), "limit"_a,
           "after"_a.none(),
           nb::sig("def list_positions_wire(self, strategy_id: str | None, symbol: str | None, limit: int, after: "
                   "str | None) -> bytes"),
           "The result of get_positions() after the page whose token is `after`, as the bytes of a "
           "ListPositionsResponse.")
      .def("list_events_wire", &list_events_wire, "from_sequence"_a, "limit"_a, "strategy_id"_a.none(),
           nb::sig("def list_events_wire(self, from_sequence: int, limit: int, strategy_id: str | None) -> bytes"),
           "The result of events() as the bytes of a ListOrderEventsResponse.")
      .def(
          "begin_checkpoint",
          [](ServiceExecutionEngine& self, std::size_t piece_bytes, std::size_t waiting_bytes) {
            return begin_checkpoint(self.engine, execution::kSnapshotMagic, execution::kPiecesVersion, piece_bytes,
                                    waiting_bytes);
          },
          nb::kw_only(), "piece_bytes"_a = 65'536, "waiting_bytes"_a = 67'108'864, nb::keep_alive<0, 1>(),
          nb::sig(kBeginCheckpointSignature), kBeginCheckpointHelp)
      .def(
          "check",
          [](ServiceExecutionEngine& self, int items) -> nb::object {
            auto check = without_gil([&] { return self.engine.check(std::max(items, 1)); });
            if (!check) return nb::none();
            return nb::make_tuple(check->state_hash, std::move(check->violations));
          },
          nb::kw_only(), "items"_a = 256,
          nb::sig("def check(self, *, items: int = 256) -> tuple[int, list[str]] | None"),
          "The results of state_hash() and validate(), computed while other calls continue: the engine is locked for "
          "about `items` orders at a time. The hash is that of one moment.\n\nNone if a checkpoint began meanwhile.")
      .def(
          "set_market_data_stale",
          [](ServiceExecutionEngine& self, bool is_stale) {
            with_gil(self.engine, [&](Venue& venue) { venue.set_market_data_stale(is_stale); });
          },
          "is_stale"_a, "Sets whether market data are stale, for market_orders_while_stale (rule 3.20).");
}

}  // namespace

void bind_execution_wire(nb::module_ m) {
  bind_submit_request(m);
  bind_checkpoint<execution::ExecutionEngine>(m);
  bind_service_engine(m);
  bind_events_response(m);
  m.def("encode_submit_orders", &encode_submit_orders, "orders"_a,
        nb::sig("def encode_submit_orders(orders: collections.abc.Iterable[alphaforge_core.execution.Order]) -> bytes"),
        "The orders as a SubmitOrdersRequest, or one as a SubmitOrderRequest, to append to the "
        "encoded engine and epoch.");
  m.def("encode_submit_order_group", &encode_submit_order_group, "group"_a,
        nb::sig("def encode_submit_order_group(group: alphaforge_core.execution.OrderGroup) -> bytes"),
        "The group as a SubmitOrderGroupRequest, to append to the encoded engine and epoch.");
  m.def("decode_order_response", &decode_order_response, "response"_a,
        nb::sig("def decode_order_response(response: bytes) -> alphaforge_core.execution.Order | None"),
        "The order of a GetOrderResponse, or None. Raises InvalidArgument (MESSAGE_MALFORMED).");
  m.def(
      "decode_orders_page", [](const nb::bytes& response) { return decode_page<Order>(response, &wire::decode_order); },
      "response"_a,
      nb::sig("def decode_orders_page(response: bytes) -> tuple[list[alphaforge_core.execution.Order], str]"),
      "The orders of a ListOrdersResponse and the token of the next page, \"\" after the last.\n\n"
      "Raises InvalidArgument (MESSAGE_MALFORMED).");
  m.def(
      "decode_fills_page", [](const nb::bytes& response) { return decode_page<Fill>(response, &wire::decode_fill); },
      "response"_a,
      nb::sig("def decode_fills_page(response: bytes) -> tuple[list[alphaforge_core.execution.Fill], str]"),
      "The same for a ListFillsResponse.");
  m.def(
      "decode_positions_page",
      [](const nb::bytes& response) { return decode_page<Position>(response, &wire::decode_position); }, "response"_a,
      nb::sig("def decode_positions_page(response: bytes) -> tuple[list[alphaforge_core.execution.Position], str]"),
      "The same for a ListPositionsResponse.");
  m.def("decode_events_page", &decode_events_page, "response"_a,
        nb::sig("def decode_events_page(response: bytes) -> tuple[list[alphaforge_core.execution.OrderEvent], int]"),
        "The events of a ListOrderEventsResponse and the sequence of the next page, 0 after the last.\n\n"
        "Raises InvalidArgument (MESSAGE_MALFORMED).");
}

}  // namespace alphaforge::bindings
