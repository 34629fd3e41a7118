#include "model/commission.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace alphaforge {

namespace {

constexpr std::pair<CommissionRule, std::string_view> kNames[] = {
    {kRate, "taker_rate"},    {kRate, "maker_rate"}, {kPerContract, "per_contract"},
    {kPerOrder, "per_order"}, {kMinimum, "minimum"}, {kMaximum, "maximum"},
};

}  // namespace

std::string commission_rule_text(std::uint8_t rules, bool is_maker) {
  std::string text;
  for (const auto& [rule, name] : kNames) {
    if ((rules & rule) == 0 || name == (is_maker ? "taker_rate" : "maker_rate")) continue;
    if (!text.empty()) text += '+';
    text += name;
  }
  return text;
}

std::uint8_t commission_rules_of(std::string_view text) {
  unsigned rules = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('+');
    for (const auto& [rule, name] : kNames)
      if (text.substr(0, end) == name) rules |= rule;
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return static_cast<std::uint8_t>(rules);
}

}  // namespace alphaforge
