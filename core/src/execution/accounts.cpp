#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/int128.hpp"
#include "execution/instrument.hpp"
#include "execution/money.hpp"
#include "execution/positions.hpp"
#include "execution/venue.hpp"
#include "execution/wide_sum.hpp"
#include "model/account.hpp"
#include "model/numbers.hpp"

// The accounts of strategies (rule 3.30).

namespace alphaforge::execution {

namespace {

int128 difference(Value one, Value other) {
  WideSum sum;
  sum += one.mantissa;
  sum -= other.mantissa;
  return sum.amount();
}

void add_realized(WideSum& sum, const PositionRecord& position) {
  sum += position.realized_pnl.mantissa;
  sum -= position.commission.mantissa;
}

Value unrealized_of(const Instrument& instrument, const PositionRecord& position) {
  return unrealized_pnl(position, instrument.definition.get(), instrument.last_price).value_or(Value{});
}

}  // namespace

Value Venue::equity_of(const Strategy& strategy) const {
  WideSum equity = strategy.account.realized;
  equity += strategy.account.unrealized;
  equity += config_.starting_cash.value_or(Value{}).mantissa;
  return {equity.amount()};
}

// Begins accounts with the existing positions, or ends them.
void Venue::begin_accounts() {
  for (Instrument* instrument : instruments_by_index_) {
    instrument->holders.clear();
    instrument->is_held = false;
  }
  for (Strategy* strategy : strategies_by_index_) {
    touch(*strategy);
    strategy->account = {};
    if (!config_.has_accounts()) continue;
    count_account(*strategy);
    strategy->account.peak = strategy->account.base = equity_of(*strategy);
  }
}

// Computes the account from the positions.
void Venue::count_account(Strategy& strategy) {
  AccountRecord& account = strategy.account;
  account.realized = account.unrealized = {};
  for (auto& [instrument, position] : strategy.positions) {
    add_realized(account.realized, position);
    position.marked = unrealized_of(*instrument, position);
    account.unrealized += position.marked.mantissa;
    if (position.net_quantity == 0) continue;
    instruments_by_index_[instrument->index]->holders.push_back(&strategy);
    instruments_by_index_[instrument->index]->is_held = true;
  }
}

// A fill has changed a position.
void Venue::settle_account(Strategy& strategy, Instrument& instrument, const PositionRecord& before) {
  PositionRecord& after = strategy.positions.find(&instrument)->second;
  add_realized(strategy.account.realized, after);
  strategy.account.realized -= before.realized_pnl.mantissa;
  strategy.account.realized += before.commission.mantissa;
  if (before.net_quantity == 0 && after.net_quantity != 0) instrument.holders.push_back(&strategy);
  if (before.net_quantity != 0 && after.net_quantity == 0) std::erase(instrument.holders, &strategy);
  instrument.is_held = !instrument.holders.empty();
  mark_position(strategy, instrument, after);
}

void Venue::mark_position(Strategy& strategy, const Instrument& instrument, PositionRecord& position) {
  AccountRecord& account = strategy.account;
  const Value marked = unrealized_of(instrument, position);
  account.unrealized += marked.mantissa;
  account.unrealized -= position.marked.mantissa;
  position.marked = marked;
  const Value equity = equity_of(strategy);
  account.peak = std::max(account.peak, equity);
  account.max_drawdown.mantissa = std::max(account.max_drawdown.mantissa, difference(account.peak, equity));
  if (config_.max_loss && difference(account.base, equity) >= config_.max_loss->mantissa) account.is_halted = true;
}

// The last price has changed.
void Venue::mark_holders(Instrument& instrument) {
  for (Strategy* strategy : instrument.holders) {
    touch(*strategy);
    mark_position(*strategy, instrument, strategy->positions.find(&instrument)->second);
  }
}

// Whether the account agrees with the positions.
bool Venue::account_adds_up(const Strategy& strategy) const {
  if (!config_.has_accounts()) return true;
  WideSum realized, unrealized;
  for (const auto& [instrument, position] : strategy.positions) {
    add_realized(realized, position);
    unrealized += position.marked.mantissa;
    if (instrument->is_held == instrument->holders.empty()) return false;
    const bool is_listed = std::ranges::find(instrument->holders, &strategy) != instrument->holders.end();
    if (position.marked != unrealized_of(*instrument, position) || is_listed != (position.net_quantity != 0))
      return false;
  }
  return realized == strategy.account.realized && unrealized == strategy.account.unrealized;
}

bool Venue::resume_strategy(std::string_view strategy_id) {
  const auto found = strategies_.find(strategy_id);
  if (found == strategies_.end() || !found->second->account.is_halted) return false;
  Strategy& strategy = *found->second;
  touch(strategy);
  strategy.account.is_halted = false;
  strategy.account.base = equity_of(strategy);
  return true;
}

Account Venue::show_account(const Strategy& strategy) const {
  Account account;
  account.strategy_id = strategy.id;
  account.starting_cash = config_.starting_cash.value_or(Value{});
  WideSum cash, unrealized, net, gross;
  cash += account.starting_cash.mantissa;
  for (const auto& [instrument, position] : strategy.positions) {
    add_realized(cash, position);
    unrealized += unrealized_of(*instrument, position).mantissa;
    const Value worth = exposure(position, instrument->definition.get(), instrument->last_price).value_or(Value{});
    net += worth.mantissa;
    gross += magnitude(worth).mantissa;
  }
  account.cash = {cash.amount()};
  cash += unrealized;
  account.equity = {cash.amount()};
  account.net_exposure = {net.amount()};
  account.exposure = {gross.amount()};
  account.is_halted = strategy.account.is_halted;
  if (!config_.has_accounts()) return account;
  account.drawdown = Value{difference(strategy.account.peak, account.equity)};
  account.max_drawdown = strategy.account.max_drawdown;
  return account;
}

std::vector<Account> Venue::accounts(const std::optional<std::string>& strategy_id, const std::string& after,
                                     std::size_t limit) const {
  std::vector<const Strategy*> asked;
  for (const Strategy* strategy : strategies_of(strategy_id))
    if (after.empty() || strategy->id > after) asked.push_back(strategy);
  const auto end = asked.begin() + static_cast<std::ptrdiff_t>(std::min(limit, asked.size()));
  std::ranges::partial_sort(asked, end, {}, &Strategy::id);
  std::vector<Account> found;
  for (auto at = asked.begin(); at != end; ++at) found.push_back(show_account(**at));
  return found;
}

}  // namespace alphaforge::execution
