// MB/s of CPU time: a recording repeated to 200 MB, to columns and to CSV.
//   bench_parser RECORDING [SPECIFICATION.odvd]
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "argus/csv.hpp"
#include "argus/parser.hpp"

namespace {

constexpr std::size_t wanted_bytes = 200'000'000;
constexpr std::size_t chunk_bytes = 1 << 20;

std::vector<char> read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void measure(argus::Bytes content, bool csv,
             std::shared_ptr<const argus::Specification> specification) {
  argus::Parser parser({std::move(specification), nullptr, nullptr});
  argus::Buffer out;
  const auto drain = [&] {
    for (const auto& batch : parser.take()) {
      out.clear();
      if (csv) argus::write_csv(*batch, {}, out);
    }
  };
  const std::clock_t start = std::clock();
  for (std::size_t at = 0; at < content.size(); at += chunk_bytes) {
    parser.feed(content.subspan(at, std::min(chunk_bytes, content.size() - at)));
    drain();
  }
  parser.finish();
  drain();
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  std::printf("%-8s %8.0f MB/s  %llu messages\n", csv ? "csv" : "columns",
              static_cast<double>(content.size()) / seconds / 1e6,
              static_cast<unsigned long long>(parser.rows()));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s RECORDING [SPECIFICATION.odvd]\n", argv[0]);
    return 2;
  }
  const std::vector<char> once = read(argv[1]);
  if (once.empty()) {
    std::fprintf(stderr, "%s: cannot be read, or is empty\n", argv[1]);
    return 1;
  }
  std::shared_ptr<const argus::Specification> specification;
  if (argc > 2) {
    const std::vector<char> text = read(argv[2]);
    specification = std::make_shared<const argus::Specification>(
        argus::Specification::parse({text.data(), text.size()}, argv[2]));
  }
  std::vector<std::uint8_t> content;
  while (content.size() < wanted_bytes) content.insert(content.end(), once.begin(), once.end());
  for (int round = 0; round < 3; ++round) {
    measure(content, false, specification);
    measure(content, true, specification);
  }
  return 0;
}
