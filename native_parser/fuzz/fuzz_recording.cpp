// Any bytes, in any chunks: no crash, every byte accounted for, and the same output as in one
// piece. The first byte chooses the chunks.
#include <algorithm>
#include <cstdlib>

#include "argus/csv.hpp"
#include "argus/parser.hpp"

namespace {

struct Outcome {
  argus::Buffer csv;
  std::uint64_t faults = 0;
  std::uint64_t rows = 0;
};

std::shared_ptr<const argus::Specification> specification() {
  static const auto made = std::make_shared<const argus::Specification>(
      argus::Specification::parse("message a.In [id = 3] { uint8 a [id = 1]; string b [id = 2]; }"
                                  "message a.All [id = 4000] { bool f [id = 1]; char c [id = 2]; "
                                  "int8 i [id = 3]; int64 l [id = 9];"
                                  " float x [id = 11]; double d [id = 12]; string t [id = 13]; "
                                  "bytes o [id = 14]; a.In n [id = 2000]; }",
                                  "fuzz"));
  return made;
}

Outcome parse(argus::Bytes bytes, std::size_t chunk) {
  Outcome outcome;
  argus::Parser parser(specification());
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    parser.feed(bytes.subspan(at, std::min(chunk, bytes.size() - at)));
  }
  parser.finish();
  for (const auto& batch : parser.take()) argus::write_csv(*batch, {}, outcome.csv);
  outcome.faults = parser.fault_count();
  outcome.rows = parser.rows();
  if (parser.decoded_bytes() + parser.quarantined_bytes() != bytes.size()) std::abort();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const argus::Bytes bytes(data + 1, size - 1);
  const Outcome whole = parse(bytes, SIZE_MAX / 2);
  const Outcome chunked = parse(bytes, data[0] + std::size_t{1});
  const bool same = whole.faults == chunked.faults && whole.rows == chunked.rows &&
                    whole.csv.size() == chunked.csv.size() &&
                    (whole.csv.empty() ||
                     std::memcmp(whole.csv.data(), chunked.csv.data(), whole.csv.size()) == 0);
  if (!same) std::abort();
  return 0;
}
