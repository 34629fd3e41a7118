#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/frames.hpp"
#include "base/snapshot_codec.hpp"
#include "base/state_hash.hpp"
#include "execution/checkpoint.hpp"
#include "execution/counters.hpp"
#include "execution/describe.hpp"
#include "execution/instrument.hpp"
#include "execution/order_record.hpp"
#include "execution/snapshot_format.hpp"
#include "execution/venue.hpp"

// The state in one canonical order, independent of the containers; or as parts in any order.

namespace alphaforge::execution {

namespace {

template <class Map>
auto sorted_by_id(const Map& map) {
  std::vector<typename Map::mapped_type::pointer> all;
  all.reserve(map.size());
  for (const auto& [id, owned] : map) all.push_back(owned.get());
  std::ranges::sort(all, {}, [](const auto* one) -> const std::string& { return one->id; });
  return all;
}

}  // namespace

template <class Sink>
void Venue::describe_engine(Sink& sink) const {
  sink.number(std::int64_t{halted_});
  sink.number(std::int64_t{market_data_stale_});
  sink.number(advanced_to_);
  sink.number(market_time_);
  sink.number(static_cast<std::int64_t>(last_priority_));
  sink.number(ids_seen_);
  sink.number(total_volume_.mantissa);
  sink.number(total_notional_.mantissa);
  sink.number(total_commission_.mantissa);
#define X(name, kind, unit, help) sink.number(counts_.name);
  ALPHAFORGE_EXECUTION_COUNTS(X)
#undef X
}

template <class Sink>
void Venue::describe_head(Sink& sink) const {
  describe_engine(sink);
  sink.number(ledger_.youngest_forgotten());
  sink.number(events_.last_sequence());
  sink.number(events_.size());
}

void Venue::describe(SnapshotWriter& sink) const {
  describe_engine(sink);
  for (const auto* map : {&instruments_, &unlisted_}) {
    sink.number(static_cast<std::int64_t>(map->size()));
    for (const Instrument* instrument : sorted_by_id(*map)) {
      describe_instrument(sink, *instrument);
      sink.number(static_cast<std::int64_t>(instrument->seen.size()));
      for (std::size_t i = 0; i < instrument->seen.size(); ++i)
        sink.number(static_cast<std::int64_t>(instrument->seen[i]));
    }
  }
  sink.number(static_cast<std::int64_t>(strategies_.size()));
  for (const Strategy* strategy : sorted_by_id(strategies_)) describe_strategy(sink, *strategy);

  sink.number(ledger_.youngest_forgotten());
  sink.number(ledger_.size());
  for (const OrderRecord* order = ledger_.orders().next(0); order != nullptr;
       order = ledger_.orders().next(order->number))
    describe_order(sink, *order);
  for (const OrderRecord* order = ledger_.final_orders().front(); order != nullptr; order = Queue::next(order))
    sink.number(order->number);
  sink.number(ledger_.fill_count());
  for (const FillRecord* fill = ledger_.fills().front(); fill != nullptr; fill = FillHistory::next(fill))
    describe_fill(sink, *fill);
  sink.number(events_.last_sequence());
  sink.number(events_.size());
  for (std::int64_t sequence = events_.first_sequence(); sequence <= events_.last_sequence(); ++sequence)
    describe_event(sink, events_[sequence]);
}

// The same as a checkpoint that is a hash makes of it, part by part.
std::uint64_t Venue::state_hash() const {
  StateSum sum;
  const auto add = [&](CheckpointRecord kind, auto describe) { sum.add(static_cast<std::uint32_t>(kind), describe); };
  add(CheckpointRecord::kEngine, [&](auto& out) { describe_head(out); });
  for (const auto& [id, kept] : instruments_) {
    const auto& instrument = *kept;  // clang 14 captures no structured binding
    add(CheckpointRecord::kInstrument, [&](auto& out) { describe_instrument(out, instrument); });
    for (std::size_t i = 0; i < instrument.seen.size(); ++i)
      add(CheckpointRecord::kWindow, [&](auto& out) { describe_fingerprint(out, instrument, i, instrument.seen[i]); });
  }
  for (const Strategy* strategy : strategies_by_index_)
    add(CheckpointRecord::kStrategy, [&](auto& out) { describe_strategy(out, *strategy); });
  for (const OrderRecord* order = ledger_.orders().next(0); order != nullptr;
       order = ledger_.orders().next(order->number))
    add(CheckpointRecord::kOrder, [&](auto& out) { describe_order(out, *order); });
  for (const FillRecord* fill = ledger_.fills().front(); fill != nullptr; fill = FillHistory::next(fill))
    add(CheckpointRecord::kFill, [&](auto& out) { describe_fill(out, *fill); });
  for (std::int64_t sequence = events_.first_sequence(); sequence <= events_.last_sequence(); ++sequence)
    add(CheckpointRecord::kEvent, [&](auto& out) {
      out.number(sequence);
      describe_event(out, events_[sequence]);
    });
  return sum.value();
}

std::string Venue::snapshot() const {
  SnapshotWriter out;
  describe(out);
  return seal_snapshot(kSnapshotMagic, kSnapshotVersion, out.view());
}

std::uint32_t Venue::begin_checkpoint(const CheckpointLimits& limits, bool is_hash) {
  const Checkpoint::Pieces pieces{ledger_, events_, instruments_by_index_, strategies_by_index_};
  checkpoint_.begin(limits, pieces, is_hash).describe_head([&](auto& out) { describe_head(out); });
  return checkpoint_.last_number();
}

}  // namespace alphaforge::execution
