#include "bindings/model/trade_tick_batch.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "bindings/columns.hpp"
#include "bindings/gil.hpp"
#include "bindings/model/model.hpp"
#include "bindings/numbers.hpp"
#include "bindings/unchecked.hpp"
#include "model/numbers.hpp"
#include "model/trade_tick.hpp"
#include "model/trade_tick_batch.hpp"
#include "wire/trade_ticks.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

// Gives each name its position in a batch's dictionary. Ticks of one instrument often follow each other.
class Dictionary {
 public:
  explicit Dictionary(TradeTickBatch& batch) : batch_(batch) {}

  std::uint32_t index_of(std::string_view id) {
    if (!batch_.instrument_ids.empty() && batch_.instrument_ids[last_] == id) return last_;
    const auto [place, is_new] =
        places_.try_emplace(std::string(id), static_cast<std::uint32_t>(batch_.instrument_ids.size()));
    if (is_new) batch_.instrument_ids.emplace_back(id);
    return last_ = place->second;
  }
  // All ticks of one instrument need no index column.
  void finish() {
    if (batch_.instrument_ids.size() == 1) batch_.instrument_index.clear();
  }

 private:
  TradeTickBatch& batch_;
  std::unordered_map<std::string, std::uint32_t> places_;
  std::uint32_t last_ = 0;
};

nb::handle given(const nb::kwargs& columns, const char* name) {
  return columns.contains(name) ? nb::handle(columns[name]) : nb::handle(Py_None);
}

std::int64_t scale_of(const nb::kwargs& columns, const char* name) {
  return columns.contains(name) ? to_count(columns[name], name) : 0;
}

void check_keywords(const nb::kwargs& columns) {
  static constexpr std::string_view kNames[] = {"instrument_id",  "prices",          "quantities", "ts_event",
                                                "ts_init",        "sides",           "trade_ids",  "price_scale",
                                                "quantity_scale", "instrument_index"};
  for (const auto& [key, value] : columns) {
    const std::string name = std::string(to_text(key, "keyword"));
    if (std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames))
      throw nb::type_error(("unexpected keyword argument '" + name + "'").c_str());
  }
  for (const char* const needed : {"instrument_id", "prices", "quantities", "ts_event"})
    if (given(columns, needed).is_none())
      throw nb::type_error(("missing keyword argument '" + std::string(needed) + "'").c_str());
}

std::uint8_t side_code(std::string_view name) { return static_cast<std::uint8_t>(aggressor_side_of(name)); }

void read_instruments(TradeTickBatch& batch, nb::handle ids, nb::handle index) {
  if (PyUnicode_Check(ids.ptr())) {
    batch.instrument_ids.emplace_back(to_text(ids, "instrument_id"));
    if (!index.is_none()) throw nb::type_error("instrument_index needs a sequence of names as instrument_id");
    return;
  }
  const Column names(ids, "instrument_id");
  if (!index.is_none()) {
    names.texts([&](std::string_view id) { batch.instrument_ids.emplace_back(id); });
    const std::vector<std::int64_t> places = Column(index, "instrument_index").integers();
    batch.instrument_index.reserve(places.size());
    for (const std::int64_t place : places) {
      if (place < 0 || place >= static_cast<std::int64_t>(batch.instrument_ids.size()))
        throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE, "instrument_index contains " + std::to_string(place) +
                                                               ", but instrument_id has only " +
                                                               std::to_string(batch.instrument_ids.size()) + " names");
      batch.instrument_index.push_back(static_cast<std::uint32_t>(place));
    }
    return;
  }
  Dictionary dictionary(batch);
  batch.instrument_index.reserve(names.size());
  names.texts([&](std::string_view id) { batch.instrument_index.push_back(dictionary.index_of(id)); });
  if (batch.instrument_index.size() != batch.size())
    throw InvalidArgument(Reason::COLUMNS_UNEQUAL, "instrument_id has " +
                                                       std::to_string(batch.instrument_index.size()) +
                                                       " entries, prices has " + std::to_string(batch.size()) +
                                                       "; the columns must have the same length");
  dictionary.finish();
}

void read_sides(TradeTickBatch& batch, nb::handle sides) {
  if (sides.is_none()) return;
  if (PyUnicode_Check(sides.ptr())) {
    const std::uint8_t code = side_code(to_text(sides, "sides"));
    if (code != static_cast<std::uint8_t>(AggressorSide::kNone)) batch.sides.assign(batch.size(), code);
    return;
  }
  const Column column(sides, "sides");
  if (column.is_integer_array()) {
    batch.sides = column.codes();
    return;
  }
  batch.sides.reserve(column.size());
  column.texts([&](std::string_view name) { batch.sides.push_back(side_code(name)); });
}

