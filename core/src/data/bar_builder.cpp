#include "data/bar_builder.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/frames.hpp"
#include "base/int128.hpp"
#include "base/time.hpp"
#include "data/closed_bars.hpp"
#include "data/config.hpp"
#include "data/instrument.hpp"
#include "data/open_bar.hpp"
#include "data/tick_run.hpp"
#include "model/bar.hpp"
#include "model/bar_type.hpp"
#include "model/grid.hpp"

namespace alphaforge::data {

BarBuilder::BarBuilder(const DataEngineConfig& config, InstrumentOf instrument_of,
                       const CheckpointSlot<Checkpoint>& checkpoint)
    : config_(config),
      types_(parse_bar_types(config.bar_types)),
      clocks_{parse_time_zones(config.time_zones), parse_calendars(config.calendars)},
      closed_(config_, types_, std::move(instrument_of), checkpoint),
      time_bars_(config_, closed_),
      arrival_bars_(config_, closed_) {
  number_types();
}

int BarBuilder::index_of(const BarType& type) const {
  for (std::size_t i = 0; i < types_.size(); ++i)
    if (*types_[i] == type) return static_cast<int>(i);
  return -1;
}

// The time zones and calendars that types name, each once, in the order of the types.
std::vector<std::string> BarBuilder::named_clocks() const {
  std::vector<std::string> names;
  for (const auto& type : types_)
    if (!type->zone.empty() && type->zone != "UTC" && std::ranges::find(names, type->zone) == names.end())
      names.push_back(type->zone);
  return names;
}

// Types are only appended, so that the state of existing ones keeps its position.
void BarBuilder::number_types() {
  for (std::size_t i = numbers_.size(); i < types_.size(); ++i) {
    numbers_.push_back(is_time_type(i) ? time_bars_.size() : arrival_bars_.size());
    if (is_time_type(i))
      time_bars_.add_type(static_cast<std::uint32_t>(i), *types_[i], clocks_);
    else
      arrival_bars_.add_type(static_cast<std::uint32_t>(i), *types_[i]);
  }
}

void BarBuilder::add_type(std::shared_ptr<const BarType> type) {
  config_.bar_types.push_back(type->name);
  types_.push_back(std::move(type));
  number_types();
}

void BarBuilder::prepare(Instrument& instrument) const {
  const std::size_t known = instrument.bars.size();
  instrument.series.resize(types_.size());
  instrument.bars.resize(types_.size());
  arrival_bars_.prepare(instrument, known);
  time_bars_.prepare(instrument);
}

void BarBuilder::reconfigure(const DataEngineConfig& config, const EachInstrument& each_instrument) {
  config_ = config;
  time_bars_.regrid(types_, clocks_);
  closed_.reconfigure(each_instrument);
  // Quiet intervals may now have to be filled: the next tick or advance_time() takes the slow path.
  each_instrument([this](Instrument& instrument) {
    instrument.flush_pending();
    time_bars_.extend(instrument);
    time_bars_.expect_close(instrument);
    instrument.next_end = kNoTime;
  });
}

std::optional<bool> BarBuilder::apply(Instrument& instrument, const Print& print, std::vector<Bar>& out) {
  // No bar's value exceeds the sum over all ticks, nor its volume the value, as long as prices are above 0 and that sum
  // fits; after that, each bar is checked.
  if (instrument.checks_bars || print.price <= 0 ||
      !sum_fits(static_cast<int128>(instrument.sums.amount[kValue]), print.value)) {
    if (!time_bars_.fits(instrument, print) || !arrival_bars_.fits(instrument, print)) return std::nullopt;
    instrument.checks_bars = true;
    instrument.next_end = kNoTime;
  }
  const bool is_late = time_bars_.apply(instrument, print, out);
  arrival_bars_.apply(instrument, print, out);
  instrument.sums.add(print);
  open_run(instrument);
  return is_late;
}

// After a tick on the slow path: the limits within which following ticks close no bar.
void BarBuilder::open_run(Instrument& instrument) const {
  // An empty time bar begins with a tick on the slow path.
  if (arrival_bars_.has_range_type() || !time_bars_.all_open(instrument)) return;
  constexpr uint128 kValueMax = uint128{1} << 126;
  Room room{.ticks = INT64_MAX,
            .quantity = INT64_MAX,
            .value = kValueMax - std::min(kValueMax, instrument.sums.amount[kValue])};
  arrival_bars_.limit(instrument, room);
  instrument.room = room;
  instrument.run.open(instrument.market_time, std::min(instrument.next_end, kTimeEnd), room);
}

void BarBuilder::flush(Instrument& instrument, std::vector<Bar>& out) {
  for (std::size_t i = 0; i < types_.size(); ++i) {
    if (instrument.bars[i].empty()) continue;
    if (is_time_type(i))
      time_bars_.flush(instrument, numbers_[i], out);
    else
      arrival_bars_.flush(instrument, numbers_[i], out);
  }
}

std::vector<Bar> BarBuilder::open_bars(const Instrument& instrument) const {
  std::vector<Bar> bars;
  for (std::size_t i = 0; i < types_.size(); ++i) {
    if (instrument.bars[i].empty()) continue;
    const BarFigures figures = is_time_type(i) ? time_bars_.open_bar(instrument, numbers_[i])
                                               : arrival_bars_.open_bar(instrument, numbers_[i]);
    bars.push_back(named(instrument, i, figures));
    bars.back().sequence = instrument.series[i].sequence + 1;
  }
  return bars;
}

void BarBuilder::clear() {
  closed_.clear();
  time_bars_.clear();
}

}  // namespace alphaforge::data
