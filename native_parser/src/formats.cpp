// The formats that the parser knows. A new one is a decoder in a file of its own and a line here.
#include "argus/decoder.hpp"
#include "argus/dlt.hpp"
#include "argus/rec.hpp"

namespace argus {

std::span<const Format> formats() noexcept {
  static constexpr Format known[] = {
      {"dlt", dlt::find_pattern, dlt::pattern_size, dlt::recognise, dlt::make_decoder},
      {"rec", rec::find_pattern, rec::pattern_size, rec::recognise, rec::make_decoder},
  };
  return known;
}

void Output::count_undecoded(std::string_view what) {
  const auto found = undecoded.find(what);
  if (found != undecoded.end()) {
    ++found->second;
  } else {
    undecoded.emplace(what, 1);
  }
}

}  // namespace argus
