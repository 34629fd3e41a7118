// The state of a data engine under the right checksum: refused, or an engine that works.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/decimal.hpp"
#include "base/snapshot_codec.hpp"
#include "data/aggregator.hpp"
#include "data/config.hpp"
#include "data/snapshot_format.hpp"
#include "fuzz.hpp"
#include "model/bar.hpp"
#include "model/trade_tick.hpp"

using namespace alphaforge;

namespace {

TradeTick tick(const char* instrument, std::int64_t price, std::int64_t quantity, std::int64_t ts_event) {
  TradeTick made;
  made.instrument_id = instrument;
  made.price = {price};
  made.quantity = {quantity};
  made.trade_id = std::to_string(ts_event);
  made.ts_event = made.ts_init = ts_event;
  return made;
}

void go_on(data::Aggregator& engine) {
  constexpr std::int64_t kTimes[] = {0, 1'000'000'000'000'000'000, 1'000'000'060'000'000'000, 999'999'999'000'000'000};
  for (const std::int64_t time : kTimes) {
    for (const char* instrument : {"A", "B", "new"}) {
      data::ProcessResult result;
      engine.process(tick(instrument, 10 * kUnit, kUnit, time), 0, result);
    }
  }
  std::vector<Bar> bars;
  for (int part = 0; part < 3; ++part) engine.advance_time(1'000'000'120'000'000'000, bars, bars.size() + 1);
  engine.advance_time(1'000'000'120'000'000'000, bars);
  for (const std::string& instrument : engine.instruments()) engine.open_bars(instrument);
  engine.validate();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  data::DataEngineConfig config;
  config.fill_gaps = true;
  config.max_gap_bars = 3;
  config.max_bars_per_tick = 20;
  config.flush_on_stop = true;
  config.allowed_lateness_ns = 1'000'000'000'000;
  data::Aggregator engine(config);
  const std::string snapshot = seal_snapshot(data::kSnapshotMagic, data::kSnapshotVersion, fuzz::view(data, size));
  if (!fuzz::accepts([&] { engine.restore(snapshot); })) return 0;
  data::Aggregator other(config);
  other.restore(engine.snapshot());
  fuzz::demand(other.state_hash() == engine.state_hash(), "a restored engine has the state of the first");
  go_on(engine);
  engine.stop();
  data::Aggregator third(config);
  third.restore(engine.snapshot());
  fuzz::demand(third.state_hash() == engine.state_hash(), "what can be reached can be restored");
  return 0;
}
