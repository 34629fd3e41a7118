#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/numbers.hpp"

namespace alphaforge {

// What makes up a fill's commission, as a sum of these (rule 3.29). The numbers are those of snapshots.
enum CommissionRule : std::uint8_t {
  kRate = 1,
  kPerContract = 2,
  kPerOrder = 4,
  kMinimum = 8,
  kMaximum = 16,
};
inline constexpr int kCommissionRulesMax = 31;

// What an instrument's orders are charged; amounts with nine places.
struct CommissionTerms {
  // At nine places, between -1 and 1; absent: the engine's.
  std::optional<std::int64_t> maker_rate;
  std::optional<std::int64_t> taker_rate;
  Price per_contract;
  Price per_order;
  // Limits per order.
  std::optional<Price> least;
  std::optional<Price> most;
  bool operator==(const CommissionTerms&) const = default;
};

// "taker_rate+per_order", "maker_rate", "per_contract+minimum"; empty for 0.
std::string commission_rule_text(std::uint8_t rules, bool is_maker);
// The reverse; ignores unknown rules.
std::uint8_t commission_rules_of(std::string_view text);

}  // namespace alphaforge
