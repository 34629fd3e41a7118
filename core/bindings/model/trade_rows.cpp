// Rows of files as ticks, for the reader of `alphaforge_core.files`.
#include "model/trade_rows.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "bindings/bindings.hpp"
#include "bindings/numbers.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

template <class T>
using Array = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class T>
nb::object array_of(std::vector<T> values) {
  auto* const kept = new std::vector<T>(std::move(values));
  nb::capsule owner(kept, [](void* memory) noexcept { delete static_cast<std::vector<T>*>(memory); });
  return nb::cast(nb::ndarray<nb::numpy, T, nb::ndim<1>>(kept->data(), {kept->size()}, owner));
}

void check_length(std::size_t length, std::size_t size, const char* column) {
  if (length == size) return;
  throw InvalidArgument(Reason::COLUMNS_UNEQUAL, std::string(column) + " has " + std::to_string(length) +
                                                     " entries, ts_event has " + std::to_string(size));
}

template <class T>
const T* pointer_of(const std::optional<Array<T>>& array, std::size_t size, const char* column) {
  if (!array) return nullptr;
  check_length(array->shape(0), size, column);
  return array->data();
}

// Offsets, one more than rows, and the bytes they point into; checked, since they are used to read memory.
TextColumn texts_of(nb::handle pair, std::size_t size, const char* column) {
  const auto [offsets, bytes] = nb::cast<std::pair<Array<std::int32_t>, Array<std::uint8_t>>>(pair);
  check_length(offsets.shape(0), size + 1, column);
  const std::int32_t* const at = offsets.data();
  const bool is_sound =
      at[0] >= 0 && std::is_sorted(at, at + size + 1) && static_cast<std::size_t>(at[size]) <= bytes.shape(0);
  if (!is_sound) throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE, std::string(column) + " has offsets out of order");
  return {at, reinterpret_cast<const char*>(bytes.data())};
}

NumberColumn numbers_of(nb::handle values, std::size_t size, const char* column) {
  if (nb::isinstance<nb::tuple>(values)) return texts_of(values, size, column);
  const auto take = [&]<class T>(T) -> const T* {
    Array<T> array;
    if (!nb::try_cast(values, array, false)) return nullptr;
    check_length(array.shape(0), size, column);
    return array.data();
  };
  if (const auto* const integers = take(std::int64_t{})) return integers;
  if (const auto* const doubles = take(double{})) return doubles;
  if (const auto* const floats = take(float{})) return floats;
  throw UnsupportedValue(Reason::TYPE_UNSUPPORTED,
                         std::string(column) + " must be texts, or an array of int64, float64 or float32");
}

nb::tuple decode(const std::vector<std::string>& names, const std::optional<Array<std::uint32_t>>& name_index,
                 nb::handle prices, nb::handle quantities, const Array<std::int64_t>& ts_event,
                 const std::optional<Array<std::int64_t>>& ts_init, const std::optional<Array<std::uint8_t>>& sides,
                 nb::handle trade_ids, const std::optional<Array<std::uint8_t>>& skip, bool round) {
  TradeRows rows;
  rows.size = ts_event.shape(0);
  if (rows.size == 0) throw InvalidArgument(Reason::COLUMNS_UNEQUAL, "there are no rows");
  rows.names = names;
  rows.name_index = pointer_of(name_index, rows.size, "name_index");
  const std::size_t last =
      rows.name_index == nullptr ? 0 : *std::max_element(rows.name_index, rows.name_index + rows.size);
  if (last >= names.size()) throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE, "name_index points beyond the names");
  rows.prices = numbers_of(prices, rows.size, "prices");
  rows.quantities = numbers_of(quantities, rows.size, "quantities");
  rows.ts_event = ts_event.data();
  rows.ts_init = pointer_of(ts_init, rows.size, "ts_init");
  rows.sides = pointer_of(sides, rows.size, "sides");
  rows.skip = pointer_of(skip, rows.size, "skip");
  rows.round = round;
  std::optional<TextColumn> ids;
  if (!trade_ids.is_none()) ids = texts_of(trade_ids, rows.size, "trade_ids");
  rows.trade_ids = ids ? &*ids : nullptr;
  DecodedRows done;
  {
    const nb::gil_scoped_release release;
    done = decode_trade_rows(rows);
    done.batch.validate_values();
  }
  nb::dict counts;
  for (const auto& [reason, count] : done.bad_counts) counts[to_str(name_of(reason))] = count;
  nb::list faults;
  for (const RowFault& fault : done.faults)
    faults.append(nb::make_tuple(fault.row, to_str(name_of(fault.reason)), to_str(fault.message)));
  return nb::make_tuple(nb::cast(std::move(done.batch)), array_of(std::move(done.is_good)), counts, faults,
                        done.rounded);
}

}  // namespace

