#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/reason.hpp"
#include "model/order_change.hpp"
#include "wire/batch.hpp"

// The request and the answer of ModifyOrders, as messages of alphaforge.execution.v1.

namespace alphaforge::wire {

using ReceivedChange = Received<OrderChange>;

// ModifyOrdersRequest: engine, epoch and request id are skipped. Throws InvalidArgument: MESSAGE_MALFORMED,
// LIMIT_EXCEEDED beyond kOrdersPerMessageMax changes.
std::vector<ReceivedChange> decode_modify_orders(std::string_view request);
// One more change of a ModifyOrdersRequest.
void append_change(std::string& request, const OrderChange& change);

// One more result of a ModifyOrdersResponse.
void append_modify_answer(std::string& response, std::string_view order_id, bool modified);
void append_modify_answer(std::string& response, std::string_view order_id, Reason error, std::string_view message);

}  // namespace alphaforge::wire
