#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "data/lazy_heap.hpp"
#include "model/bar.hpp"

namespace alphaforge::data {

// A closed bar, with the data that corrections by late ticks need. Its names are those of its series.
struct KeptBar {
  BarFigures bar;
  std::int64_t ts_least = 0;     // ts_event of the tick that opened it
  std::int64_t ts_greatest = 0;  // ts_event of the tick that closed it
  bool is_uncovered = false;     // partial unless a tick lies on its start
  std::uint32_t checkpoint = 0;  // the last checkpoint that wrote it before its turn
  std::uint64_t number = 0;      // among all bars of the engine: the order of eviction
};

// The closed bars of one instrument and type, oldest first: a ring of blocks. It grows by a block as it fills, so that
// no bar costs more than moving a block, however many there are.
class BarSeries {
 public:
  std::size_t size() const { return size_; }
  const KeptBar& operator[](std::size_t i) const { return slot(i); }
  KeptBar& operator[](std::size_t i) { return slot(i); }
  const KeptBar& front() const { return slot(0); }
  KeptBar& front() { return slot(0); }
  // The number of its bars with a sequence below `limit`; the sequences of a series are consecutive and end at
  // `sequence`.
  std::size_t size_before(std::int64_t limit) const {
    return static_cast<std::size_t>(
        std::clamp<std::int64_t>(limit - first_sequence(), 0, static_cast<std::int64_t>(size_)));
  }

  void push_back(const KeptBar& kept);
  void pop_front();
  // The sequence of its first bar, and a bar by its sequence.
  std::int64_t first_sequence() const { return size_ == 0 ? sequence + 1 : front().bar.sequence; }
  KeptBar& at(std::int64_t number) { return (*this)[static_cast<std::size_t>(number - first_sequence())]; }
  // The first bar that began at `ts_open` or later, provided that each bar began no earlier than the one before it.
  // That may not hold for tick, volume and dollar bars, if ticks were out of order.
  bool is_ordered() const { return is_ordered_; }
  std::size_t first_since(std::int64_t ts_open) const;
  // Makes room in an empty series for restored bars, to be filled in through at(); each has a number once it is there.
  void restore(std::int64_t last_sequence, std::size_t size);
  // Call when all bars of the restored series are there.
  void restored();

  // The sequences that a checkpoint has still to write: [next, end).
  struct Pending {
    std::int64_t next = 0;
    std::int64_t end = 0;
  };
  Pending pending;

  // The sequence of the last bar that took one.
  std::int64_t sequence = 0;
  LazyHeap<std::uint64_t>::Ticket ticket;

 private:
  static constexpr std::size_t kBlock = 64;

  KeptBar& slot(std::size_t i) const {
    std::size_t place = first_ + i;
    if (place >= capacity_) place -= capacity_;
    return blocks_[place / kBlock][place % kBlock];
  }
  void grow();
  void note_order(const KeptBar& newest) {
    is_ordered_ = is_ordered_ && newest.bar.ts_open >= latest_open_;
    latest_open_ = std::max(latest_open_, newest.bar.ts_open);
  }

  // Each has kBlock bars; a single block may be smaller.
  std::vector<std::unique_ptr<KeptBar[]>> blocks_;
  std::size_t capacity_ = 0;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  bool is_ordered_ = true;
  std::int64_t latest_open_ = std::numeric_limits<std::int64_t>::min();
};

// Limits the total size of all series: beyond it, the engine's oldest bar is dropped first. The caller numbers series
// and finds them by number.
class HistoryBudget {
 public:
  explicit HistoryBudget(std::int64_t bytes_max) : bars_max_(static_cast<std::uint64_t>(bytes_max) / sizeof(KeptBar)) {}

  std::uint64_t bars() const { return bars_; }
  std::uint64_t bytes() const { return bars_ * sizeof(KeptBar); }

  // Appends to a series that keeps `kept_max` bars at most; `series_of(number)` gives a series, or null if it is
  // gone. `before_pop(number)` is called for each series whose oldest bar is dropped.
  template <class SeriesOf, class BeforePop>
  void push(std::uint64_t series_number, BarSeries& series, const KeptBar& kept, std::size_t kept_max,
            SeriesOf series_of, BeforePop before_pop) {
    if (series.size() >= kept_max) {
      before_pop(series_number);
      series.pop_front();
      --bars_;
    }
    oldest_.expect(series_number, kept.number, series.ticket);
    series.push_back(kept);
    ++bars_;
    while (bars_ > bars_max_) evict_oldest(series_of, before_pop);
  }
  // Counts the bars of a restored series.
  void adopt(std::uint64_t series_number, BarSeries& series) {
    series.restored();
    bars_ += series.size();
    if (series.size() != 0) oldest_.expect(series_number, series.front().number, series.ticket);
  }
  // Changes the limits, for all series and for each: the oldest bars beyond them are dropped. `each(visit)` visits
  // every series.
  template <class SeriesOf, class Each>
  void reconfigure(std::int64_t bytes_max, std::size_t kept_max, SeriesOf series_of, Each each) {
    bars_max_ = static_cast<std::uint64_t>(bytes_max) / sizeof(KeptBar);
    each([&](BarSeries& series) {
      for (; series.size() > kept_max; --bars_) series.pop_front();
    });
    while (bars_ > bars_max_) evict_oldest(series_of, [](std::uint64_t) {});
  }
  // A series is about to be destroyed.
  void forget(const BarSeries& series) { bars_ -= series.size(); }
  void clear() {
    bars_ = 0;
    oldest_.clear();
  }

 private:
  template <class SeriesOf, class BeforePop>
  void evict_oldest(SeriesOf series_of, BeforePop before_pop) {
    std::uint64_t number = 0;
    while (!oldest_.empty()) {
      const auto ticket_of = [&](std::uint64_t item) {
        BarSeries* series = series_of(item);
        return series == nullptr ? nullptr : &series->ticket;
      };
      const std::uint64_t expected = oldest_.first_key();
      if (!oldest_.pop(number, ticket_of)) continue;
      BarSeries& series = *series_of(number);
      if (series.size() == 0) continue;
      const bool is_oldest = series.front().number == expected;
      if (is_oldest) {
        before_pop(number);
        series.pop_front();
        --bars_;
      }
      if (series.size() != 0) oldest_.expect(number, series.front().number, series.ticket);
      if (is_oldest) return;
    }
  }

  LazyHeap<std::uint64_t> oldest_;
  std::uint64_t bars_ = 0;
  std::uint64_t bars_max_;
};

}  // namespace alphaforge::data
