// The reader's threads give what the push parser gives, whatever lies on the segments' borders.
#include <unistd.h>

#include <cstdio>
#include <random>

#include "argus/dlt.hpp"
#include "argus/reader.hpp"
#include "check.hpp"

namespace {

using argus::Bytes;
using argus::Specification;
using argus::test::Content;
using argus::test::sample;

using SpecificationPtr = std::shared_ptr<const Specification>;

// A file that is gone with the scope.
class TemporaryFile {
 public:
  explicit TemporaryFile(const Content& content) {
    char name[] = "/tmp/argus-test-XXXXXX";
    const int descriptor = ::mkstemp(name);
    path_ = name;
    std::FILE* file = ::fdopen(descriptor, "wb");
    if (!content.empty()) {
      CHECK(std::fwrite(content.data(), 1, content.size(), file) == content.size());
    }
    std::fclose(file);
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

struct ReadBack {
  std::string text;  // tables, rows of each batch, faults and counts
  bool adds_up = false;
};

void add_batch(std::string& text, const argus::Batch& batch, const argus::Buffer& csv) {
  text += batch.schema->table + " " + std::to_string(batch.rows) + "\n";
  if (!csv.empty()) text.append(reinterpret_cast<const char*>(csv.data()), csv.size());
}

void add_counts(std::string& text, const std::vector<argus::Fault>& faults, std::uint64_t rows,
                std::uint64_t decoded,
                const std::map<std::string, std::uint64_t, std::less<>>& undecoded) {
  for (const argus::Fault& fault : faults) {
    text += std::to_string(fault.offset) + "+" + std::to_string(fault.length) + fault.reason + "\n";
  }
  for (const auto& [what, count] : undecoded) text += what + std::to_string(count) + "\n";
  text += std::to_string(rows) + " " + std::to_string(decoded) + "\n";
}

[[nodiscard]] ReadBack read(const std::string& path, unsigned threads,
                            const SpecificationPtr& specification) {
  argus::ReaderOptions options;
  options.knowledge.specification = specification;
  options.threads = threads;
  options.csv = argus::CsvOptions{false, ',', "\n"};
  argus::Reader reader(path, options);
  ReadBack back;
  std::vector<argus::Fault> faults;
  const auto keep_faults = [&] {
    for (argus::Fault& fault : reader.take_faults()) faults.push_back(std::move(fault));
  };
  for (auto pieces = reader.next(); !pieces.empty(); pieces = reader.next()) {
    for (const argus::Piece& piece : pieces) add_batch(back.text, *piece.batch, piece.csv);
    keep_faults();
  }
  keep_faults();
  const argus::Output& totals = reader.totals();
  add_counts(back.text, faults, totals.rows, totals.decoded_bytes, totals.undecoded);
  back.adds_up = totals.decoded_bytes + totals.faults.bytes() == reader.size();
  return back;
}

// Both passes by the push parser, in chunks of one size.
[[nodiscard]] ReadBack push(const Content& content, std::size_t chunk,
                            const SpecificationPtr& specification) {
  const auto feed = [&](argus::Parser& parser) {
    for (std::size_t at = 0; at < content.size(); at += chunk) {
      parser.feed(Bytes(content).subspan(at, std::min(chunk, content.size() - at)));
    }
    parser.finish();
  };
  argus::ScanBuilder builder;
  argus::Parser scanner(builder);
  feed(scanner);
  const auto scan = builder.finish();
  argus::Parser parser({specification, nullptr, scan});
  feed(parser);
  ReadBack back;
  std::vector<argus::BatchPtr> batches = scan->tables();
  for (argus::BatchPtr& batch : parser.take()) batches.push_back(std::move(batch));
  for (const argus::BatchPtr& batch : batches) {
    argus::Buffer csv;
    write_csv(*batch, {false, ',', "\n"}, csv);
    add_batch(back.text, *batch, csv);
  }
  add_counts(back.text, parser.take_faults(), parser.rows(), parser.decoded_bytes(),
             parser.undecoded());
  back.adds_up = parser.decoded_bytes() + parser.quarantined_bytes() == content.size();
  return back;
}

void try_readers(const Content& content, const SpecificationPtr& specification = nullptr) {
  const TemporaryFile file(content);
  const ReadBack expected = push(content, 1 << 20, specification);
  CHECK(expected.adds_up);
  for (const unsigned threads : {1u, 2u, 5u}) {
    const ReadBack back = read(file.path(), threads, specification);
    CHECK(back.adds_up);
    CHECK(back.text == expected.text);
  }
}

[[nodiscard]] Content repeated(const Content& part, std::size_t size) {
  Content whole;
  while (!part.empty() && whole.size() < size) whole.insert(whole.end(), part.begin(), part.end());
  return whole;
}

// Under sanitizers, which make it slow, fewer.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint32_t damaged_rounds = 1;
#else
constexpr std::uint32_t damaged_rounds = 4;
#endif
constexpr std::size_t several_segments = 3 * argus::segment_bytes + 12'345;

// Bytes that a segment's border lies in are overwritten, left out or repeated.
void damage_borders(Content& content, std::uint32_t seed) {
  std::mt19937 random(seed);
  for (std::size_t border = argus::segment_bytes; border + 70'000 < content.size();
       border += argus::segment_bytes) {
    const std::size_t at = border - 200 + random() % 400;
    switch (random() % 3) {
      case 0:
        for (std::size_t i = 0; i < 1 + random() % 60'000; ++i) {
          content[at + i] = static_cast<std::uint8_t>(random());
        }
        break;
      case 1:
        content.erase(content.begin() + static_cast<std::ptrdiff_t>(at),
                      content.begin() + static_cast<std::ptrdiff_t>(at + 1 + random() % 300));
        break;
      default:
        content[at] = static_cast<std::uint8_t>(content[at] ^ (1u << random() % 8));
    }
  }
}

}  // namespace

int main() {
  const SpecificationPtr specification =
      std::make_shared<const Specification>(Specification::parse(
          [] {
            const Content text = sample("rec/vehicle.odvd");
            return std::string(text.begin(), text.end());
          }(),
          "vehicle.odvd"));
  for (const char* name : {"dlt/c_clean.dlt", "dlt/c_serial.dlt", "dlt/c_nostorage.dlt",
                           "dlt/c_garbage5k.dlt", "dlt/typ_4MB.dlt", "rec/J7_v2.3.1_0001.rec",
                           "rec/damaged_garbage4k.rec"}) {
    const Content content = repeated(sample(name), several_segments);
    try_readers(content, specification);
    for (std::uint32_t seed = 1; seed <= damaged_rounds; ++seed) {
      Content damaged = content;
      damage_borders(damaged, seed);
      try_readers(damaged, specification);
    }
  }
  // A thread that begins in a storage header does not take its rest for a bare message.
  for (std::size_t cut = 1; cut < 16; ++cut) {
    const Content messages = sample("dlt/c_clean.dlt");
    const std::size_t begin = argus::looked_around - cut;
    const std::size_t size = 16u + (messages[18] << 8 | messages[19]);
    Content around(begin, 0x5A);
    around.insert(around.end(), messages.begin(), messages.begin() + argus::looked_around + cut);
    CHECK(argus::dlt::enter(around, argus::looked_around) == begin + size);
    CHECK(argus::dlt::enter(Content(2 * argus::looked_around, 0x5A), argus::looked_around) ==
          argus::looked_around);
  }
  // Garbage that no segment has a message in, an empty file, and no known format at all.
  Content gap = repeated(sample("dlt/c_clean.dlt"), 500'000);
  const Content clean = gap;
  gap.resize(gap.size() + 2 * argus::segment_bytes, 0x5A);
  gap.insert(gap.end(), clean.begin(), clean.end());
  try_readers(gap);
  try_readers({});
  try_readers(Content(100, 'x'));

  // Cancelled, it ends at once and joins its threads.
  {
    const TemporaryFile file(repeated(clean, several_segments));
    argus::ReaderOptions options;
    options.threads = 3;
    argus::Reader reader(file.path(), options);
    CHECK(!reader.next().empty());
    reader.cancel();
    while (!reader.next().empty()) {
    }
    CHECK(reader.finished());
  }
  return argus::test::result();
}
