// What a format has to offer to be one of the parser's formats, and where its results go.
//
// Every byte of the window that a decoder consumes is reported once: by `decoded` as part of a
// message, or by `faults.add` as quarantined. What it decides may depend on the bytes only and
// never on how they were cut into windows: when it needs to look further it consumes less and says
// how many bytes it wants to see.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "argus/bytes.hpp"
#include "argus/columns.hpp"
#include "argus/faults.hpp"

namespace argus {

class Specification;

struct Window {
  Bytes bytes;
  std::uint64_t offset;  // of bytes[0] in the recording
  bool last;             // nothing follows
};

struct Progress {
  std::size_t consumed;  // from the front of the window; all of it when it is the last
  std::size_t wanted;    // at least so many of the bytes that are left must be there to go on
};

// Where decoders put what they find.
struct Output {
  std::vector<BatchPtr> batches;
  FaultLedger faults;
  std::uint64_t decoded_bytes = 0;
  std::uint64_t rows = 0;
  // What was kept as raw bytes, and how often.
  std::map<std::string, std::uint64_t, std::less<>> undecoded;

  void decoded(std::uint64_t bytes) noexcept {
    decoded_bytes += bytes;
    ++rows;
  }
  void count_undecoded(std::string_view what);
};

// Batches end after so many rows or bytes, wherever the chunks ended.
inline constexpr std::int64_t batch_rows = 65'536;
inline constexpr std::size_t batch_bytes = 8u << 20;

class Decoder {
 public:
  virtual ~Decoder() = default;
  [[nodiscard]] virtual Progress decode(const Window& window) = 0;
  // Hand out the rows that no batch holds yet.
  virtual void flush() = 0;
};

enum class Likeness { no, unknown, yes };

// The answer of a format that looks at bytes which start with its pattern.
struct Recognition {
  Likeness likeness;
  std::size_t wanted = 0;  // bytes it must see to know, when unknown
};

struct DecoderSetup {
  Output* output;
  std::shared_ptr<const Specification> specification;  // may be null
  bool at_start;                                       // the recording's first byte is a message's
};

// One entry of the registry in formats.cpp.
struct Format {
  std::string_view name;
  // Position of the next pattern at or after `from`, or the size of `bytes`. A pattern that only
  // begins in the last bytes is not found: `pattern_size - 1` bytes have to be looked at again.
  std::size_t (*find)(Bytes bytes, std::size_t from);
  std::size_t pattern_size;
  // Do these bytes, which start with the pattern, begin a message of this format?
  Recognition (*recognise)(const Window& window, bool at_start);
  std::unique_ptr<Decoder> (*make)(const DecoderSetup& setup);
};

[[nodiscard]] std::span<const Format> formats() noexcept;

}  // namespace argus
