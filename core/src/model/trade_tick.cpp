#include "model/trade_tick.hpp"

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "model/names.hpp"

namespace alphaforge {

std::string_view name_of(AggressorSide side) {
  switch (side) {
    case AggressorSide::kNone:
      return "NONE";
    case AggressorSide::kBuy:
      return "BUY";
    case AggressorSide::kSell:
      return "SELL";
  }
  return "NONE";
}

AggressorSide aggressor_side_of(std::string_view name) {
  if (name == "BUY") return AggressorSide::kBuy;
  if (name == "SELL") return AggressorSide::kSell;
  if (name == "NONE") return AggressorSide::kNone;
  throw InvalidArgument(Reason::ENUM_UNKNOWN, "aggressor_side '" + std::string(name.substr(0, 20)) +
                                                  "' is unknown; expected BUY, SELL or NONE");
}

void check_names(std::string_view instrument_id, std::string_view trade_id) {
  check_name(instrument_id, "instrument_id", kInstrumentIdBytesMax);
  check_optional_name(trade_id, "trade_id", kTradeIdBytesMax);
}

}  // namespace alphaforge
