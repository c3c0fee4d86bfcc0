// A .rec recording with a specification, and the same one without: the specification says what is
// in an envelope, never where envelopes begin and end.
#include "harness.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace argus::fuzz;
  const argus::Bytes bytes(data, size);
  const Outcome known = parse(bytes, fixed_specification());
  check_accounts(known, size);
  const Outcome unknown = parse(bytes, {});
  check_accounts(unknown, size);
  REQUIRE(known.format == unknown.format && known.rows == unknown.rows);
  REQUIRE(known.decoded == unknown.decoded);
  REQUIRE(known.faults.size() == unknown.faults.size());
  return 0;
}
