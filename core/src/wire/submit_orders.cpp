#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "encoding/fields.hpp"
#include "encoding/reader.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"
#include "wire/batch.hpp"
#include "wire/orders.hpp"

// The requests and answers of SubmitOrder and SubmitOrders. NewOrder has the first fields of Order.

namespace alphaforge::wire {

namespace {

constexpr std::uint32_t kOrder = 4;  // in all requests
constexpr std::uint32_t kGroupType = 30;
constexpr std::uint32_t kResults = 1;  // in SubmitOrdersResponse and SubmitOrderGroupResponse

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

}  // namespace

Order decode_submit_order(std::string_view request) {
  std::optional<Order> order;
  bool is_given = false;
  Reader in(request);
  while (in.next()) {
    if (in.field() == kOrder)
      order = decode_new_order(in.once(is_given));
    else
      in.skip();
  }
  if (!order) throw InvalidArgument(Reason::ORDER_FIELD_MISSING, "the request has no order");
  return *std::move(order);
}

std::vector<ReceivedOrder> decode_submit_orders(std::string_view request) {
  return receive_all(request, kOrder, "submits", decode_new_order);
}

OrderGroup decode_submit_group(std::string_view request) {
  auto type = OrderGroupType::kNone;
  std::vector<Order> orders;
  Reader in(request);
  while (in.next()) {
    if (in.field() == kGroupType)
      type = member_of<OrderGroupType>(in);
    else if (in.field() == kOrder && orders.size() <= kGroupOrdersMax)
      orders.push_back(decode_new_order(in.bytes()));
    else
      in.skip();
  }
  // Only the engine knows which instruments have negative prices.
  return make_order_group(type, std::move(orders), true);
}

void append_submit_group(std::string& request, const OrderGroup& group) {
  for (Order order : group.orders) {
    // The request names the group once.
    order.group_type = OrderGroupType::kNone;
    order.group_id.clear();
    append_new_order(request, kOrder, order);
  }
  FieldWriter(request).number(kGroupType, group.type);
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