void read_prices(TradeTickBatch& batch, const Column& column, std::int64_t scale) {
  if (column.numbers64(scale, batch.prices)) return;
  batch.prices.clear();
  batch.prices.reserve(column.size());
  column.numbers(scale, [&](int128 mantissa) { batch.prices.push_back(price_of(mantissa, "prices").mantissa); });
}

void read_quantities(TradeTickBatch& batch, const Column& column, std::int64_t scale) {
  if (column.numbers64(scale, batch.quantities)) return;
  batch.quantities.clear();
  batch.quantities.reserve(column.size());
  column.numbers(scale, [&](int128 mantissa) { batch.push_quantity(mantissa); });
}

// Tables are not sequences of rows: Arrow tables, data frames, structured arrays.
bool is_table(nb::handle ticks) {
  if (nb::hasattr(ticks, "column_names") || nb::hasattr(ticks, "columns")) return true;
  return nb::hasattr(ticks, "dtype") && !nb::getattr(ticks.attr("dtype"), "names", nb::none()).is_none();
}

// The columns of a table, by the keywords of batch_of_columns().
nb::kwargs table_columns(nb::handle table) {
  return nb::cast<nb::kwargs>(nb::module_::import_("alphaforge_core._tables").attr("tick_columns")(table));
}

}  // namespace

TradeTickBatch batch_of_columns(const nb::kwargs& columns) {
  check_keywords(columns);
  TradeTickBatch batch;
  read_prices(batch, Column(columns["prices"], "prices"), scale_of(columns, "price_scale"));
  read_quantities(batch, Column(columns["quantities"], "quantities"), scale_of(columns, "quantity_scale"));
  batch.ts_event = Column(columns["ts_event"], "ts_event").integers();
  if (const nb::handle ts_init = given(columns, "ts_init"); !ts_init.is_none())
    batch.ts_init = Column(ts_init, "ts_init").integers();
  read_sides(batch, given(columns, "sides"));
  read_instruments(batch, columns["instrument_id"], given(columns, "instrument_index"));
  if (const nb::handle ids = given(columns, "trade_ids"); !ids.is_none())
    Column(ids, "trade_ids").texts([&](std::string_view id) { batch.push_trade_id(id); });
  batch.validate();
  return batch;
}

TradeTickBatch batch_of_ticks(nb::handle ticks, const nb::kwargs& columns) {
  if (columns.size() != 0) throw nb::type_error("give either ticks or columns");
  if (is_table(ticks)) return batch_of_columns(table_columns(ticks));
  PyObject* const fast = PySequence_Fast(ticks.ptr(), "ticks must be an iterable of TradeTick");
  if (fast == nullptr) throw nb::python_error();
  const nb::object sequence = nb::steal(fast);
  const std::size_t size = nb::len(sequence);
  TradeTickBatch batch;
  Dictionary dictionary(batch);
  batch.prices.reserve(size);
  batch.quantities.reserve(size);
  batch.sides.reserve(size);
  batch.ts_event.reserve(size);
  batch.ts_init.reserve(size);
  batch.instrument_index.reserve(size);
  batch.trade_id_ends.reserve(size);
  for (std::size_t row = 0; row < size; ++row) {
    const nb::handle value = fast_item(sequence, row);
    if (!nb::isinstance<TradeTick>(value))
      throw UnsupportedValue(Reason::TYPE_UNSUPPORTED, "ticks[" + std::to_string(row) + "] must be a TradeTick, not " +
                                                           nb::type_name(value.type()).c_str());
    const TradeTick& tick = *nb::inst_ptr<TradeTick>(value);
    batch.instrument_index.push_back(dictionary.index_of(tick.instrument_id));
    batch.prices.push_back(tick.price.mantissa);
    batch.push_quantity(tick.quantity.mantissa);
    batch.sides.push_back(static_cast<std::uint8_t>(tick.aggressor_side));
    batch.ts_event.push_back(tick.ts_event);
    batch.ts_init.push_back(tick.ts_init);
    batch.push_trade_id(tick.trade_id);
  }
  dictionary.finish();
  if (batch.trade_id_text.empty()) batch.trade_id_ends.clear();
  return batch;
}

