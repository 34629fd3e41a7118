#include "wire/changes.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/reason.hpp"
#include "encoding/fields.hpp"
#include "encoding/reader.hpp"
#include "model/numbers.hpp"
#include "model/order_change.hpp"
#include "wire/batch.hpp"

namespace alphaforge::wire {

namespace {

constexpr std::uint32_t kChanges = 4;  // in ModifyOrdersRequest
constexpr std::uint32_t kResults = 1;  // in ModifyOrdersResponse

OrderChange decode_change(std::string_view message) {
  OrderChange change;
  Reader in(message);
  while (in.next()) switch (in.field()) {
      case 1:
        change.order_id = text_of(in);
        break;
      case 2:
        change.quantity = quantity_of(in, "quantity");
        break;
      case 3:
        change.price = price_of(in, "price");
        break;
      case 4:
        change.stop_price = price_of(in, "stop_price");
        break;
      default:
        in.skip();
    }
  return change;
}

}  // namespace

std::vector<ReceivedChange> decode_modify_orders(std::string_view request) {
  return receive_all(request, kChanges, "changes", decode_change);
}

void append_change(std::string& request, const OrderChange& change) {
  FieldWriter(request).message(kChanges, [&](FieldWriter& inner) {
    inner.text(1, change.order_id);
    if (change.quantity) inner.optional_text(2, to_string(*change.quantity));
    inner.price(3, change.price);
    inner.price(4, change.stop_price);
  });
}

void append_modify_answer(std::string& response, std::string_view order_id, bool modified) {
  FieldWriter(response).message(kResults, [&](FieldWriter& inner) {
    inner.text(1, order_id);
    inner.flag(2, modified);
  });
}

void append_modify_answer(std::string& response, std::string_view order_id, Reason error, std::string_view message) {
  FieldWriter(response).message(kResults, [&](FieldWriter& inner) {
    inner.text(1, order_id);
    inner.number(3, error);
    inner.text(4, message);
  });
}

}  // namespace alphaforge::wire
