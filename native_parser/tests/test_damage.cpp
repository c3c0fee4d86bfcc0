// Every byte is accounted for, chunks do not matter, and one fault costs at most one message: tried
// bit by bit on small recordings, and with random damage on larger ones.
#include <random>

#include "check.hpp"

namespace {

using argus::Bytes;
using argus::Specification;
using argus::test::Content;
using argus::test::parse;
using argus::test::sample;

using SpecificationPtr = std::shared_ptr<const Specification>;

void try_single_faults(const Content& content, std::size_t most_lost,
                       const SpecificationPtr& specification = nullptr) {
  const std::uint64_t rows = parse(content, SIZE_MAX, specification).rows;
  Content damaged = content;
  for (std::size_t at = 0; at < content.size(); ++at) {
    for (int change = 1; change < 256; change <<= 1) {  // test_every_fault tries every value
      damaged[at] = static_cast<std::uint8_t>(content[at] ^ change);
      const auto parsed = parse(damaged, SIZE_MAX, specification);
      CHECK(parsed.adds_up);
      if (parsed.rows + most_lost < rows || parsed.rows > rows) {
        std::fprintf(stderr, "byte %zu ^ %d: %llu of %llu messages\n", at, change,
                     static_cast<unsigned long long>(parsed.rows),
                     static_cast<unsigned long long>(rows));
        CHECK(parsed.rows + most_lost >= rows && parsed.rows <= rows);
      }
    }
    damaged[at] = content[at];
  }
}

// A recording cut after any byte keeps every message that is whole.
void try_truncations(const Content& content, const SpecificationPtr& specification = nullptr) {
  std::uint64_t before = 0;
  for (std::size_t size = 0; size <= content.size(); ++size) {
    const auto parsed = parse(Bytes(content).first(size), SIZE_MAX, specification);
    CHECK(parsed.adds_up);
    if (parsed.rows != before && parsed.rows != before + 1) {
      std::fprintf(stderr, "cut to %zu bytes: %llu messages after %llu\n", size,
                   static_cast<unsigned long long>(parsed.rows),
                   static_cast<unsigned long long>(before));
      CHECK(parsed.rows == before || parsed.rows == before + 1);
    }
    before = parsed.rows;
  }
  CHECK(before == parse(content, SIZE_MAX, specification).rows);
}

void try_chunks(const Content& content, const SpecificationPtr& specification = nullptr) {
  const auto whole = parse(content, SIZE_MAX, specification);
  for (const std::size_t chunk : {1u, 2u, 3u, 7u, 64u, 1000u}) {
    const auto parsed = parse(content, chunk, specification);
    CHECK(parsed.csv == whole.csv);
    CHECK(parsed.faults == whole.faults);
  }
}

// Random changes, cuts, insertions and copies, always with the same seed.
void try_mutations(const Content& content, int rounds,
                   const SpecificationPtr& specification = nullptr) {
  std::mt19937 random(20251109);
  const auto below = [&random](std::size_t limit) {
    return static_cast<std::size_t>(random() % std::max<std::size_t>(limit, 1));
  };
  for (int round = 0; round < rounds; ++round) {
    Content damaged = content;
    for (std::size_t faults = 1 + below(8); faults > 0 && !damaged.empty(); --faults) {
      const auto at = static_cast<std::ptrdiff_t>(below(damaged.size()));
      const auto size = static_cast<std::ptrdiff_t>(
          below(std::min<std::size_t>(300, damaged.size() - static_cast<std::size_t>(at))));
      switch (below(4)) {
        case 0:
          damaged[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(random());
          break;
        case 1:
          damaged.erase(damaged.begin() + at, damaged.begin() + at + size);
          break;
        case 2:
          damaged.insert(damaged.begin() + at, static_cast<std::size_t>(size),
                         static_cast<std::uint8_t>(random()));
          break;
        default: {
          const Content copy(damaged.begin() + at, damaged.begin() + at + size);
          damaged.insert(damaged.begin() + static_cast<std::ptrdiff_t>(below(damaged.size())),
                         copy.begin(), copy.end());
        }
      }
    }
    const auto whole = parse(damaged, SIZE_MAX, specification);
    CHECK(whole.adds_up);
    const auto parsed = parse(damaged, 1 + below(97), specification);
    CHECK(parsed.csv == whole.csv && parsed.faults == whole.faults);
  }
}

SpecificationPtr specification(const std::string& name) {
  const Content text = sample(name);
  return std::make_shared<const Specification>(
      Specification::parse({reinterpret_cast<const char*>(text.data()), text.size()}, name));
}

Content first(const Content& content, std::size_t size) {
  return {content.begin(),
          content.begin() + static_cast<std::ptrdiff_t>(std::min(size, content.size()))};
}

}  // namespace

int main() {
  CHECK(parse({}).adds_up);

  const Content golden = sample("dlt/golden.dlt");
  if (!golden.empty()) {
    try_chunks(golden);
    try_truncations(golden);
    // Without the long last text: the short messages are where lengths can deceive.
    try_single_faults(first(golden, 728), 1);
    try_mutations(golden, 300);
  }
  const Content magic = sample("dlt/c_magic_in_payload.dlt");
  if (!magic.empty()) try_chunks(Content(magic.begin() + 114'000, magic.begin() + 118'000));

  const auto scalars = specification("rec/alltypes.odvd");
  const Content all_types = sample("rec/alltypes.rec");
  if (!all_types.empty()) {
    const Content small = first(all_types, 900);
    try_chunks(all_types, scalars);
    try_truncations(small, scalars);
    try_single_faults(small, 1, scalars);
    try_mutations(first(all_types, 4000), 300, scalars);
  }
  return argus::test::result();
}
