// The formats that the parser knows. A new one is a decoder in a file of its own and a line here.
#include <iterator>

#include "argus/decoder.hpp"
#include "argus/dlt.hpp"
#include "argus/rec.hpp"

namespace argus {

std::span<const Format> formats() noexcept {
  static constexpr Format known[] = {
      {"dlt", dlt::find_candidate, dlt::pattern_size, dlt::recognise, dlt::make_decoder,
       dlt::make_scan, dlt::enter},
      {"rec", rec::find_pattern, rec::pattern_size, rec::recognise, rec::make_decoder, nullptr,
       nullptr},
  };
  return known;
}

void Output::count_undecoded(std::string_view what, std::uint64_t count) {
  const auto found = undecoded.find(what);
  if (found != undecoded.end()) {
    found->second += count;
  } else if (undecoded.size() < most_undecoded_kinds) {
    undecoded.emplace(what, count);
  } else {
    undecoded["message of one of many more kinds"] += count;
  }
}

void Output::absorb(Output&& later) {
  if (batches.empty()) {
    batches = std::move(later.batches);
  } else {
    std::move(later.batches.begin(), later.batches.end(), std::back_inserter(batches));
  }
  faults.absorb(std::move(later.faults));
  if (rows == 0) {
    first_message = later.first_message;
    sightings = std::move(later.sightings);
  }
  decoded_bytes += later.decoded_bytes;
  rows += later.rows;
  for (const auto& [what, count] : later.undecoded) count_undecoded(what, count);
  later = {};
}

}  // namespace argus
