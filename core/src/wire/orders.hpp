#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/reason.hpp"
#include "model/order.hpp"
#include "model/order_group.hpp"
#include "wire/batch.hpp"

// Orders, fills, positions and order events as the messages of alphaforge.execution.v1, byte for byte what protobuf
// would write. Decoding throws InvalidArgument: MESSAGE_MALFORMED, and for a number what parse_decimal throws.

namespace alphaforge::wire {

std::string encode_order(const Order& order);
Order decode_order(std::string_view message);

std::string encode_fill(const Fill& fill);
Fill decode_fill(std::string_view message);

std::string encode_position(const Position& position);
Position decode_position(std::string_view message);

std::string encode_event(const OrderEvent& event);
OrderEvent decode_event(std::string_view message);

// NewOrder: an order without its state.
void append_new_order(std::string& message, std::uint32_t field, const Order& order);
Order decode_new_order(std::string_view message);

using ReceivedOrder = Received<Order>;

// The result of one order: fields of SubmitOrderResponse and of SubmitResult, which share their numbers.
struct SubmitAnswer {
  std::string_view order_id;
  OrderStatus status = OrderStatus::kInitialized;
  RejectReason reject_reason = RejectReason::kNone;
  bool is_repeat = false;
  std::optional<Reason> error;  // then only order_id and message count
  std::string_view error_message;
};

// SubmitOrderRequest, SubmitOrdersRequest: engine and epoch are skipped. The first throws if the order is malformed or
// missing; the second LIMIT_EXCEEDED beyond kOrdersPerMessageMax orders.
Order decode_submit_order(std::string_view request);
std::vector<ReceivedOrder> decode_submit_orders(std::string_view request);
// SubmitOrderGroupRequest. Throws what make_order_group throws.
OrderGroup decode_submit_group(std::string_view request);
// Such a request without engine and epoch.
void append_submit_group(std::string& request, const OrderGroup& group);
// A SubmitOrderRequest without engine and epoch; one more order of a SubmitOrdersRequest. The bytes are the same.
void append_submit_order(std::string& request, const Order& order);

std::string encode_submit_answer(const SubmitAnswer& answer);  // SubmitOrderResponse
// One more result of a SubmitOrdersResponse or SubmitOrderGroupResponse.
void append_submit_answer(std::string& response, const SubmitAnswer& answer);

}  // namespace alphaforge::wire
