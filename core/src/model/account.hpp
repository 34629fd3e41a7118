#pragma once

#include <optional>
#include <string>

#include "model/numbers.hpp"

namespace alphaforge {

// The account of a strategy (rule 3.30). Amounts are exact at eighteen places.
struct Account {
  std::string strategy_id;
  Value starting_cash;
  Value cash;          // starting cash plus realised profit less commissions
  Value equity;        // cash plus unrealised profit
  Value exposure;      // what its positions are worth, long and short added up
  Value net_exposure;  // the same, short ones subtracted
  // Since the engine began to keep accounts.
  std::optional<Value> drawdown;      // how far equity is below its peak
  std::optional<Value> max_drawdown;  // the largest drawdown so far
  bool is_halted = false;             // by max_loss
  bool operator==(const Account&) const = default;
};

}  // namespace alphaforge
