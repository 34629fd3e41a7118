#include "data/closed_bars.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/bar_history.hpp"
#include "data/checkpoint.hpp"
#include "data/config.hpp"
#include "data/instrument.hpp"
#include "data/open_bar.hpp"
#include "model/bar.hpp"
#include "model/numbers.hpp"
#include "model/trade_tick.hpp"

namespace alphaforge::data {
namespace {

// A flat bar becomes a bar of trades.
void join(KeptBar& kept, const Print& print) {
  BarFigures& bar = kept.bar;
  const Price price{print.price};
  if (bar.is_gap_fill) {
    bar.is_gap_fill = false;
    bar.open = bar.high = bar.low = bar.close = price;
    bar.ts_init = print.ts_init;
    kept.ts_least = kept.ts_greatest = print.ts_event;
  }
  if (print.ts_event < kept.ts_least) {
    kept.ts_least = print.ts_event;
    bar.open = price;
  }
  if (print.ts_event >= kept.ts_greatest) {
    kept.ts_greatest = print.ts_event;
    bar.close = price;
  }
  bar.high = std::max(bar.high, price);
  bar.low = std::min(bar.low, price);
  bar.volume.mantissa += print.quantity;
  bar.value.mantissa += print.value;
  if (print.side == AggressorSide::kBuy) bar.buy_volume.mantissa += print.quantity;
  if (print.side == AggressorSide::kSell) bar.sell_volume.mantissa += print.quantity;
  bar.trade_count += print.quantity != 0;
  bar.ts_init = std::max(bar.ts_init, print.ts_init);
  if (kept.is_uncovered) bar.is_partial = kept.ts_least != bar.ts_open;
  ++bar.revision;
}

}  // namespace

void ClosedBars::emit(Instrument& instrument, std::uint32_t type, KeptBar& kept, std::vector<Bar>& out) {
  kept.bar.sequence = ++instrument.series[type].sequence;
  kept.number = ++generated_;
  out.push_back(named(instrument, type, kept.bar));
  keep(instrument, type, kept);
}

void ClosedBars::correct(Instrument& instrument, std::uint32_t type, KeptBar& kept, const Print& print,
                         std::vector<Bar>& out) {
  if (checkpoint_.get() != nullptr) checkpoint_.get()->before_correction(instrument, type, kept);
  join(kept, print);
  ++revised_;
  out.push_back(named(instrument, type, kept.bar));
}

void ClosedBars::before_change(Instrument& instrument) const {
  if (checkpoint_.get() != nullptr) checkpoint_.get()->before_change(instrument);
}

BarSeries* ClosedBars::series_of(std::uint64_t number) const {
  Instrument* found = instrument_of_(number / kBarTypesMax);
  return found == nullptr ? nullptr : &found->series[number % kBarTypesMax];
}

void ClosedBars::keep(Instrument& instrument, std::uint32_t type, const KeptBar& kept) {
  history_.push(
      instrument.index * kBarTypesMax + type, instrument.series[type], kept,
      static_cast<std::size_t>(config_.max_bars_per_instrument),
      [this](std::uint64_t number) { return series_of(number); },
      [this](std::uint64_t number) {
        if (checkpoint_.get() != nullptr) checkpoint_.get()->before_pop_bar(number);
      });
}

void ClosedBars::adopt(Instrument& instrument) {
  for (std::size_t type = 0; type < instrument.series.size(); ++type)
    history_.adopt(instrument.index * kBarTypesMax + type, instrument.series[type]);
}

void ClosedBars::reconfigure(const EachInstrument& each_instrument) {
  history_.reconfigure(
      config_.max_memory_bytes, static_cast<std::size_t>(config_.max_bars_per_instrument),
      [this](std::uint64_t number) { return series_of(number); },
      [&](const auto& visit) {
        each_instrument(
            [&](Instrument& instrument) { std::for_each(instrument.series.begin(), instrument.series.end(), visit); });
      });
}

void ClosedBars::forget(const Instrument& instrument) {
  for (const BarSeries& series : instrument.series) history_.forget(series);
}

void ClosedBars::clear() {
  history_.clear();
  generated_ = revised_ = 0;
}

}  // namespace alphaforge::data
