// What the data engine tells about itself; nothing here changes it.
#include <algorithm>

#include "base/error.hpp"
#include "data/engine.hpp"

namespace alphaforge::data {

std::vector<Bar> DataEngine::get_bars(std::string_view instrument_id, std::string_view bar_type, std::optional<std::size_t> limit,
                                      std::optional<std::int64_t> start, std::optional<std::int64_t> end) const {
  const BarType type = BarType::parse(bar_type);
  const std::scoped_lock lock(mutex_);
  const int index = builder_.index_of(type);
  if (index < 0)
    throw InvalidArgument(Reason::BAR_TYPE_UNKNOWN, "bar type " + type.name + " is not among those of this engine");
  const Instrument* instrument = book_.find(instrument_id);
  std::vector<Bar> bars;
  if (instrument == nullptr) return bars;
  const BarSeries& series = instrument->series[static_cast<std::size_t>(index)];
  // From the newest, so that a limit costs what it returns.
  for (std::size_t i = series.size(); i-- != 0 && (!limit || bars.size() < *limit);) {
    const BarFigures& bar = series[i].bar;
    if ((!start || bar.ts_open >= *start) && (!end || bar.ts_open < *end))
      bars.push_back(builder_.named(*instrument, static_cast<std::size_t>(index), bar));
  }
  std::reverse(bars.begin(), bars.end());
  return bars;
}

std::vector<Bar> DataEngine::open_bars(std::string_view instrument_id) const {
  const std::scoped_lock lock(mutex_);
  Instrument* instrument = book_.find(instrument_id);
  if (instrument == nullptr) return {};
  instrument->settle();
  return builder_.open_bars(*instrument);
}

std::vector<std::string> DataEngine::instruments() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> ids;
  book_.each([&](const Instrument& instrument) { ids.push_back(*instrument.id); });
  return ids;
}

std::optional<std::int64_t> DataEngine::market_time(std::string_view instrument_id) const {
  const std::scoped_lock lock(mutex_);
  Instrument* instrument = book_.find(instrument_id);
  if (instrument == nullptr) return std::nullopt;
  instrument->settle();
  // advance_time() moves all instruments, without a visit to each.
  return std::max(instrument->market_time, builder_.clock());
}

DataEngineStatistics DataEngine::statistics(std::int64_t now_ns) const {
  const std::scoped_lock lock(mutex_);
  std::uint64_t memory_bytes = builder_.history().bytes();
  const std::uint64_t bytes_each = sizeof(Instrument) + sizeof(TickRun) + builder_.types().size() * (sizeof(OpenBar) + sizeof(Interval) + sizeof(BarSeries));
  book_.each([&](const Instrument& instrument) { memory_bytes += bytes_each + instrument.seen.memory_bytes(); });
  DataEngineStatistics statistics;
  statistics.ticks_processed = ticks_processed_;
  statistics.bars_generated = builder_.bars_generated();
  statistics.processing_rate = meter_.rate(now_ns);
  statistics.avg_processing_latency_ns = meter_.latency_ns();
  statistics.memory_usage_bytes = memory_bytes;
  statistics.ticks_rejected = ticks_rejected_;
  statistics.late_ticks = late_ticks_;
  statistics.duplicate_ticks = duplicate_ticks_;
  statistics.instruments = book_.size();
  return statistics;
}

namespace {

void demand(bool holds, const char* what) {
  if (!holds) throw EngineError(Reason::INTERNAL, std::string("the data engine's state contradicts itself: ") + what);
}

}  // namespace

void DataEngine::validate() const {
  const std::scoped_lock lock(mutex_);
  validate_locked();
}

void DataEngine::validate_locked() const {
  std::uint64_t bars_kept = 0;
  std::uint64_t ids_kept = 0;
  book_.each([&](Instrument& instrument) {
    instrument.settle();
    ids_kept += instrument.seen.size();
    for (const Bar& bar : builder_.open_bars(instrument)) {
      demand(bar.low <= bar.open && bar.open <= bar.high && bar.low <= bar.close && bar.close <= bar.high, "a price lies outside its bar");
      demand(bar.volume.mantissa >= 0 && bar.value.mantissa >= 0 && bar.trade_count >= 0, "a sum is negative");
      if (bar.bar_type->kind == BarKind::kTime)
        demand(bar.ts_event > builder_.clock() && bar.ts_event > instrument.market_time, "an open bar has ended");
      else
        demand(bar.volume.mantissa > 0, "an open bar has no volume");
    }
    for (const BarSeries& series : instrument.series) {
      bars_kept += series.size();
      for (std::size_t i = 1; i < series.size(); ++i)
        demand(series[i].bar.sequence == series[i - 1].bar.sequence + 1, "a bar's sequence has a gap");
      demand(series.size() == 0 || series[series.size() - 1].bar.sequence == series.sequence, "the last bar is not the newest");
    }
  });
  demand(bars_kept == builder_.history().bars(), "kept bars are miscounted");
  demand(ids_kept == duplicates_.entries(), "remembered trade ids are miscounted");
}

}  // namespace alphaforge::data
