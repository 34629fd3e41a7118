#include "data/arrival_bars.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/int128.hpp"
#include "data/bar_history.hpp"
#include "data/closed_bars.hpp"
#include "data/config.hpp"
#include "data/instrument.hpp"
#include "data/open_bar.hpp"
#include "data/tick_run.hpp"
#include "model/bar.hpp"
#include "model/bar_type.hpp"

namespace alphaforge::data {
namespace {

uint128 magnitude(int128 number) {
  return number < 0 ? uint128{0} - static_cast<uint128>(number) : static_cast<uint128>(number);
}

// What a print adds to the sum that a tick, volume or dollar bar counts; negative at a negative price.
uint128 amount_in(const Print& print, BarKind kind) {
  if (kind == BarKind::kTick) return print.quantity != 0;
  return static_cast<uint128>(kind == BarKind::kVolume ? print.quantity : print.value);
}

// What a print adds to the progress, which ignores the sign of its price (rule 2.18).
uint128 progress_in(const Print& print, BarKind kind) {
  return kind == BarKind::kDollar ? magnitude(print.value) : amount_in(print, kind);
}

// The part of a quantity that a bar takes: a tick bar takes all, a volume bar what it needs to reach exactly its step,
// and a dollar bar the smallest quantity, at least 1e-9, that brings its progress to the step, or all at a price of 0.
int128 part_of(BarKind kind, uint128 progress, int128 left, int128 step, std::int64_t price) {
  if (kind == BarKind::kTick) return left;
  if (kind == BarKind::kVolume) return std::min(left, step - static_cast<int128>(progress));
  if (price == 0) return left;
  // Values have eighteen places and prices nine, so that the quotient has the nine of a quantity.
  const bool is_full = progress >= static_cast<uint128>(step);
  return std::min(left,
                  is_full ? 1 : (step - static_cast<int128>(progress) - 1) / static_cast<int128>(magnitude(price)) + 1);
}

uint128 progress_with(BarKind kind, uint128 progress, int128 part, std::int64_t price) {
  if (kind == BarKind::kTick) return progress + 1;
  return progress + (kind == BarKind::kVolume ? static_cast<uint128>(part) : magnitude(part * price));
}

// Whether a print would close more than `bars_max` bars of a type.
bool ends_too_many(BarKind kind, uint128 progress, const Print& print, int128 step, std::int64_t bars_max) {
  if (kind == BarKind::kTick) return false;
  // Each dollar bar that closes uses up one step of value and at least 1e-9: there are min(units, total / step) of
  // them. At a price of 0, one takes all.
  if (kind == BarKind::kDollar && (print.quantity <= bars_max || print.price == 0)) return false;
  uint128 limit;
  return !__builtin_mul_overflow(static_cast<uint128>(step), static_cast<uint128>(bars_max) + 1, &limit) &&
         progress + progress_in(print, kind) >= limit;
}

}  // namespace

void ArrivalBars::prepare(Instrument& instrument, std::size_t known) const {
  // The progress of a type counts from when it was added.
  for (const Type& type : types_)
    if (type.index >= known && type.kind != BarKind::kRange)
      instrument.bars[type.index].progress_base = instrument.sums.amount[amount_of(type.kind)];
}

[[gnu::always_inline]] inline ArrivalBars::Share ArrivalBars::share_of(const Instrument& instrument, const Type& type,
                                                                       const Print& print) const {
  const auto step = static_cast<uint128>(type.step);
  if (type.kind == BarKind::kRange) return {print.quantity, step, false};
  const uint128 before = progress_of(instrument, type);
  if (ends_too_many(type.kind, before, print, type.step, config_.max_bars_per_tick))
    return {print.quantity, step, true};
  const int128 part = part_of(type.kind, before, print.quantity, type.step, print.price);
  return {part, progress_with(type.kind, before, part, print.price), false};
}

bool ArrivalBars::fits(const Instrument& instrument, const Print& print) const {
  return std::ranges::all_of(types_, [&](const Type& type) {
    const OpenBar& bar = instrument.bars[type.index];
    if (bar.empty()) return true;
    const Sums sums = instrument.sums - bar.base;
    const int128 quantity = share_of(instrument, type, print).quantity;
    return sum_fits(static_cast<int128>(sums.amount[kValue]), quantity * print.price) &&
           sum_fits(static_cast<int128>(sums.amount[kVolume]), quantity);
  });
}

void ArrivalBars::apply(Instrument& instrument, const Print& print, std::vector<Bar>& out) {
  if (print.quantity == 0) return;  // only time bars use a price without a quantity
  for (const Type& type : types_) {
    OpenBar& bar = instrument.bars[type.index];
    if (bar.empty()) bar.begin(print.price, print.ts_event, instrument.sums);
    bar.ts_least = std::min(bar.ts_least, print.ts_event);
    bar.ts_greatest = std::max(bar.ts_greatest, print.ts_event);
    bar.close = print.price;
    bar.reach(print);
    // The range includes the print already, the sums do not.
    const uint128 amount = type.kind == BarKind::kRange ? 0 : progress_in(print, type.kind);
    if (progress_of(instrument, type) + amount >= static_cast<uint128>(type.step))
      close(instrument, type, print, out);
    else if (print.value < 0 && type.kind == BarKind::kDollar) [[unlikely]]
      // The sum is about to fall by `amount`, but progress, counted from the base, must grow by as much.
      bar.progress_base -= amount + amount;
  }
}

// Splits a print among the bar that it closes and those that it begins, each at the print's price. The first part
// counts as the trade.
void ArrivalBars::close(Instrument& instrument, const Type& type, const Print& print, std::vector<Bar>& out) {
  const Share first = share_of(instrument, type, print);
  OpenBar& bar = instrument.bars[type.index];
  const auto step = static_cast<uint128>(type.step);
  Sums taken = instrument.sums - bar.base;
  taken.add(print, first.quantity, first.quantity * print.price, true);
  emit(instrument, type, taken, first.is_oversize, out);
  if (type.kind == BarKind::kRange) return;
  taken = Sums();
  uint128 progress = first.progress - step;
  for (int128 left = print.quantity - first.quantity; left != 0;) {
    if (bar.empty()) {
      bar.begin(print.price, print.ts_event, Sums());
      bar.reach(print);
    }
    const int128 part = part_of(type.kind, progress, left, type.step, print.price);
    taken.add(print, part, part * print.price, false);
    left -= part;
    progress = progress_with(type.kind, progress, part, print.price);
    if (progress < step) continue;
    progress -= step;
    emit(instrument, type, taken, false, out);
    taken = Sums();
  }
  if (!bar.empty()) {
    Sums after = instrument.sums;
    after.add(print);
    bar.base = after - taken;
  }
  bar.progress_base = instrument.sums.amount[amount_of(type.kind)] + amount_in(print, type.kind) - progress;
}

void ArrivalBars::emit(Instrument& instrument, const Type& type, const Sums& sums, bool is_oversize,
                       std::vector<Bar>& out) {
  OpenBar& bar = instrument.bars[type.index];
  KeptBar kept = kept_of(bar, bar.figures(sums));
  kept.bar.is_oversize = is_oversize;
  bar.end();
  closed_.emit(instrument, type.index, kept, out);
}

void ArrivalBars::limit(const Instrument& instrument, Room& room) const {
  for (const Type& type : types_) {
    const uint128 progress = progress_of(instrument, type);
    // Progress beyond the step is that of a dollar bar that began with the excess of another.
    const uint128 left = static_cast<uint128>(type.step) - std::min(progress, static_cast<uint128>(type.step));
    if (type.kind == BarKind::kTick)
      room.ticks = static_cast<std::int64_t>(std::min(static_cast<uint128>(room.ticks), left == 0 ? 0 : left - 1));
    else if (type.kind == BarKind::kVolume)
      room.quantity = static_cast<std::int64_t>(std::min(static_cast<uint128>(room.quantity), left));
    else
      room.value = std::min(room.value, left);
  }
}

BarFigures ArrivalBars::open_bar(const Instrument& instrument, std::uint32_t number) const {
  const OpenBar& bar = instrument.bars[types_[number].index];
  return bar.figures(instrument.sums - bar.base);
}

void ArrivalBars::flush(Instrument& instrument, std::uint32_t number, std::vector<Bar>& out) {
  const Type& type = types_[number];
  OpenBar& bar = instrument.bars[type.index];
  KeptBar kept = kept_of(bar, open_bar(instrument, number));
  kept.bar.is_partial = true;
  bar.end();
  if (type.kind != BarKind::kRange) bar.progress_base = instrument.sums.amount[amount_of(type.kind)];
  closed_.emit(instrument, type.index, kept, out);
}

}  // namespace alphaforge::data
