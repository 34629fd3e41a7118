// Queries: nothing here changes the state.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "data/aggregator.hpp"
#include "data/bar_history.hpp"
#include "data/counters.hpp"
#include "data/instrument.hpp"
#include "data/interval.hpp"
#include "data/open_bar.hpp"
#include "data/tick_run.hpp"
#include "model/bar.hpp"
#include "model/bar_type.hpp"

namespace alphaforge::data {

std::vector<Bar> Aggregator::get_bars(std::string_view instrument_id, std::string_view bar_type,
                                      const BarFilter& filter) const {
  const BarType type = BarType::parse(bar_type);
  const int index = builder_.index_of(type);
  if (index < 0)
    throw InvalidArgument(Reason::BAR_TYPE_UNKNOWN, "bar type " + type.name + " is not among those of this engine");
  const Instrument* instrument = book_.find(instrument_id);
  std::vector<Bar> bars;
  if (instrument == nullptr) return bars;
  const BarSeries& series = instrument->series[static_cast<std::size_t>(index)];
  std::size_t begin = 0;
  std::size_t end = series.size_before(filter.before_sequence);
  if (series.is_ordered()) {
    if (filter.start) begin = series.first_since(*filter.start);
    if (filter.end) end = std::min(end, series.first_since(*filter.end));
  }
  // From the newest, so that the cost is that of the bars returned.
  for (std::size_t i = end; i > begin && bars.size() < filter.limit;) {
    --i;
    const BarFigures& bar = series[i].bar;
    if ((!filter.start || bar.ts_open >= *filter.start) && (!filter.end || bar.ts_open < *filter.end))
      bars.push_back(builder_.named(*instrument, static_cast<std::size_t>(index), bar));
  }
  std::reverse(bars.begin(), bars.end());
  return bars;
}

std::vector<Bar> Aggregator::open_bars(std::string_view instrument_id) const {
  Instrument* instrument = book_.find(instrument_id);
  if (instrument == nullptr) return {};
  instrument->flush_pending();
  return builder_.open_bars(*instrument);
}

std::vector<std::string> Aggregator::instruments() const {
  std::vector<std::string> ids;
  book_.each([&](const Instrument& instrument) { ids.push_back(*instrument.id); });
  return ids;
}

std::vector<Aggregator::Listed> Aggregator::instruments(std::uint64_t skipped, std::size_t limit) const {
  std::vector<Listed> listed;
  std::uint64_t number = 0;
  // A forgotten instrument leaves its number unused; if none was forgotten, numbers are positions.
  if (book_.numbers() == book_.size()) number = std::exchange(skipped, 0);
  for (; number < book_.numbers() && listed.size() < limit; ++number) {
    Instrument* instrument = book_.at(number);
    if (instrument == nullptr) continue;
    if (skipped != 0) {
      --skipped;
      continue;
    }
    instrument->flush_pending();
    listed.push_back({*instrument->id, std::max(instrument->market_time, builder_.clock())});
  }
  return listed;
}

std::optional<std::int64_t> Aggregator::market_time(std::string_view instrument_id) const {
  Instrument* instrument = book_.find(instrument_id);
  if (instrument == nullptr) return std::nullopt;
  instrument->flush_pending();
  // advance_time() moves all instruments, without a visit to each.
  return std::max(instrument->market_time, builder_.clock());
}

DataEngineStatistics Aggregator::statistics(std::int64_t now_ns) const {
  std::uint64_t memory_bytes = builder_.history().bytes();
  const std::uint64_t bytes_each = sizeof(Instrument) + sizeof(TickRun) +
                                   builder_.types().size() * (sizeof(OpenBar) + sizeof(Interval) + sizeof(BarSeries));
  book_.each([&](const Instrument& instrument) { memory_bytes += bytes_each + instrument.seen.memory_bytes(); });
  DataEngineStatistics statistics;
  statistics.ticks_processed = ticks_processed_;
  statistics.bars_generated = builder_.bars_generated();
  statistics.processing_rate = meter_.rate(now_ns);
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

void Aggregator::validate() const {
  std::uint64_t bars_kept = 0;
  std::uint64_t ids_kept = 0;
  book_.each([&](Instrument& instrument) {
    instrument.flush_pending();
    ids_kept += instrument.seen.size();
    for (const Bar& bar : builder_.open_bars(instrument)) {
      demand(bar.low <= bar.open && bar.open <= bar.high && bar.low <= bar.close && bar.close <= bar.high,
             "a price lies outside its bar");
      demand(bar.volume.mantissa >= 0 && (bar.value.mantissa >= 0 || instrument.checks_bars) && bar.trade_count >= 0,
             "a sum is negative");
      if (closes_by_time(bar.bar_type->kind))
        // Bars that advance_time() has left close with its next call.
        demand(bar.ts_event > instrument.market_time, "an open bar has ended");
      else
        demand(bar.volume.mantissa > 0, "an open bar has no volume");
    }
    for (const BarSeries& series : instrument.series) {
      bars_kept += series.size();
      for (std::size_t i = 1; i < series.size(); ++i)
        demand(series[i].bar.sequence == series[i - 1].bar.sequence + 1, "a bar's sequence has a gap");
      demand(series.size() == 0 || series[series.size() - 1].bar.sequence == series.sequence,
             "the last bar is not the newest");
    }
  });
  demand(bars_kept == builder_.history().bars(), "kept bars are miscounted");
  demand(ids_kept == duplicates_.entries(), "remembered trade ids are miscounted");
}

}  // namespace alphaforge::data
