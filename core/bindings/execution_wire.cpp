#include <algorithm>

#include "base/error.hpp"
#include "execution.hpp"
#include "wire/orders.hpp"

// Requests of the execution service as bytes, answered as bytes: no Python object per order.

namespace alphaforge::bindings {

using namespace nb::literals;
using execution::Submission;
using execution::Venue;

namespace {

std::string_view view(const nb::bytes& bytes) { return {bytes.c_str(), bytes.size()}; }
nb::bytes to_bytes(std::string_view data) { return nb::bytes(data.data(), data.size()); }

nb::bytes submit_order_wire(BoundExecutionEngine& self, const nb::bytes& request) {
  const Order order = wire::decode_submit_order(view(request));
  const std::int64_t now = self.now();
  const Submission placed = promptly(self.engine, [&](Venue& venue) { return venue.submit(order, now); });
  self.submitted(1, now);
  return to_bytes(
      wire::encode_submit_answer({order.order_id, placed.status, placed.reject_reason, placed.is_repeat, std::nullopt, {}}));
}

void submit_one(Venue& venue, const wire::ReceivedOrder& received, std::int64_t now, std::string& response) {
  const std::string& id = received.order.order_id;
  const auto refuse = [&](Reason reason, std::string_view message) {
    wire::append_submit_answer(response, {id, OrderStatus::kInitialized, RejectReason::kNone, false, reason, message});
  };
  if (received.error) return refuse(*received.error, received.error_message);
  try {
    const Submission placed = venue.submit(received.order, now);
    wire::append_submit_answer(response, {id, placed.status, placed.reject_reason, placed.is_repeat, std::nullopt, {}});
  } catch (const InvalidArgument& error) {
    refuse(error.reason(), error.what());
  } catch (const ResourceExhausted& error) {
    refuse(error.reason(), error.what());
  }
}

nb::bytes submit_orders_wire(BoundExecutionEngine& self, const nb::bytes& request) {
  const std::int64_t now = self.now();
  std::string response;
  {
    const nb::gil_scoped_release release;
    const auto orders = wire::decode_submit_orders(view(request));
    if (orders.size() > kOrdersPerCallMax)
      throw InvalidArgument(Reason::LIMIT_EXCEEDED, "a call submits at most " + std::to_string(kOrdersPerCallMax) +
                                                        " orders, not " + std::to_string(orders.size()));
    self.engine.alone([&](Venue& venue) {
      for (const auto& order : orders) submit_one(venue, order, now, response);
    });
    self.submitted(static_cast<std::int64_t>(orders.size()), now);
  }
  return to_bytes(response);
}

nb::bytes encode_submit_orders(nb::handle given) {
  std::string request;
  for (const nb::handle item : nb::iter(given)) wire::append_submit_order(request, nb::cast<const Order&>(item));
  return to_bytes(request);
}

nb::bytes events_wire(BoundExecutionEngine& self, std::int64_t from_sequence, std::size_t limit) {
  std::string message;
  {
    const nb::gil_scoped_release release;
    const auto events =
        self.engine.alone([&](const Venue& venue) { return venue.events(from_sequence, limit, std::nullopt); });
    for (const OrderEvent& event : events) wire::append_event(message, event);
  }
  return to_bytes(message);
}

}  // namespace

void bind_execution_wire(nb::module_ m, nb::class_<BoundExecutionEngine>& type) {
  type.def("submit_order_wire", &submit_order_wire, "request"_a,
           nb::sig("def submit_order_wire(self, request: bytes) -> bytes"),
           "Answers a SubmitOrderRequest with a SubmitOrderResponse; its engine and epoch are not looked at.\n\n"
           "Raises what submit_order and the order's factory raise, and InvalidArgument (MESSAGE_MALFORMED).")
      .def("submit_orders_wire", &submit_orders_wire, "request"_a,
           nb::sig("def submit_orders_wire(self, request: bytes) -> bytes"),
           "Answers a SubmitOrdersRequest with a SubmitOrdersResponse, without the GIL; engine and epoch are not looked at.\n\n"
           "Raises InvalidArgument, with nothing placed: MESSAGE_MALFORMED, or LIMIT_EXCEEDED beyond 100,000 orders.")
      .def("events_wire", &events_wire, "from_sequence"_a, "limit"_a,
           nb::sig("def events_wire(self, from_sequence: int, limit: int) -> bytes"),
           "What events() would return, as the `events` of a SubscribeOrderEventsResponse: to be appended to its bytes.");
  m.def("encode_submit_orders", &encode_submit_orders, "orders"_a,
        nb::sig("def encode_submit_orders(orders: collections.abc.Iterable[Order]) -> bytes"),
        "The orders as a SubmitOrdersRequest, or one of them as a SubmitOrderRequest, without engine and epoch: to be appended "
        "to the bytes of those.");
}

}  // namespace alphaforge::bindings
