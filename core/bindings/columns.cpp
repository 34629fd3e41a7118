#include "bindings/columns.hpp"

#include <nanobind/stl/string.h>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "base/int128.hpp"
#include "base/reason.hpp"
#include "bindings/numbers.hpp"
#include "bindings/unchecked.hpp"
#include "model/numbers.hpp"

namespace alphaforge::bindings {
namespace {

std::string row_name(const char* column, std::size_t row) {
  return std::string(column) + "[" + std::to_string(row) + "]";
}

// Calls `take`; an error it throws names the column and the row.
template <class Take>
void at_row(const char* column, std::size_t row, Take take) {
  try {
    take();
  } catch (const InvalidArgument& error) {
    throw InvalidArgument(error.reason(), row_name(column, row) + ": " + error.what());
  } catch (const UnsupportedValue& error) {
    throw UnsupportedValue(error.reason(), row_name(column, row) + ": " + error.what());
  }
}

std::string dtype_of(nb::handle array) {
  const nb::object dtype = array.attr("dtype");
  return nb::str(nb::handle(dtype)).c_str();
}

[[noreturn]] void refuse_dtype(const char* column, const std::string& dtype) {
  throw UnsupportedValue(Reason::TYPE_UNSUPPORTED,
                         std::string(column) + " has dtype " + dtype + ", which is not supported");
}

nb::object as_array(nb::handle values) {
  static const nb::object* const numpy = new nb::object(nb::module_::import_("alphaforge_core._numpy").attr("numpy")());
  return numpy->attr("ascontiguousarray")(values);
}

std::int64_t power_of_ten(int exponent) {
  std::int64_t power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

// The factor of a column's integers. Throws for an invalid scale.
std::int64_t factor_of(std::int64_t scale, const char* column) {
  if (scale < 0 || scale > kPlaces)
    throw InvalidArgument(Reason::NUMBER_OUT_OF_RANGE,
                          "the scale of " + std::string(column) + " is " + std::to_string(scale) + "; expected 0 to 9");
  return power_of_ten(kPlaces - static_cast<int>(scale));
}

// Finds the nearest decimal of nine places. If dividing it back gives the double, as it usually does, it is also the
// double's shortest decimal, because doubles below 9e5 distinguish more than fifteen digits.
bool exact_mantissa(double value, std::int64_t& mantissa) {
  const double scaled = value * 1e9;
  if (!(std::fabs(scaled) < 9e14)) return false;
  mantissa = std::llrint(scaled);
  return static_cast<double>(mantissa) / 1e9 == value;
}

template <class T>
bool scaled(const T* values, std::size_t size, std::int64_t factor, std::vector<std::int64_t>& out) {
  if constexpr (std::is_same_v<T, std::int64_t>) {
    if (factor == 1) {
      out.assign(values, values + size);
      return true;
    }
  }
  out.resize(size);
  bool overflows = false;
  for (std::size_t i = 0; i < size; ++i) {
    if constexpr (std::is_same_v<T, std::uint64_t>)
      overflows |= values[i] > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    overflows |= __builtin_mul_overflow(static_cast<std::int64_t>(values[i]), factor, &out[i]);
  }
  return !overflows;
}

}  // namespace

Column::Column(nb::handle values, const char* name) : name_(name) {
  const bool is_sequence = PyList_Check(values.ptr()) || PyTuple_Check(values.ptr());
  if (!is_sequence && nb::hasattr(values, "__array__")) {
    nb::object array = as_array(values);
    if (nb::cast<int>(array.attr("ndim")) != 1)
      throw InvalidArgument(
          Reason::COLUMNS_UNEQUAL,
          std::string(name) + " has " + std::to_string(nb::cast<int>(array.attr("ndim"))) + " dimensions; expected 1");
    const nb::object dtype = array.attr("dtype");
    kind_ = nb::cast<std::string>(dtype.attr("kind"))[0];
    if (kind_ == 'M') {
      array = array.attr("astype")("datetime64[ns]").attr("view")("int64");
      kind_ = 'i';
    } else if (kind_ == 'O') {
      kind_ = 0;
      array = array.attr("tolist")();
    } else if (kind_ == 'b' || kind_ == 'c' || kind_ == 'm' || kind_ == 'V' || kind_ == 'T') {
      if (kind_ != 'T') refuse_dtype(name, dtype_of(array));
      kind_ = 0;
      array = array.attr("tolist")();
    } else if (!nb::cast<bool>(dtype.attr("isnative"))) {
      array = array.attr("astype")(dtype.attr("newbyteorder")("="));
    }
    values_ = array;
    if (kind_ != 0) {
      width_ = nb::cast<std::size_t>(array.attr("dtype").attr("itemsize"));
      const bool is_usual = kind_ == 'U' || kind_ == 'S' || width_ == 8 || (width_ <= 4 && kind_ != 'f') || width_ == 4;
      if (!is_usual) refuse_dtype(name, dtype_of(array));
      if (PyObject_GetBuffer(array.ptr(), &view_, PyBUF_C_CONTIGUOUS) != 0) throw nb::python_error();
    }
  } else {
    if (PyUnicode_Check(values.ptr()) || PyBytes_Check(values.ptr()) || values.is_none())
      throw UnsupportedValue(Reason::TYPE_UNSUPPORTED, std::string(name) + " must be an array or a sequence, not " +
                                                           nb::type_name(values.type()).c_str());
    // Through str, so that error messages name the column.
    PyObject* const sequence = PySequence_Fast(values.ptr(), "a column must be an array or a sequence");
    if (sequence == nullptr) throw nb::python_error();
    values_ = nb::steal(sequence);
  }
  size_ = nb::len(values_);
}

Column::~Column() {
  if (view_.obj != nullptr) PyBuffer_Release(&view_);
}

template <class Visit>
void Column::each_object(Visit visit) const {
  for (std::size_t row = 0; row < size_; ++row) {
    // A conversion may run Python code that changes a list.
    if (row >= nb::len(values_))
      throw InvalidArgument(Reason::COLUMNS_UNEQUAL, std::string(name_) + " changed its length while it was read");
    const nb::object value = nb::borrow(fast_item(values_, row));
    at_row(name_, row, [&] { visit(nb::handle(value), row); });
  }
}

std::vector<std::int64_t> Column::integers() const {
  std::vector<std::int64_t> out;
  if (kind_ == 0) {
    out.reserve(size_);
    each_object([&](nb::handle value, std::size_t) { out.push_back(to_nanos(value, name_)); });
    return out;
  }
  if (!is_integer_array()) refuse_dtype(name_, dtype_of(values_));
  if (!numbers64(kPlaces, out))
    throw InvalidArgument(Reason::TIME_OUT_OF_RANGE, std::string(name_) + " has a number that does not fit 64 bits");
  return out;
}

bool Column::numbers64(std::int64_t scale, std::vector<std::int64_t>& out) const {
  const std::int64_t factor = factor_of(scale, name_);
  if (kind_ == 'f' && width_ == 8) {
    out.resize(size_);
    const double* const values = data<double>();
    for (std::size_t row = 0; row < size_; ++row)
      if (!exact_mantissa(values[row], out[row])) {
        int128 mantissa = 0;
        at_row(name_, row, [&] { mantissa = decimal_of(values[row], name_); });
        out[row] = static_cast<std::int64_t>(mantissa);
        if (out[row] != mantissa) return false;
      }
    return true;
  }
  if (kind_ == 'f' && width_ == 4) {
    out.resize(size_);
    for (std::size_t row = 0; row < size_; ++row) {
      int128 mantissa = 0;
      at_row(name_, row, [&] { mantissa = decimal_of(data<float>()[row], name_); });
      out[row] = static_cast<std::int64_t>(mantissa);
      if (out[row] != mantissa) return false;
    }
    return true;
  }
  if (kind_ == 'i') {
    if (width_ == 8) return scaled(data<std::int64_t>(), size_, factor, out);
    if (width_ == 4) return scaled(data<std::int32_t>(), size_, factor, out);
    if (width_ == 2) return scaled(data<std::int16_t>(), size_, factor, out);
    return scaled(data<std::int8_t>(), size_, factor, out);
  }
  if (kind_ == 'u') {
    if (width_ == 8) return scaled(data<std::uint64_t>(), size_, factor, out);
    if (width_ == 4) return scaled(data<std::uint32_t>(), size_, factor, out);
    if (width_ == 2) return scaled(data<std::uint16_t>(), size_, factor, out);
    return scaled(data<std::uint8_t>(), size_, factor, out);
  }
  return false;
}

std::vector<std::uint8_t> Column::codes() const {
  if (kind_ == 'u' && width_ == 1) return {data<std::uint8_t>(), data<std::uint8_t>() + size_};
  std::vector<std::uint8_t> out;
  out.reserve(size_);
  for (const std::int64_t code : integers())
    out.push_back(code < 0 || code > 255 ? 0 : static_cast<std::uint8_t>(code));
  return out;
}

void Column::numbers(std::int64_t scale, const std::function<void(int128)>& take) const {
  const std::int64_t factor = factor_of(scale, name_);
  if (kind_ == 'U' || kind_ == 'S')
    return texts([&](std::string_view text) { take(parse_decimal(text, kPlaces, name_)); });
  if (kind_ == 'f') {
    for (std::size_t row = 0; row < size_; ++row)
      at_row(name_, row, [&] {
        take(width_ == 8 ? decimal_of(data<double>()[row], name_) : decimal_of(data<float>()[row], name_));
      });
    return;
  }
  if (kind_ == 'i' && width_ == 8) {
    for (std::size_t row = 0; row < size_; ++row)
      at_row(name_, row, [&] { take(static_cast<int128>(data<std::int64_t>()[row]) * factor); });
    return;
  }
  if (kind_ == 'u' && width_ == 8) {
    for (std::size_t row = 0; row < size_; ++row)
      at_row(name_, row, [&] { take(static_cast<int128>(data<std::uint64_t>()[row]) * factor); });
    return;
  }
  if (kind_ != 0) {
    std::vector<std::int64_t> narrow;
    numbers64(scale, narrow);
    for (const std::int64_t mantissa : narrow) take(mantissa);
    return;
  }
  each_object([&](nb::handle value, std::size_t) {
    if (PyLong_CheckExact(value.ptr())) return take(rescale(to_mantissa(value, name_), static_cast<int>(scale), 0));
    if (nb::isinstance<Price>(value)) return take(to_price(value, name_).mantissa);
    if (nb::isinstance<Quantity>(value)) return take(to_quantity(value, name_).mantissa);
    take(to_mantissa(value, name_));
  });
}

void Column::fixed_width_texts(const std::function<void(std::string_view)>& take) const {
  std::string text;
  const std::size_t length = kind_ == 'U' ? width_ / 4 : width_;
  for (std::size_t row = 0; row < size_; ++row) {
    if (kind_ == 'S') {
      const char* const begin = data<char>() + row * width_;
      std::size_t size = length;
      while (size != 0 && begin[size - 1] == '\0') --size;
      at_row(name_, row, [&] { take({begin, size}); });
      continue;
    }
    const char32_t* const begin = data<char32_t>() + row * length;
    std::size_t size = length;
    while (size != 0 && begin[size - 1] == 0) --size;
    text.clear();
    for (std::size_t i = 0; i < size; ++i) {
      const char32_t point = begin[i];
      const auto push = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
      if (point < 0x80) {
        push(point);
      } else if (point < 0x800) {
        push(0xc0 | point >> 6), push(0x80 | (point & 0x3f));
      } else if (point < 0x10000) {
        push(0xe0 | point >> 12), push(0x80 | (point >> 6 & 0x3f)), push(0x80 | (point & 0x3f));
      } else {
        push(0xf0 | point >> 18), push(0x80 | (point >> 12 & 0x3f)), push(0x80 | (point >> 6 & 0x3f)),
            push(0x80 | (point & 0x3f));
      }
    }
    at_row(name_, row, [&] { take(text); });
  }
}

void Column::texts(const std::function<void(std::string_view)>& take) const {
  if (kind_ == 'U' || kind_ == 'S') return fixed_width_texts(take);
  const auto digits = [&](auto value) {
    char buffer[24];
    const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
    take({buffer, static_cast<std::size_t>(end - buffer)});
  };
  if (kind_ == 'u' && width_ == 8) {
    for (std::size_t row = 0; row < size_; ++row) digits(data<std::uint64_t>()[row]);
    return;
  }
  if (is_integer_array()) {
    for (const std::int64_t value : integers()) digits(value);
    return;
  }
  if (kind_ != 0) refuse_dtype(name_, dtype_of(values_));
  each_object([&](nb::handle value, std::size_t) {
    if (PyLong_CheckExact(value.ptr())) return digits(to_count(value, name_));
    take(to_text(value, name_));
  });
}

}  // namespace alphaforge::bindings