void bind_trade_rows(nb::module_ m) {
  m.def(
      "decode_trade_rows", &decode, "names"_a, "name_index"_a.none(), "prices"_a, "quantities"_a, "ts_event"_a,
      "ts_init"_a.none(), "sides"_a.none(), "trade_ids"_a.none(), "skip"_a.none(), "round"_a,
      nb::sig("def decode_trade_rows(names: collections.abc.Sequence[str], name_index: typing.Any, prices: typing.Any, "
              "quantities: typing.Any, ts_event: typing.Any, ts_init: typing.Any, sides: typing.Any, "
              "trade_ids: typing.Any, skip: typing.Any, round: bool) -> tuple[alphaforge_core.model.TradeTickBatch, "
              "typing.Any, dict[str, int], list[tuple[int, str, str]], int]"),
      "Decodes rows to a batch. Also returns the indices of its rows, the counts of rows left out by "
      "reason, the first ten of those as (row, reason, message), and the number of rounded rows.\n\n"
      "prices, quantities, trade_ids: texts as a pair (offsets, bytes), as in Arrow; numbers may "
      "also be mantissas of nine places (int64) or floats.\n"
      "skip: rows (not 0) that are known to be invalid.\n"
      "round: round digits beyond nine places, half to even, instead of leaving the row out.");
  m.def(
      "take_ticks",
      [](const TradeTickBatch& batch, const Array<std::int64_t>& rows) {
        return batch.taken({rows.data(), rows.shape(0)});
      },
      "batch"_a, "rows"_a,
      nb::sig("def take_ticks(batch: alphaforge_core.model.TradeTickBatch, rows: typing.Any) -> "
              "alphaforge_core.model.TradeTickBatch"),
      "The ticks at `rows` (int64), in that order.");
  m.def(
      "join_ticks", [](const std::vector<const TradeTickBatch*>& batches) { return TradeTickBatch::joined(batches); },
      "batches"_a,
      nb::sig("def join_ticks(batches: collections.abc.Sequence[alphaforge_core.model.TradeTickBatch]) -> "
              "alphaforge_core.model.TradeTickBatch"),
      "The ticks of several batches, one after the other.");
  m.def(
      "times_of_ticks", [](const TradeTickBatch& batch) { return array_of(batch.ts_event); }, "batch"_a,
      nb::sig("def times_of_ticks(batch: alphaforge_core.model.TradeTickBatch) -> typing.Any"),
      "`ts_event` of each tick, as an array of int64.");
  m.def(
      "instruments_of_ticks",
      [](const TradeTickBatch& batch) {
        std::vector<std::uint32_t> index = batch.instrument_index;
        index.resize(batch.size());
        return array_of(std::move(index));
      },
      "batch"_a, nb::sig("def instruments_of_ticks(batch: alphaforge_core.model.TradeTickBatch) -> typing.Any"),
      "The position of each tick's instrument in `batch.instrument_ids`, as an array of uint32.");
}

}  // namespace alphaforge::bindings
