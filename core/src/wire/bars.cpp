#include "wire/bars.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/decimal.hpp"
#include "encoding/fields.hpp"
#include "encoding/reader.hpp"
#include "encoding/writer.hpp"
#include "model/bar.hpp"
#include "model/bar_type.hpp"
#include "model/numbers.hpp"

namespace alphaforge::wire {
namespace {

void number_field(Writer& writer, std::uint32_t field, std::int64_t value) {
  if (value != 0) writer.uint(field, static_cast<std::uint64_t>(value));
}

}  // namespace

void encode_bar(Writer& writer, std::uint32_t field, const Bar& bar) {
  const std::size_t start = writer.begin(field);
  writer.bytes(1, *bar.instrument_id);
  writer.bytes(2, bar.bar_type->name);
  writer.bytes(3, to_string(bar.open));
  writer.bytes(4, to_string(bar.high));
  writer.bytes(5, to_string(bar.low));
  writer.bytes(6, to_string(bar.close));
  writer.bytes(7, to_string(bar.volume));
  writer.bytes(8, to_string(bar.value));
  number_field(writer, 9, bar.trade_count);
  writer.bytes(10, to_string(bar.buy_volume));
  writer.bytes(11, to_string(bar.sell_volume));
  if (const auto vwap = bar.vwap()) writer.bytes(12, to_string(*vwap));
  number_field(writer, 13, bar.ts_open);
  number_field(writer, 14, bar.ts_event);
  number_field(writer, 15, bar.ts_init);
  number_field(writer, 16, bar.sequence);
  number_field(writer, 17, bar.is_partial);
  number_field(writer, 18, bar.is_gap_fill);
  number_field(writer, 19, bar.is_oversize);
  number_field(writer, 20, bar.revision);
  writer.end(start);
}

namespace {

// The bars of a message have few types, and often follow a bar of the same instrument.
class BarReader {
 public:
  Bar read(std::string_view message);

 private:
  static constexpr std::size_t kTypesMax = 32;  // no engine has more

  std::shared_ptr<const std::string> instrument_of(std::string_view id) {
    if (!last_id_ || *last_id_ != id) last_id_ = std::make_shared<const std::string>(id);
    return last_id_;
  }
  std::shared_ptr<const BarType> type_of(std::string_view name) {
    for (const auto& [known, type] : types_)
      if (known == name) return type;
    if (types_.size() == kTypesMax) types_.clear();
    return types_.emplace_back(name, std::make_shared<const BarType>(BarType::parse(name))).second;
  }

  std::shared_ptr<const std::string> last_id_;
  std::vector<std::pair<std::string_view, std::shared_ptr<const BarType>>> types_;  // by their names in the message
};

Bar BarReader::read(std::string_view message) {
  Bar bar;
  std::string_view instrument_id;
  std::string_view bar_type;
  const auto decimal = [](Reader& reader, int places) {
    return parse_decimal(reader.bytes(), places, "a bar's number");
  };
  const auto price = [&](Reader& reader) { return alphaforge::price_of(decimal(reader, kPlaces), "a bar's price"); };
  const auto quantity = [&](Reader& reader) {
    return alphaforge::quantity_of(decimal(reader, kPlaces), "a bar's volume");
  };
  const auto number = [](Reader& reader) { return static_cast<std::int64_t>(reader.uint()); };
  Reader reader(message);
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        instrument_id = text_of(reader);
        break;
      case 2:
        bar_type = text_of(reader);
        break;
      case 3:
        bar.open = price(reader);
        break;
      case 4:
        bar.high = price(reader);
        break;
      case 5:
        bar.low = price(reader);
        break;
      case 6:
        bar.close = price(reader);
        break;
      case 7:
        bar.volume = quantity(reader);
        break;
      case 8:
        bar.value = {decimal(reader, kValuePlaces)};
        break;
      case 9:
        bar.trade_count = number(reader);
        break;
      case 10:
        bar.buy_volume = quantity(reader);
        break;
      case 11:
        bar.sell_volume = quantity(reader);
        break;
      case 12:
        text_of(reader);  // the vwap follows from the others
        break;
      case 13:
        bar.ts_open = number(reader);
        break;
      case 14:
        bar.ts_event = number(reader);
        break;
      case 15:
        bar.ts_init = number(reader);
        break;
      case 16:
        bar.sequence = number(reader);
        break;
      case 17:
        bar.is_partial = number(reader) != 0;
        break;
      case 18:
        bar.is_gap_fill = number(reader) != 0;
        break;
      case 19:
        bar.is_oversize = number(reader) != 0;
        break;
      case 20:
        bar.revision = static_cast<std::int32_t>(number(reader));
        break;
      default:
        reader.skip();
    }
  }
  bar.instrument_id = instrument_of(instrument_id);
  bar.bar_type = type_of(bar_type);
  return bar;
}

}  // namespace

std::vector<Bar> decode_bars(std::span<const std::string_view> messages) {
  std::vector<Bar> bars;
  bars.reserve(messages.size());
  BarReader bar_reader;
  for (const std::string_view message : messages) bars.push_back(bar_reader.read(message));
  return bars;
}

std::vector<Bar> decode_bars(std::string_view message, std::uint32_t field) {
  std::vector<Bar> bars;
  BarReader bar_reader;
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == field)
      bars.push_back(bar_reader.read(reader.bytes()));
    else
      reader.skip();
  }
  return bars;
}

std::string encode_get_bars_response(std::span<const Bar> bars, std::size_t limit) {
  std::string message;
  Writer writer(message);
  for (const Bar& bar : bars.last(std::min(limit, bars.size()))) encode_bar(writer, 1, bar);
  if (bars.size() > limit) writer.uint(2, 1);
  return message;
}

GetBarsResponse decode_get_bars_response(std::string_view message) {
  GetBarsResponse response;
  BarReader bar_reader;
  Reader reader(message);
  while (reader.next()) {
    if (reader.field() == 1)
      response.bars.push_back(bar_reader.read(reader.bytes()));
    else if (reader.field() == 2)
      response.has_more = reader.uint() != 0;
    else
      reader.skip();
  }
  return response;
}

}  // namespace alphaforge::wire
