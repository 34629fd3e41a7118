#pragma once

#include <optional>
#include <string>

#include "model/numbers.hpp"

namespace alphaforge {

// A change of one order (rule 3.11); absent fields are unchanged. `quantity` is the new total.
struct OrderChange {
  std::string order_id;
  std::optional<Quantity> quantity;
  std::optional<Price> price;
  std::optional<Price> stop_price;
  bool operator==(const OrderChange&) const = default;
};

}  // namespace alphaforge
