// The least that a test needs, so that the library builds and tests without any dependency.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "argus/csv.hpp"
#include "argus/parser.hpp"

namespace argus::test {

inline int failures = 0;

#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) {                                                              \
      ++argus::test::failures;                                                       \
      std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
    }                                                                                \
  } while (false)

[[nodiscard]] inline int result() {
  if (failures == 0) std::puts("ok");
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

using Content = std::vector<std::uint8_t>;

// A sample recording, or nothing where the samples are absent.
[[nodiscard]] inline Content sample(const std::string& name) {
  const char* folder = std::getenv("ARGUS_TEST_DATA");
  std::ifstream file(std::string(folder != nullptr ? folder : "tests/data") + "/" + name,
                     std::ios::binary);
  if (!file) std::fprintf(stderr, "skipped: no sample %s (set ARGUS_TEST_DATA)\n", name.c_str());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct Parsed {
  std::string csv;  // of all batches
  std::string faults;
  std::uint64_t rows = 0;
  bool adds_up = false;
};

// Feeds the bytes in chunks of `chunk` and renders everything that comes out.
[[nodiscard]] inline Parsed parse(Bytes bytes, std::size_t chunk = SIZE_MAX,
                                  std::shared_ptr<const Specification> specification = nullptr) {
  Parser parser({std::move(specification), nullptr, nullptr});
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t size = std::min(chunk, bytes.size() - at);
    // A copy of its own, so that a sanitizer sees every read beyond the chunk.
    const Content copy(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                       bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
    parser.feed(copy);
    at += size;
  }
  parser.finish();
  Parsed parsed;
  Buffer csv;
  for (const BatchPtr& batch : parser.take()) {
    csv.append(batch->schema->table);
    write_csv(*batch, {}, csv);
  }
  if (!csv.empty()) parsed.csv.assign(reinterpret_cast<const char*>(csv.data()), csv.size());
  for (const Fault& fault : parser.take_faults()) {
    parsed.faults += std::to_string(fault.offset) + "+" + std::to_string(fault.length) + " " +
                     fault.reason + "\n";
  }
  parsed.rows = parser.rows();
  parsed.adds_up = parser.bytes_in() == bytes.size() &&
                   parser.decoded_bytes() + parser.quarantined_bytes() == bytes.size();
  return parsed;
}

}  // namespace argus::test
