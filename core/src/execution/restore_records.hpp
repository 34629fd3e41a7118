#pragma once

#include <cstdint>
#include <functional>

#include "base/int128.hpp"
#include "base/snapshot_codec.hpp"
#include "execution/group_record.hpp"
#include "execution/instrument.hpp"
#include "execution/order_record.hpp"
#include "model/instrument_definition.hpp"
#include "model/numbers.hpp"

// The records of a venue's snapshots and checkpoints, and the numbers in them. The bytes may be anything: what is out
// of range, or contradicts the rest of the record, throws EngineError JOURNAL_DAMAGED.

namespace alphaforge::execution {

std::int64_t read_count(SnapshotReader& in);
std::int64_t read_market_time(SnapshotReader& in);
// A price of the instrument, or 0.
std::int64_t read_price(SnapshotReader& in, const Instrument& instrument);
int128 read_quantity(SnapshotReader& in);
// A sum that may be negative, except the smallest 128-bit number, which can't be negated.
int128 read_amount(SnapshotReader& in);
Terms read_terms(SnapshotReader& in, const OrderRecord& order, std::int64_t version);
void read_instrument(SnapshotReader& in, Instrument& instrument, std::int64_t version);
void read_window(SnapshotReader& in, Instrument& instrument);
// What a position cost: negative only if the instrument may have negative prices.
int128 read_cost(SnapshotReader& in, const Instrument& instrument);
// Whether cost and quantity give a valid average price; a quantity of 0 must cost 0.
bool is_price(const InstrumentDefinition* definition, Value cost, int128 quantity);
// Returns whether the order is in a group, which follows. `add_trail(order)` is called for a trailing stop.
bool read_order(SnapshotReader& in, OrderRecord& order, std::int64_t version,
                const std::function<void(OrderRecord&)>& add_trail);
GroupRecord read_group(SnapshotReader& in);
bool is_alike(const GroupRecord& one, const GroupRecord& other);

}  // namespace alphaforge::execution
