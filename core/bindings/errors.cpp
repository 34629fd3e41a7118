#include <exception>
#include <string_view>

#include "base/error.hpp"
#include "base/reason.hpp"
#include "bindings/bindings.hpp"
#include "bindings/numbers.hpp"

namespace alphaforge::bindings {

namespace {

// An error's message may quote bytes that are not UTF-8; they are replaced, so that the caller gets this error instead
// of a decoding error.
nb::object message_of(const std::exception& error) {
  const std::string_view text = error.what();
  return nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

// Raises alphaforge_core.errors.<kind>(message, reason=...). The classes are Python's, so that the client, which may
// run without an engine, raises the same ones; the module is looked up here because it imports this extension.
template <typename Error>
void raise(const char* kind, const Error& error) {
  const nb::object type = nb::module_::import_("alphaforge_core.errors").attr(kind);
  const nb::object instance = type(message_of(error), nb::arg("reason") = to_str(name_of(error.reason())));
  PyErr_SetObject(type.ptr(), instance.ptr());
}

void translate(const std::exception_ptr& pointer, void* /*payload*/) {
  try {
    std::rethrow_exception(pointer);
  } catch (const InvalidArgument& error) {
    raise("InvalidArgument", error);
  } catch (const UnsupportedValue& error) {
    raise("UnsupportedValue", error);
  } catch (const ResourceExhausted& error) {
    raise("ResourceExhausted", error);
  } catch (const EngineError& error) {
    raise("EngineError", error);
  }
}

}  // namespace

void bind_errors(nb::module_ m) {
  nb::register_exception_translator(translate);
  nb::dict reasons, numbers;
#define X(name, number, help) \
  reasons[#name] = help;      \
  numbers[#name] = number;
  ALPHAFORGE_REASONS(X)
#undef X
  m.attr("REASONS") = reasons;
  m.attr("REASON_NUMBERS") = numbers;
}

}  // namespace alphaforge::bindings
