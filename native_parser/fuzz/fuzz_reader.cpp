// A recording in a file, read by three threads, comes out as from the push parser: the same
// batches in the same order, the same faults, the same CSV. The library is built with segments of a
// few hundred bytes, so that small inputs have many.
#include <sys/mman.h>
#include <unistd.h>

#include "argus/reader.hpp"
#include "harness.hpp"

namespace {

using argus::Bytes;
using argus::Knowledge;
using argus::fuzz::Outcome;

// A file that is only in memory.
class MemoryFile {
 public:
  explicit MemoryFile(Bytes content) : descriptor_(::memfd_create("recording", MFD_CLOEXEC)) {
    REQUIRE(descriptor_ >= 0);
    const auto written = ::write(descriptor_, content.data(), content.size());
    REQUIRE(written == static_cast<ssize_t>(content.size()));
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

// The tables of the scan, then the rows, by the push parser.
[[nodiscard]] Outcome parse_serially(Bytes recording, Knowledge knowledge,
                                     std::vector<argus::BatchPtr>& scanned) {
  argus::ScanBuilder builder;
  argus::Parser scan(builder);
  scan.feed(recording);
  scan.finish();
  if (scan.format() != nullptr && scan.format()->make_scan != nullptr) {
    knowledge.scan = builder.finish();
    scanned = knowledge.scan->tables();
  }
  return argus::fuzz::parse(recording, knowledge);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes recording(data, size);
  const Knowledge knowledge = argus::fuzz::fixed_specification();
  std::vector<argus::BatchPtr> scanned;
  Outcome serial = parse_serially(recording, knowledge, scanned);
  argus::fuzz::check_accounts(serial, size);
  serial.batches.insert(serial.batches.begin(), scanned.begin(), scanned.end());

  const MemoryFile file(recording);
  argus::Reader reader(file.path(), {knowledge, 3, argus::CsvOptions{}});
  Outcome parallel;
  for (;;) {
    std::vector<argus::Piece> pieces = reader.next();
    if (pieces.empty()) break;
    for (argus::Piece& piece : pieces) {
      argus::Buffer csv;
      write_csv(*piece.batch, {false, ',', "\r\n"}, csv);
      REQUIRE(csv.size() == piece.csv.size());
      REQUIRE(csv.empty() || std::memcmp(csv.data(), piece.csv.data(), csv.size()) == 0);
      parallel.batches.push_back(std::move(piece.batch));
    }
    for (auto& fault : reader.take_faults()) parallel.faults.push_back(std::move(fault));
  }
  REQUIRE(reader.finished() && reader.size() == size);
  for (auto& fault : reader.take_faults()) parallel.faults.push_back(std::move(fault));
  parallel.format = argus::fuzz::name_of(reader.format());
  parallel.rows = reader.totals().rows;
  parallel.decoded = reader.totals().decoded_bytes;
  parallel.quarantined = reader.totals().faults.bytes();
  parallel.undecoded = reader.totals().undecoded;
  argus::fuzz::check_same(serial, parallel);
  return 0;
}
