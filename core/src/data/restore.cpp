// An engine from the bytes of its snapshot, which is what describe() in state.cpp writes, in the same order, or from
// the records of its checkpoint (checkpoint.hpp). The bytes may be anything: whatever could make a later step go wrong
// is refused here. restore_bars.cpp reads the bars.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/frames.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "base/snapshot_codec.hpp"
#include "data/aggregator.hpp"
#include "data/checkpoint.hpp"
#include "data/config.hpp"
#include "data/instrument.hpp"
#include "data/snapshot_format.hpp"
#include "model/names.hpp"

namespace alphaforge::data {

Instrument& Aggregator::restore_name(SnapshotReader& in) {
  const std::string_view id = in.text(kInstrumentIdBytesMax);
  try {
    check_name(id, "instrument_id", kInstrumentIdBytesMax);
  } catch (const InvalidArgument& error) {
    SnapshotReader::damaged(error.what());
  }
  demand(book_.find(id) == nullptr, "an instrument occurs twice");
  return book_.add(id);
}

void Aggregator::restore_ids(SnapshotReader& in, Instrument& instrument) {
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    const int128 fingerprint = in.wide();
    demand(fingerprint > 0 && fingerprint >> 64 == 0, "a fingerprint is out of range");
    demand(!instrument.seen.contains(static_cast<std::uint64_t>(fingerprint)), "a fingerprint occurs twice");
    instrument.seen.push(static_cast<std::uint64_t>(fingerprint));
    if (instrument.seen.size() > static_cast<std::size_t>(config_.duplicate_window)) instrument.seen.pop_oldest();
  }
}

void Aggregator::restore_engine(SnapshotReader& in) {
  epoch_ = in.counter<std::uint64_t>();
  is_running_ = in.flag();
  for (std::uint64_t* const count : {&ticks_processed_, &ticks_rejected_, &duplicate_ticks_, &late_ticks_})
    *count = in.counter<std::uint64_t>();
  builder_.restore(in);
}

void Aggregator::restore_snapshot(std::string_view snapshot) {
  SnapshotReader in(unseal_snapshot(kSnapshotMagic, kSnapshotVersion, snapshot));
  restore_engine(in);
  for (std::int64_t rest = in.count(); rest > 0; --rest) {
    Instrument& instrument = restore_name(in);
    builder_.restore(in, instrument);
    restore_ids(in, instrument);
  }
  // The remaining names are those of all instruments with fingerprints, in the order in which these will be dropped.
  std::unordered_set<const Instrument*> named;
  while (!in.rest().empty()) {
    const Instrument* instrument = book_.find(in.text(kInstrumentIdBytesMax));
    demand(instrument != nullptr && named.insert(instrument).second, "an instrument is missing, or named twice");
    if (instrument->seen.size() != 0) duplicates_.added(instrument->index, instrument->seen.size());
  }
  book_.each([&](const Instrument& instrument) {
    demand(instrument.seen.size() == 0 || named.contains(&instrument), "an instrument with fingerprints is not named");
  });
}

void Aggregator::restore_checkpoint(std::string_view checkpoint) {
  const auto frames = read_frames(kSnapshotMagic, kPiecesVersion, kCheckpointKinds, checkpoint);
  const auto each = [&](CheckpointRecord kind, const auto& visit) {
    each_record(frames[static_cast<std::size_t>(kind)], visit);
  };
  std::vector<std::int64_t> idle;  // numbers of instruments, in the order in which fingerprints are dropped
  bool has_head = false;
  each(CheckpointRecord::kEngine, [&](SnapshotReader& in) {
    demand(!std::exchange(has_head, true), "it has two heads");
    restore_engine(in);
    for (std::int64_t number = in.number(); number != -1; number = in.number()) idle.push_back(number);
  });
  demand(has_head, "its head is missing");
  std::vector<std::pair<std::int64_t, std::string_view>> records;
  each(CheckpointRecord::kInstrument, [&](SnapshotReader& in) {
    const std::int64_t number = in.number();
    records.emplace_back(number, in.bytes());
  });
  std::ranges::sort(records, {}, &std::pair<std::int64_t, std::string_view>::first);
  std::size_t bar_bytes = 0;
  for (const std::string_view frame : frames[static_cast<std::size_t>(CheckpointRecord::kBars)])
    bar_bytes += frame.size();
  builder_.expect_bars(bar_bytes);
  std::unordered_map<std::int64_t, Instrument*> instruments;
  for (const auto& [number, record] : records) {
    SnapshotReader in(record);
    Instrument& instrument = restore_name(in);
    demand(instruments.emplace(number, &instrument).second, "an instrument occurs twice");
    builder_.restore_record(in, instrument);
    in.expect_end();
  }
  const auto numbered = [&](std::int64_t number) -> Instrument& {
    const auto found = instruments.find(number);
    demand(found != instruments.end(), "an instrument is unknown");
    return *found->second;
  };
  each(CheckpointRecord::kWindow, [&](SnapshotReader& in) {
    Instrument& instrument = numbered(in.number());
    restore_ids(in, instrument);
  });
  each(CheckpointRecord::kBars, [&](SnapshotReader& in) {
    Instrument& instrument = numbered(in.number());
    builder_.restore_bars(in, instrument);
  });
  builder_.finish_restore([this](const auto& visit) { book_.each(visit); });
  for (const std::int64_t number : idle) {
    const Instrument& instrument = numbered(number);
    if (instrument.seen.size() != 0) duplicates_.added(instrument.index, instrument.seen.size());
  }
}

void Aggregator::restore_state(std::string_view snapshot) {
  if (version_of_snapshot(kSnapshotMagic, snapshot) == kPiecesVersion)
    restore_checkpoint(snapshot);
  else
    restore_snapshot(snapshot);
  forget_excess_duplicates();
  add_bar_types(config_.bar_types);
  validate();
}

void Aggregator::restore(std::string_view snapshot) {
  if (book_.size() != 0 || ticks_processed_ != 0)
    throw EngineError(Reason::INTERNAL, "only an empty engine can be restored");
  try {
    restore_state(snapshot);
  } catch (const EngineError& error) {
    clear();
    if (error.reason() == Reason::JOURNAL_VERSION) throw;
    throw EngineError(Reason::JOURNAL_DAMAGED, error.what());
  } catch (...) {
    clear();
    throw;
  }
}

}  // namespace alphaforge::data
