#pragma once

#include <optional>
#include <string>

#include "model/numbers.hpp"

namespace alphaforge {

// What a strategy's trading has come to (rule 3.30). Amounts are exact at eighteen places.
struct Account {
  std::string strategy_id;
  Value starting_cash;
  Value cash;          // starting cash, realised profit and commissions
  Value equity;        // cash and unrealised profit
  Value exposure;      // what its positions are worth, long and short added up
  Value net_exposure;  // the same, short ones subtracted
  // Since the engine keeps accounts.
  std::optional<Value> drawdown;      // how far equity is below its greatest
  std::optional<Value> max_drawdown;  // how far it was at most
  bool is_halted = false;             // by max_loss
  bool operator==(const Account&) const = default;
};

}  // namespace alphaforge
