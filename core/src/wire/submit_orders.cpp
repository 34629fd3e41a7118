#include "base/error.hpp"
#include "wire/fields.hpp"
#include "wire/orders.hpp"

// The requests and answers of SubmitOrder and SubmitOrders. NewOrder has the first fields of Order.

namespace alphaforge::wire {

namespace {

constexpr std::uint32_t kOrder = 4;    // in both requests
constexpr std::uint32_t kResults = 1;  // in SubmitOrdersResponse

void write_answer(FieldWriter& out, const SubmitAnswer& answer) {
  out.text(1, answer.order_id);
  if (answer.error) {
    out.number(5, *answer.error);
    out.text(6, answer.error_message);
    return;
  }
  out.number(2, answer.status);
  out.number(3, answer.reject_reason);
  out.flag(4, answer.is_repeat);
}

// Bytes that are no message are the request's fault, all else is the order's own.
ReceivedOrder receive(std::string_view message) {
  ReceivedOrder received;
  try {
    received.order = decode_new_order(message);
  } catch (const InvalidArgument& error) {
    if (error.reason() == Reason::MESSAGE_MALFORMED) throw;
    received.error = error.reason();
    received.error_message = error.what();
    Reader in(message);
    while (in.next()) {
      if (in.field() == 1)
        received.order.order_id = text_of(in);
      else
        in.skip();
    }
  }
  return received;
}

}  // namespace

Order decode_submit_order(std::string_view request) {
  std::optional<Order> order;
  Reader in(request);
  while (in.next()) {
    if (in.field() == kOrder)
      order = decode_new_order(in.bytes());
    else
      in.skip();
  }
  if (!order) throw InvalidArgument(Reason::ORDER_FIELD_MISSING, "the request has no order");
  return *std::move(order);
}

std::vector<ReceivedOrder> decode_submit_orders(std::string_view request) {
  std::vector<ReceivedOrder> orders;
  Reader in(request);
  while (in.next()) {
    if (in.field() == kOrder)
      orders.push_back(receive(in.bytes()));
    else
      in.skip();
  }
  return orders;
}

void append_submit_order(std::string& request, const Order& order) { append_new_order(request, kOrder, order); }

std::string encode_submit_answer(const SubmitAnswer& answer) {
  std::string response;
  FieldWriter out(response);
  write_answer(out, answer);
  return response;
}

void append_submit_answer(std::string& response, const SubmitAnswer& answer) {
  FieldWriter(response).message(kResults, [&](FieldWriter& inner) { write_answer(inner, answer); });
}

}  // namespace alphaforge::wire
