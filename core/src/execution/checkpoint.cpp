#include "execution/checkpoint.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/frames.hpp"
#include "base/snapshot_codec.hpp"
#include "base/state_hash.hpp"
#include "execution/describe.hpp"
#include "execution/instrument.hpp"
#include "execution/order_record.hpp"
#include "model/duplicate_window.hpp"

namespace alphaforge::execution {
namespace {

// Fingerprints of one record.
constexpr std::uint64_t kWindowPiece = 1024;

}  // namespace

Checkpoint::Checkpoint(std::uint32_t number, const CheckpointLimits& limits, const Pieces& pieces, bool is_hash)
    : number_(number),
      limits_(limits),
      pieces_(pieces),
      records_(kCheckpointKinds),
      is_hash_(is_hash),
      instruments_end_(pieces.instruments.size()),
      strategies_end_(pieces.strategies.size()),
      last_event_(pieces.events.last_sequence()),
      last_order_(pieces.ledger.last_number()),
      next_event_(pieces.events.first_sequence()),
      next_fill_(pieces.ledger.fills().front()) {}

bool Checkpoint::write() {
  const std::size_t until = bytes() + limits_.piece_bytes;
  return write_events(until) && write_instruments(until) && write_strategies(until) && write_fills(until) &&
         write_orders(until);
}

// A hash alone takes no memory.
void Checkpoint::check_memory() {
  is_overtaken_ = is_overtaken_ || (!is_hash_ && records_.bytes() > limits_.waiting_bytes);
}

// Fingerprints of the instrument's window that are not written yet, up to `end`.
void Checkpoint::put_window(Instrument& instrument, std::uint64_t end) {
  DuplicateWindow::Pending& pending = instrument.seen.pending;
  const auto next = [&] { return instrument.seen[pending.next - instrument.seen.popped()]; };
  SnapshotWriter* out = is_hash_ ? nullptr : &of(CheckpointRecord::kWindow);
  if (out != nullptr) {
    out->number(static_cast<std::int64_t>(instrument.index));
    out->number(static_cast<std::int64_t>(end - pending.next));
  }
  for (; pending.next != end; ++pending.next) {
    sum_.add(CheckpointRecord::kWindow,
             [&](auto& hash) { describe_fingerprint(hash, instrument, pending.next - pending.begin, next()); });
    if (out != nullptr)
      out->number(static_cast<std::int64_t>(next()));
    else
      hashed_bytes_ += kHashedBytes;
  }
}

// --- What is about to change.

void Checkpoint::before_change(Instrument& instrument) {
  if (is_overtaken_ || !instrument.is_listed || instrument.index >= instruments_end_ ||
      instrument.checkpoint == number_)
    return;
  describe(instrument);
  check_memory();
}

void Checkpoint::before_change(Strategy& strategy) {
  if (is_overtaken_ || strategy.index >= strategies_end_ || strategy.checkpoint == number_) return;
  describe(strategy);
  check_memory();
}

void Checkpoint::before_change(OrderRecord& order) {
  if (is_overtaken_ || order.number > last_order_ || order.number <= written_order_ || order.checkpoint == number_)
    return;
  order.checkpoint = number_;
  put(CheckpointRecord::kOrder, [&](auto& out) { describe_order(out, order); });
  check_memory();
}

void Checkpoint::before_pop(Instrument& instrument) {
  before_change(instrument);
  if (is_overtaken_ || instrument.checkpoint != number_) return;
  const DuplicateWindow::Pending& pending = instrument.seen.pending;
  if (pending.next != pending.end && pending.next == instrument.seen.popped()) put_window(instrument, pending.next + 1);
  check_memory();
}

void Checkpoint::before_release(OrderRecord& order) {
  before_change(order);
  for (FillRecord* fill = order.first_fill; fill != nullptr; fill = fill->next_of_order) {
    if (next_fill_ == fill) next_fill_ = FillHistory::next(fill);
    if (!is_overtaken_ && is_unwritten(*fill))
      put(CheckpointRecord::kFill, [&](auto& out) { describe_fill(out, *fill); });
  }
  check_memory();
}

void Checkpoint::before_drop(std::int64_t sequence) {
  if (is_overtaken_) return;
  for (; next_event_ <= std::min(sequence, last_event_); ++next_event_) put_event();
  check_memory();
}

// --- What has not changed yet, in order: first what will be dropped soonest.

void Checkpoint::put_event() {
  put(CheckpointRecord::kEvent, [&]<class Sink>(Sink& out) {
    // A written event is identified by its position, a hashed one by its sequence.
    if constexpr (kIsHash<Sink>) out.number(next_event_);
    describe_event(out, pieces_.events[next_event_]);
  });
}

bool Checkpoint::write_events(std::size_t until) {
  for (; next_event_ <= last_event_; ++next_event_) {
    if (bytes() >= until) return false;
    put_event();
  }
  return true;
}

void Checkpoint::describe(Instrument& instrument) {
  instrument.checkpoint = number_;
  put(CheckpointRecord::kInstrument, [&]<class Sink>(Sink& out) {
    // A hash identifies an instrument by its name, which describe_instrument() adds.
    if constexpr (!kIsHash<Sink>) out.number(static_cast<std::int64_t>(instrument.index));
    describe_instrument(out, instrument);
  });
  const std::uint64_t first = instrument.seen.popped();
  instrument.seen.pending = {first, first + instrument.seen.size(), first};
}

bool Checkpoint::write_instruments(std::size_t until) {
  for (; next_instrument_ != instruments_end_; ++next_instrument_) {
    Instrument& instrument = *pieces_.instruments[next_instrument_];
    if (instrument.checkpoint != number_) describe(instrument);
    for (const DuplicateWindow::Pending& pending = instrument.seen.pending; pending.next != pending.end;) {
      if (bytes() >= until) return false;
      put_window(instrument, std::min(pending.end, pending.next + kWindowPiece));
    }
    if (bytes() >= until) {
      ++next_instrument_;
      return false;
    }
  }
  return true;
}

void Checkpoint::describe(Strategy& strategy) {
  strategy.checkpoint = number_;
  put(CheckpointRecord::kStrategy, [&](auto& out) { describe_strategy(out, strategy); });
}

bool Checkpoint::write_strategies(std::size_t until) {
  for (; next_strategy_ != strategies_end_; ++next_strategy_) {
    if (bytes() >= until) return false;
    Strategy& strategy = *pieces_.strategies[next_strategy_];
    if (strategy.checkpoint != number_) describe(strategy);
  }
  return true;
}

// Fills have their events' sequences, and are kept in that order.
bool Checkpoint::is_unwritten(const FillRecord& fill) const {
  return fill.sequence > written_fill_ && fill.sequence <= last_event_;
}

bool Checkpoint::write_fills(std::size_t until) {
  for (; next_fill_ != nullptr && next_fill_->sequence <= last_event_; next_fill_ = FillHistory::next(next_fill_)) {
    if (bytes() >= until) return false;
    put(CheckpointRecord::kFill, [&](auto& out) { describe_fill(out, *next_fill_); });
    written_fill_ = next_fill_->sequence;
  }
  return true;
}

bool Checkpoint::write_orders(std::size_t until) {
  // Orders that changed were written before; skipping them takes time too.
  constexpr int kOrdersMax = 4096;
  int orders = 0;
  for (;;) {
    const OrderRecord* order = pieces_.ledger.orders().next(written_order_);
    if (order == nullptr || order->number > last_order_) return true;
    if (bytes() >= until || ++orders > kOrdersMax) return false;
    if (order->checkpoint != number_) put(CheckpointRecord::kOrder, [&](auto& out) { describe_order(out, *order); });
    written_order_ = order->number;
  }
}

}  // namespace alphaforge::execution
