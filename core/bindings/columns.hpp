#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/int128.hpp"
#include "bindings/bindings.hpp"

namespace alphaforge::bindings {

// A column of many values from Python: a NumPy array (or what makes one, such as a pandas Series), or a sequence.
// Numeric arrays and arrays of fixed-width strings are read in place, without a Python object per value.
//
// Errors are as in numbers.hpp and name the column and the row.
class Column {
 public:
  Column(nb::handle values, const char* name);
  ~Column();
  Column(const Column&) = delete;
  Column& operator=(const Column&) = delete;

  std::size_t size() const { return size_; }

  // Times and counts.
  std::vector<std::int64_t> integers() const;
  // Integers mean mantissa / 10^scale; floats their shortest decimal. Each as a mantissa of nine places.
  void numbers(std::int64_t scale, const std::function<void(int128)>& take) const;
  // The same if all fit 64 bits; false, and nothing done, if the column is not an array of numbers or one doesn't fit.
  bool numbers64(std::int64_t scale, std::vector<std::int64_t>& out) const;
  // The codes of an array of integers, those that don't fit a byte as 0.
  std::vector<std::uint8_t> codes() const;
  // Strings as UTF-8, each valid during the call; integers as their digits.
  void texts(const std::function<void(std::string_view)>& take) const;
  // Whether it is an array of integers, such as codes.
  bool is_integer_array() const { return kind_ == 'i' || kind_ == 'u'; }

 private:
  template <class T>
  const T* data() const {
    return static_cast<const T*>(view_.buf);
  }
  template <class Visit>
  void each_object(Visit visit) const;
  void fixed_width_texts(const std::function<void(std::string_view)>& take) const;

  const char* name_;
  nb::object values_;  // a contiguous array, or a list or tuple
  Py_buffer view_{};
  char kind_ = 0;          // of the array: i, u, f, U, S; 0 for a sequence of objects
  std::size_t width_ = 0;  // bytes of an element of the array
  std::size_t size_ = 0;
};

}  // namespace alphaforge::bindings
