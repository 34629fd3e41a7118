// Bars as columns, for data frames: one pass over the list, no Python object per number.
#include <nanobind/ndarray.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "bindings/data/data.hpp"
#include "bindings/numbers.hpp"
#include "model/bar.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

using Bars = std::vector<const Bar*>;

// A NumPy array of what `field` gives for each bar.
template <class T, class Field>
nb::object array_of(const Bars& bars, Field field) {
  auto* const values = new T[bars.size()];
  nb::capsule owner(values, [](void* memory) noexcept { delete[] static_cast<T*>(memory); });
  for (std::size_t i = 0; i < bars.size(); ++i) values[i] = field(*bars[i]);
  return nb::cast(nb::ndarray<nb::numpy, T, nb::ndim<1>>(values, {bars.size()}, owner));
}

// 16 bytes per number, little-endian: what Arrow calls decimal128.
template <class Field>
nb::bytes wide_of(const Bars& bars, Field field) {
  std::string bytes(bars.size() * sizeof(int128), '\0');
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const int128 value = field(*bars[i]);
    std::memcpy(bytes.data() + i * sizeof(value), &value, sizeof(value));
  }
  return nb::bytes(bytes.data(), bytes.size());
}

// The distinct texts, and the position of each bar's text among them.
template <class Field>
nb::tuple codes_of(const Bars& bars, Field field) {
  std::unordered_map<std::string_view, std::int32_t> places;
  nb::list names;
  nb::object codes = array_of<std::int32_t>(bars, [&](const Bar& bar) {
    const std::string_view name = field(bar);
    const auto [place, is_new] = places.try_emplace(name, static_cast<std::int32_t>(places.size()));
    if (is_new) names.append(to_str(name));
    return place->second;
  });
  return nb::make_tuple(codes, names);
}

// Each number: its name, its places, and how it is read; a missing vwap is 0.
template <class Visit>
void each_number(Visit visit) {
  visit("open", kPlaces, [](const Bar& bar) { return int128{bar.open.mantissa}; });
  visit("high", kPlaces, [](const Bar& bar) { return int128{bar.high.mantissa}; });
  visit("low", kPlaces, [](const Bar& bar) { return int128{bar.low.mantissa}; });
  visit("close", kPlaces, [](const Bar& bar) { return int128{bar.close.mantissa}; });
  visit("volume", kPlaces, [](const Bar& bar) { return bar.volume.mantissa; });
  visit("value", kValuePlaces, [](const Bar& bar) { return bar.value.mantissa; });
  visit("buy_volume", kPlaces, [](const Bar& bar) { return bar.buy_volume.mantissa; });
  visit("sell_volume", kPlaces, [](const Bar& bar) { return bar.sell_volume.mantissa; });
  visit("vwap", kPlaces, [](const Bar& bar) { return int128{bar.vwap().value_or(Price{0}).mantissa}; });
}

nb::dict bar_columns(nb::sequence given, bool exact) {
  Bars bars;
  nb::list held;  // keeps objects alive that a sequence creates on access
  for (nb::handle bar : given) {
    if (!nb::isinstance<Bar>(bar))
      throw UnsupportedValue(Reason::TYPE_UNSUPPORTED, "bars[" + std::to_string(bars.size()) + "] must be a Bar, not " +
                                                           nb::type_name(bar.type()).c_str());
    held.append(bar);
    bars.push_back(nb::inst_ptr<Bar>(bar));
  }
  nb::dict out;
  out["instrument_id"] = codes_of(bars, [](const Bar& bar) -> std::string_view { return *bar.instrument_id; });
  out["bar_type"] = codes_of(bars, [](const Bar& bar) -> std::string_view { return bar.bar_type->name; });
  each_number([&](const char* name, int places, auto field) {
    if (exact)
      out[name] = wide_of(bars, field);
    else
      out[name] = array_of<double>(bars, [&](const Bar& bar) { return to_double(field(bar), places); });
  });
  out["has_vwap"] = array_of<bool>(bars, [](const Bar& bar) { return bar.vwap().has_value(); });
#define X(type, field) out[#field] = array_of<type>(bars, [](const Bar& bar) { return bar.field; });
  X(std::int64_t, trade_count)
  X(std::int64_t, ts_open)
  X(std::int64_t, ts_event)
  X(std::int64_t, ts_init)
  X(std::int64_t, sequence)
  X(std::int32_t, revision)
  X(bool, is_partial)
  X(bool, is_gap_fill)
  X(bool, is_oversize)
#undef X
  return out;
}

}  // namespace

void bind_bar_columns(nb::module_ m) {
  m.def("bar_columns", &bar_columns, "bars"_a, nb::kw_only(), "exact"_a,
        nb::sig("def bar_columns(bars: collections.abc.Sequence[alphaforge_core.model.Bar], *, exact: bool) -> "
                "dict[str, typing.Any]"),
        "Columns by name: NumPy arrays; texts as (codes, names); with `exact`, numbers as bytes of "
        "little-endian 128-bit\n"
        "integers of nine places (`value`: eighteen). `vwap` is valid where `has_vwap` is set.");
}

}  // namespace alphaforge::bindings
