// Any bytes in any chunks come out as in one piece. The input's last bytes say how it is cut: the
// very last holds their number, and whether there is a specification.
#include "harness.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace argus::fuzz;
  if (size == 0) return 0;
  const argus::Bytes bytes(data, size - 1);
  const bool specified = (data[size - 1] & 0x80) != 0;
  const argus::Knowledge knowledge = specified ? fixed_specification() : argus::Knowledge{};
  const std::size_t cuts = std::min<std::size_t>(1 + (data[size - 1] & 0x0F), bytes.size());
  const argus::Bytes recording = bytes.first(bytes.size() - cuts);
  const Outcome whole = parse(recording, knowledge);
  const Outcome chunked = parse(recording, knowledge, bytes.last(cuts));
  check_accounts(whole, recording.size());
  check_accounts(chunked, recording.size());
  check_same(whole, chunked);
  return 0;
}
