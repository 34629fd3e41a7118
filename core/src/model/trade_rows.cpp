#include "model/trade_rows.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "model/names.hpp"
#include "model/numbers.hpp"
#include "model/trade_tick_batch.hpp"

namespace alphaforge {
namespace {

// Rounding of floats is counted above this difference; below it is floating-point noise.
constexpr double kNoise = 1e-12;

class Decoder {
 public:
  explicit Decoder(const TradeRows& rows) : rows_(rows), lost_digits_(rows.size) {
    out_.is_good.resize(rows.size, 1);
    for (std::size_t row = 0; rows.skip != nullptr && row < rows.size; ++row) out_.is_good[row] = rows.skip[row] == 0;
  }

  DecodedRows run() {
    check_names();
    std::vector<std::int64_t> prices(rows_.size);
    numbers(rows_.prices, "price",
            [&](std::size_t row, int128 mantissa) { prices[row] = price_of(mantissa).mantissa; });
    std::vector<int128> quantities(rows_.size);
    numbers(rows_.quantities, "quantity",
            [&](std::size_t row, int128 mantissa) { quantities[row] = alphaforge::quantity_of(mantissa).mantissa; });
    check_trade_ids();
    build(prices, quantities);
    const auto by_row = [](const RowFault& a, const RowFault& b) { return a.row < b.row; };
    std::stable_sort(out_.faults.begin(), out_.faults.end(), by_row);
    if (out_.faults.size() > kRowFaultsMax) out_.faults.erase(out_.faults.begin() + kRowFaultsMax, out_.faults.end());
    return std::move(out_);
  }

 private:
  // Calls `visit` for each valid row; a row for which it throws becomes invalid.
  template <class Visit>
  void each_good(Visit visit) {
    std::size_t kept = 0;
    for (std::size_t row = 0; row < rows_.size; ++row) {
      if (!out_.is_good[row]) continue;
      try {
        visit(row);
      } catch (const InvalidArgument& error) {
        out_.is_good[row] = 0;
        ++out_.bad_counts[error.reason()];
        if (kept++ < kRowFaultsMax) out_.faults.push_back({row, error.reason(), error.what()});
      }
    }
  }

  template <class Take>
  void numbers(const NumberColumn& column, const char* what, Take take) {
    std::visit(
        [&](auto values) {
          each_good([&](std::size_t row) {
            using Values = decltype(values);
            if constexpr (std::is_same_v<Values, TextColumn>) {
              take(row, text_number(values[row], row, what));
            } else if constexpr (std::is_same_v<Values, const std::int64_t*>) {
              take(row, values[row]);
            } else {
              take(row, float_number(values[row], row, what));
            }
          });
        },
        column);
  }

  int128 text_number(std::string_view text, std::size_t row, const char* what) {
    if (!rows_.round) return parse_decimal(text, kPlaces, what);
    try {
      return parse_decimal(text, kPlaces, what);
    } catch (const InvalidArgument& error) {
      if (error.reason() != Reason::NUMBER_TOO_PRECISE) throw;
      lost_digits_[row] = 1;
      return parse_rounded(text, kPlaces, what);
    }
  }

  template <class Float>
  int128 float_number(Float value, std::size_t row, const char* what) {
    const int128 mantissa = decimal_of(value, what);
    const auto exact = static_cast<Float>(to_double(mantissa, kPlaces));
    if (exact != value && std::fabs(exact - value) > kNoise * std::fabs(value)) lost_digits_[row] = 1;
    return mantissa;
  }

  void check_names() {
    std::vector<std::string> problems(rows_.names.size());
    bool is_any_bad = rows_.names.empty();
    for (std::size_t i = 0; i < rows_.names.size(); ++i) {
      try {
        check_name(rows_.names[i], "instrument_id", kInstrumentIdBytesMax);
      } catch (const InvalidArgument& error) {
        problems[i] = error.what();
        is_any_bad = true;
      }
    }
    if (!is_any_bad) return;
    each_good([&](std::size_t row) {
      const std::string& problem = problems[rows_.name_index == nullptr ? 0 : rows_.name_index[row]];
      if (!problem.empty()) throw InvalidArgument(Reason::NAME_INVALID, problem);
    });
  }

  void check_trade_ids() {
    if (rows_.trade_ids == nullptr) return;
    each_good([&](std::size_t row) { check_optional_name((*rows_.trade_ids)[row], "trade_id", kTradeIdBytesMax); });
  }

  void build(const std::vector<std::int64_t>& prices, const std::vector<int128>& quantities) {
    TradeTickBatch& batch = out_.batch;
    const auto good = static_cast<std::size_t>(std::count(out_.is_good.begin(), out_.is_good.end(), std::uint8_t{1}));
    batch.prices.reserve(good);
    batch.quantities.reserve(good);
    batch.ts_event.reserve(good);
    if (rows_.name_index == nullptr) batch.instrument_ids = rows_.names;
    std::vector<std::int64_t> places(rows_.names.size(), -1);
    for (std::size_t row = 0; row < rows_.size; ++row) {
      if (!out_.is_good[row]) continue;
      out_.rounded += lost_digits_[row];
      if (rows_.name_index != nullptr) batch.instrument_index.push_back(place_of(rows_.name_index[row], places));
      batch.prices.push_back(prices[row]);
      batch.push_quantity(quantities[row]);
      batch.ts_event.push_back(rows_.ts_event[row]);
      if (rows_.ts_init != nullptr) batch.ts_init.push_back(rows_.ts_init[row]);
      if (rows_.sides != nullptr) batch.sides.push_back(rows_.sides[row]);
      if (rows_.trade_ids != nullptr) batch.push_trade_id((*rows_.trade_ids)[row]);
    }
    if (batch.instrument_ids.size() == 1) batch.instrument_index.clear();
    if (batch.trade_id_text.empty()) batch.trade_id_ends.clear();
  }

  // Only names of good rows go into the batch.
  std::uint32_t place_of(std::uint32_t name, std::vector<std::int64_t>& places) {
    if (places[name] < 0) {
      places[name] = static_cast<std::int64_t>(out_.batch.instrument_ids.size());
      out_.batch.instrument_ids.push_back(rows_.names[name]);
    }
    return static_cast<std::uint32_t>(places[name]);
  }

  const TradeRows& rows_;
  DecodedRows out_;
  std::vector<std::uint8_t> lost_digits_;
};

}  // namespace

DecodedRows decode_trade_rows(const TradeRows& rows) { return Decoder(rows).run(); }

}  // namespace alphaforge
