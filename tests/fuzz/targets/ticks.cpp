// ProcessTradeTick(s)Request and its answer: decoded, written, read again; and what was accepted goes through an
// engine.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "data/aggregator.hpp"
#include "data/config.hpp"
#include "fuzz.hpp"
#include "model/bar.hpp"
#include "wire/bars.hpp"
#include "wire/data.hpp"

using namespace alphaforge;

namespace {

void process(const wire::ProcessRequest& request) {
  if (request.ticks.size() > 1000) return;
  data::DataEngineConfig config;
  config.bar_types = {"100ms", "1min", "1day", "3tick", "0.5volume", "100dollar"};
  config.fill_gaps = true;
  config.max_gap_bars = 3;
  config.max_bars_per_tick = 20;
  config.allowed_lateness_ns = 1'000'000'000;
  data::Aggregator engine(config);
  data::ProcessResult result;
  engine.process(request.ticks, 0, result);
  engine.validate();
  data::Aggregator other(config);
  other.restore(engine.snapshot());
  fuzz::demand(other.state_hash() == engine.state_hash(), "a restored engine has the state of the first");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::view(data, size);
  fuzz::accepts([&] {
    const wire::ProcessRequest request = wire::decode_ticks_request(bytes);
    const std::string written = wire::encode_ticks_request(request);
    fuzz::demand(wire::encode_ticks_request(wire::decode_ticks_request(written)) == written, "what is written is read");
    process(request);
  });
  fuzz::accepts([&] {
    const wire::ProcessRequest request = wire::decode_tick_request(bytes);
    const std::string written = wire::encode_tick_request(request);
    fuzz::demand(wire::encode_tick_request(wire::decode_tick_request(written)) == written, "what is written is read");
    process(request);
  });
  fuzz::accepts([&] { wire::decode_process_response(bytes); });
  fuzz::accepts([&] {
    for (const Bar& bar : wire::decode_bars(bytes, 1)) (void)bar.vwap();
  });
  return 0;
}