void bind_trade_tick_batch(nb::module_ m) {
  nb::class_<TradeTickBatch> type(
      m, "TradeTickBatch", nb::is_final(),
      "Many ticks as columns, from NumPy arrays, lists of TradeTick or wire messages. Immutable.\n\n"
      ">>> batch = TradeTickBatch.from_columns(\n"
      "...     instrument_id=\"BTCUSD\", prices=[4500050, 4500060], price_scale=2, quantities=[0.1, "
      "0.2], ts_event=[1, 2]\n"
      "... )\n"
      ">>> len(batch), batch[0].price\n"
      "(2, Price('45000.50'))");
  type.def_static(
          "from_ticks", [](nb::handle ticks) { return batch_of_ticks(ticks, nb::kwargs()); }, "ticks"_a,
          nb::sig("def from_ticks(ticks: collections.abc.Iterable[TradeTick] | alphaforge_core._tables.TickTable) -> "
                  "TradeTickBatch"),
          "From TradeTicks, or from a table whose columns are named like their fields: a pandas or "
          "polars DataFrame, an Arrow\n"
          "table, a structured NumPy array. The columns `instrument_id`, `price`, `quantity` and "
          "`ts_event` are required;\n"
          "other columns are ignored. See from_columns() for the types of columns.\n\n"
          "Raises UnsupportedValue (a TypeError) for anything but TradeTicks, and the errors of "
          "from_columns().")
      .def_static("from_columns", &batch_of_columns, "columns"_a,
                  nb::sig("def from_columns(*, instrument_id: typing.Any, prices: typing.Any, quantities: typing.Any, "
                          "ts_event: typing.Any, "
                          "ts_init: typing.Any = None, sides: typing.Any = None, trade_ids: typing.Any = None, "
                          "price_scale: int = 0, "
                          "quantity_scale: int = 0, instrument_index: typing.Any = None) -> TradeTickBatch"),
                  "Columns of equal length: NumPy arrays, pandas Series, lists.\n\n"
                  "instrument_id: one str for all, one per tick, or the names to which "
                  "`instrument_index` refers.\n"
                  "prices, quantities: integers mean mantissa / 10^scale (0 to 9); floats their "
                  "shortest decimal; str, Decimal, Price and\n"
                  "Quantity are exact.\n"
                  "ts_event, ts_init: nanoseconds since the Unix epoch, or datetime64; ts_init "
                  "defaults to ts_event.\n"
                  "sides: one str for all, one per tick, or codes (1 NONE, 2 BUY, 3 SELL); default "
                  "NONE.\n"
                  "trade_ids: strings or integers, or \"\" for none.\n\n"
                  "Raises InvalidArgument (a ValueError) that names column and row, or "
                  "UnsupportedValue (a TypeError).")
      .def_static(
          "from_wire",
          [](const nb::bytes& message) {
            const std::string_view bytes(message.c_str(), message.size());
            return without_gil([&] { return wire::decode_trade_ticks(bytes); });
          },
          "message"_a,
          "From the bytes of an alphaforge.type.v1.TradeTickColumns.\n\nRaises InvalidArgument (a ValueError).")
      .def(
          "to_wire",
          [](const TradeTickBatch& self) {
            std::string out;
            without_gil([&] { wire::encode_trade_ticks(self, out); });
            return nb::bytes(out.data(), out.size());
          },
          "The bytes of an alphaforge.type.v1.TradeTickColumns.")
      .def("__len__", &TradeTickBatch::size)
      .def(
          "__iter__", [](nb::handle self) { return nb::steal(PySeqIter_New(self.ptr())); },
          nb::sig("def __iter__(self) -> collections.abc.Iterator[TradeTick]"), "The ticks, row by row.")
      .def(
          "__getitem__",
          [](const TradeTickBatch& self, std::int64_t row) {
            const auto size = static_cast<std::int64_t>(self.size());
            if (row < -size || row >= size) throw nb::index_error("row out of range");
            return self.tick_of(static_cast<std::size_t>(row < 0 ? row + size : row));
          },
          "row"_a, "One tick as a TradeTick.")
      .def(
          "__getitem__",
          [](const TradeTickBatch& self, const nb::slice& rows) {
            const auto [start, stop, step, length] = rows.compute(self.size());
            if (step != 1) throw nb::index_error("slices of a batch can't have a step");
            return self.slice(static_cast<std::size_t>(start), static_cast<std::size_t>(start) + length);
          },
          "rows"_a, "A batch of consecutive ticks.")
      .def_ro("instrument_ids", &TradeTickBatch::instrument_ids, "The distinct instrument ids.")
      .def("__repr__", [](const TradeTickBatch& self) {
        return "<TradeTickBatch of " + std::to_string(self.size()) + " ticks, " +
               std::to_string(self.instrument_ids.size()) + " instruments>";
      });
  bind_copies(type);
}

}  // namespace alphaforge::bindings
