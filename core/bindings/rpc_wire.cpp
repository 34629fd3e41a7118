#include <cstddef>
#include <cstdint>

#include "bindings/bindings.hpp"
#include "bindings/numbers.hpp"
#include "wire/head.hpp"

// The head of a request, which services read first.

namespace alphaforge::bindings {

using namespace nb::literals;

namespace {

nb::tuple read_head(const nb::bytes& request, bool with_request_id) {
  const wire::RequestHead head = wire::decode_head({request.c_str(), request.size()}, with_request_id);
  const nb::object epoch = head.epoch ? nb::object(nb::int_(*head.epoch)) : nb::none();
  return nb::make_tuple(to_str(head.name), epoch, to_str(head.request_id));
}

std::size_t count_items(const nb::bytes& request, std::uint32_t field) {
  return wire::count_items({request.c_str(), request.size()}, field);
}

}  // namespace

void bind_rpc_wire(nb::module_ m) {
  m.def("read_head", &read_head, "request"_a, "with_request_id"_a,
        nb::sig("def read_head(request: bytes, with_request_id: bool) -> tuple[str, int | None, str]"),
        "Fields 1 to 3 of a request: the cache's or engine's name, the epoch, and the request's id if "
        "`with_request_id` (otherwise \"\").\n\n"
        "Reads the length of every field and decodes no other field. Raises InvalidArgument "
        "(MESSAGE_MALFORMED).");
  m.def("count_items", &count_items, "request"_a, "field"_a,
        "How often a field occurs in a request. Decodes nothing. Raises InvalidArgument (MESSAGE_MALFORMED).");
}

}  // namespace alphaforge::bindings
