#include "wire/data.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "encoding/fields.hpp"
#include "encoding/reader.hpp"
#include "encoding/writer.hpp"
#include "model/bar.hpp"
#include "model/trade_tick.hpp"
#include "model/trade_tick_batch.hpp"
#include "wire/bars.hpp"
#include "wire/trade_ticks.hpp"

namespace alphaforge::wire {
namespace {

// Of an answer: it has one for each tick, and for each bar that a tick closed.
constexpr std::size_t kIndexesMax = 16 * kTicksPerMessageMax;

// No engine has more types; repeated names are ignored.
void add_bar_type(std::vector<std::string>& types, std::string_view name) {
  if (std::find(types.begin(), types.end(), name) != types.end()) return;
  if (types.size() == kBarTypesPerMessageMax)
    throw InvalidArgument(Reason::LIMIT_EXCEEDED, "a request names at most " + std::to_string(kBarTypesPerMessageMax) +
                                                      " different bar_types; omit them to get bars of all types");
  types.emplace_back(name);
}

template <class ReadTicks>
ProcessRequest decode_request(std::string_view message, ReadTicks read_ticks) {
  ProcessRequest request;
  std::string_view ticks;
  bool has_ticks = false;
  Reader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        request.engine = text_of(reader);
        break;
      case 2:
        request.epoch = reader.fixed<std::uint64_t>();
        break;
      case 4:
        ticks = reader.once(has_ticks);
        break;
      case 5:
        request.producer_id = text_of(reader);
        break;
      case 6:
        request.producer_sequence = reader.uint();
        break;
      case 7:
        add_bar_type(request.bar_types, text_of(reader));
        break;
      case 8:
        request.with_tick_indexes = reader.uint() != 0;
        break;
      default:
        reader.skip();
    }
  }
  request.ticks = read_ticks(ticks);
  return request;
}

void write_producer(Writer& writer, std::string_view producer_id, std::uint64_t producer_sequence) {
  if (!producer_id.empty()) writer.bytes(5, producer_id);
  if (producer_sequence != 0) writer.uint(6, producer_sequence);
}

template <class WriteTicks>
std::string encode_request(const ProcessRequest& request, WriteTicks write_ticks) {
  std::string out;
  Writer writer(out);
  if (!request.engine.empty()) writer.bytes(1, request.engine);
  if (request.epoch) writer.fixed(2, *request.epoch);
  write_producer(writer, request.producer_id, request.producer_sequence);
  for (const std::string& type : request.bar_types) writer.bytes(7, type);
  if (request.with_tick_indexes) writer.uint(8, 1);
  // Last, so that the length of the long field is moved into place at the end of the message only.
  const std::size_t start = writer.begin(4);
  write_ticks(out);
  writer.end(start);
  return out;
}

RejectedTick decode_rejected(std::string_view message) {
  RejectedTick rejected;
  Reader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        rejected.index = static_cast<std::uint32_t>(reader.uint());
        break;
      case 2: {
        const std::uint64_t number = reader.uint();
        rejected.reason = number > 255 ? Reason::INTERNAL : static_cast<Reason>(number);
        break;
      }
      case 3:
        rejected.message = text_of(reader);
        break;
      default:
        reader.skip();
    }
  }
  return rejected;
}

}  // namespace

ProcessRequest decode_tick_request(std::string_view message) {
  return decode_request(message, [](std::string_view tick) { return TradeTickBatch::of(decode_trade_tick(tick)); });
}

ProcessRequest decode_ticks_request(std::string_view message) { return decode_request(message, decode_trade_ticks); }

std::string encode_tick_request(const ProcessRequest& request) {
  return encode_request(request, [&](std::string& out) { encode_trade_tick(request.ticks.tick_of(0), out); });
}

std::string encode_ticks_request(const ProcessRequest& request) {
  return encode_request(request, [&](std::string& out) { encode_trade_ticks(request.ticks, out); });
}

std::string encode_tick_request(const TradeTick& tick) {
  return encode_request({}, [&](std::string& out) { encode_trade_tick(tick, out); });
}

std::string encode_producer(std::string_view producer_id, std::uint64_t producer_sequence) {
  std::string out;
  Writer writer(out);
  write_producer(writer, producer_id, producer_sequence);
  return out;
}

ProcessResponse decode_process_response(std::string_view message) {
  ProcessResponse response;
  Reader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case 2:
        response.rejected.push_back(decode_rejected(reader.bytes()));
        break;
      case 3:
        response.producer_sequence = reader.uint();
        break;
      case 4:
        response.epoch = reader.fixed<std::uint64_t>();
        break;
      case 5:
        response.is_repeat = reader.uint() != 0;
        break;
      case 6:
        response.processed_count = reader.uint();
        break;
      case 8:
        reader.append_varint(response.tick_indexes, kIndexesMax);
        break;
      case 9:
        reader.append_varint(response.duplicate_indexes, kIndexesMax);
        break;
      case 10:
        response.left_count = static_cast<std::uint32_t>(reader.uint());
        break;
      default:
        reader.skip();
    }
  }
  return response;
}

std::string encode_process_response(const ProcessResponse& response) {
  std::string out;
  Writer writer(out);
  for (const Bar* bar : response.bars) encode_bar(writer, 1, *bar);
  for (const RejectedTick& rejected : response.rejected) {
    const std::size_t start = writer.begin(2);
    if (rejected.index != 0) writer.uint(1, rejected.index);
    writer.uint(2, static_cast<std::uint64_t>(rejected.reason));
    writer.bytes(3, rejected.message);
    writer.end(start);
  }
  if (response.producer_sequence != 0) writer.uint(3, response.producer_sequence);
  if (response.epoch != 0) writer.fixed(4, response.epoch);
  if (response.is_repeat) writer.uint(5, 1);
  if (response.processed_count != 0) writer.uint(6, response.processed_count);
  if (!response.duplicate_indexes.empty()) writer.uint(7, response.duplicate_indexes.size());
  writer.packed_varint<std::uint32_t>(8, response.tick_indexes);
  writer.packed_varint<std::uint32_t>(9, response.duplicate_indexes);
  if (response.left_count != 0) writer.uint(10, response.left_count);
  return out;
}

}  // namespace alphaforge::wire
