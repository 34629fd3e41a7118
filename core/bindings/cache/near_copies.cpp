#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bindings/cache/cache.hpp"
#include "bindings/cache/value.hpp"
#include "bindings/cache/value_types.hpp"

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

// Incremented in a child after each fork, since only its parent receives changes.
int forks = 0;

// Whether all callers may share the object.
bool is_immutable(nb::handle value) {
  PyObject* const type = reinterpret_cast<PyObject*>(Py_TYPE(value.ptr()));
  const auto is = [type](PyTypeObject& other) { return type == reinterpret_cast<PyObject*>(&other); };
  if (is(PyFloat_Type) || is(PyLong_Type) || is(PyUnicode_Type) || is(PyBytes_Type) || is(PyBool_Type)) return true;
  const ValueTypes& types = value_types();
  return type == types.decimal.ptr() || type == types.datetime.ptr() || type == types.date.ptr() ||
         type == types.timedelta.ptr() || type == types.price.ptr() || type == types.quantity.ptr();
}

// alphaforge_core.cache_wire.NearCopies: Python objects in LRU order, for fast hits. Guarded by the GIL alone: it never
// runs Python code while it is being changed.
class NearCopies {
 public:
  NearCopies(std::size_t max_size, nb::object clock) : max_size_(max_size), clock_(std::move(clock)) {}

  nb::object get(nb::handle key) {
    if (forks != forks_) return nb::none();
    const auto place = find(key);
    if (place == places_.end()) return nb::none();
    const auto copy = place->second;
    if (now_ns() >= copy->expires_at_ns) {
      remove(place);
      return nb::none();
    }
    ++hits_;
    if (copy->report != report_) {
      copy->report = report_;
      served_.push_back(copy->key);
    }
    if (copy != order_.begin()) order_.splice(order_.begin(), order_, copy);
    if (!copy->is_encoded) return copy->value;
    // Decoding may run Python code and thus other calls, so the bytes must outlive the copy.
    const nb::bytes encoded = nb::borrow<nb::bytes>(copy->value);
    return decode_value(view(encoded));
  }

  void put(nb::handle key, nb::handle value, nb::handle seconds) {
    key_text(key);
    const std::int64_t ttl_ns = to_ttl_ns(seconds);
    const bool is_encoded = !is_immutable(value);
    nb::object kept = nb::borrow(value);
    if (is_encoded) {
      std::string encoded;
      encode_value(value, encoded);
      kept = to_bytes(encoded);
    }
    const std::int64_t expires_at_ns = deadline(now_ns(), ttl_ns);
    remove(find(key));
    if (places_.size() == max_size_) remove(find(order_.back().key));
    order_.push_front({nb::borrow(key), std::move(kept), expires_at_ns, 0, is_encoded});
    places_.emplace(order_.front().key.ptr(), order_.begin());
  }

  bool contains(nb::handle key) {
    const auto place = find(key);
    return place != places_.end() && now_ns() < place->second->expires_at_ns;
  }

  void erase(nb::handle key) { remove(find(key)); }

  void clear() {
    places_.clear();
    // Destructors of the objects must not find them here.
    const std::list<Copy> gone = std::move(order_);
    order_.clear();
  }

  nb::tuple report() {
    nb::list keys;
    for (const nb::object& key : served_) keys.append(key);
    served_.clear();
    ++report_;
    return nb::make_tuple(keys, std::exchange(hits_, 0));
  }

 private:
  struct Copy {
    nb::object key, value;
    std::int64_t expires_at_ns;
    std::uint64_t report;  // the report that already includes it
    bool is_encoded;       // for a mutable value, which is copied for each caller
  };
  struct Hash {
    std::size_t operator()(PyObject* key) const { return static_cast<std::size_t>(PyObject_Hash(key)); }
  };
  struct Equal {
    bool operator()(PyObject* left, PyObject* right) const {
      return left == right || PyUnicode_Compare(left, right) == 0;
    }
  };
  using Places = std::unordered_map<PyObject*, std::list<Copy>::iterator, Hash, Equal>;

  // Only keys that are exactly str are kept: comparing subclasses could run code.
  Places::iterator find(nb::handle key) {
    return PyUnicode_CheckExact(key.ptr()) ? places_.find(key.ptr()) : places_.end();
  }

  void remove(Places::iterator place) {
    if (place == places_.end()) return;
    std::list<Copy> gone;
    gone.splice(gone.begin(), order_, place->second);
    places_.erase(place);
  }

  std::int64_t now_ns() const { return read_clock(clock_); }

  std::size_t max_size_;
  nb::object clock_;
  int forks_ = forks;
  std::list<Copy> order_;  // from the newest to the one unused longest
  Places places_;
  std::vector<nb::object> served_;
  std::uint64_t report_ = 1;
  std::uint64_t hits_ = 0;
};

}  // namespace

void bind_near_copies(nb::module_ m) {
  pthread_atfork(nullptr, nullptr, [] { ++forks; });
  nb::class_<NearCopies>(
      m, "NearCopies",
      "The entries of a near cache: values by key, bounded, in LRU order. In a forked child they are empty.")
      .def(nb::init<std::size_t, nb::object>(), "max_size"_a, "clock"_a.none() = nb::none(),
           nb::sig("def __init__(self, max_size: int, clock: collections.abc.Callable[[], int] | None = None) -> None"),
           "`clock` returns monotonic nanoseconds.")
      .def("get", &NearCopies::get, "key"_a, nb::sig("def get(self, key: str) -> typing.Any"),
           "The value, or None; mutable values are copied for the caller.")
      .def("put", &NearCopies::put, "key"_a, "value"_a, "seconds"_a,
           nb::sig("def put(self, key: str, value: object, seconds: float) -> None"),
           "Keeps a value for `seconds`; evicts the least recently used entry if full.")
      .def("contains", &NearCopies::contains, "key"_a, "Whether there is a value. Does not refresh it.")
      .def("delete", &NearCopies::erase, "key"_a, "Drops a value.")
      .def("clear", &NearCopies::clear, "Drops all.")
      .def("report", &NearCopies::report, nb::sig("def report(self) -> tuple[list[str], int]"),
           "The keys read since the last report, and the total number of reads.");
}

}  // namespace alphaforge::bindings
