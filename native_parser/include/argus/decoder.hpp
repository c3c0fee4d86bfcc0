// What a format has to offer to be one of the parser's formats, and where its results go.
//
// Every byte of the window that a decoder consumes is reported once: by `decoded` as part of a
// message, or by `faults.add` as quarantined. What it decides may depend on the bytes only and
// never on how they were cut into windows: when it needs to look further it consumes less and says
// how many bytes it wants to see.
//
// A recording is read in segments of `segment_bytes`: a message belongs to the segment that its
// first byte lies in, and batches end where a segment does. That is what lets several threads read
// one recording and still make the same batches as one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "argus/bytes.hpp"
#include "argus/columns.hpp"
#include "argus/faults.hpp"
#include "argus/sightings.hpp"

namespace argus {

class Specification;
class Catalogue;
class Scan;

#ifndef ARGUS_SEGMENT_BYTES
#define ARGUS_SEGMENT_BYTES (1u << 20)  // the fuzz targets are built with a smaller one
#endif
inline constexpr std::uint64_t segment_bytes = ARGUS_SEGMENT_BYTES;

struct Window {
  Bytes bytes;
  std::uint64_t offset;  // of bytes[0] in the recording
  bool last;             // nothing follows
  std::uint64_t limit = UINT64_MAX;  // stop where no message that begins before it is left
};

struct Progress {
  std::size_t consumed;  // from the front of the window; all of it when it is the last
  std::size_t wanted;    // at least so many of the bytes that are left must be there to go on
};

// What a decoder has to remember between two messages. One that begins with the state in which
// another stopped goes on as that one would have.
struct DecoderState {
  bool in_step = false;  // the last message ended just here, or the recording begins here
  const char* reason = nullptr;  // why the bytes that follow are quarantined, if they are; static
  std::set<std::string> tables;  // names of the tables so far
};

// What `Format::enter` sees before and after the border.
inline constexpr std::size_t looked_around = 64;

inline constexpr std::size_t most_undecoded_kinds = 1000;

// Where decoders put what they find.
struct Output {
  std::vector<BatchPtr> batches;
  FaultLedger faults;
  std::uint64_t decoded_bytes = 0;
  std::uint64_t rows = 0;
  // What was kept as raw bytes, and how often.
  std::map<std::string, std::uint64_t, std::less<>> undecoded;
  // Where the first message begins.
  std::uint64_t first_message = UINT64_MAX;
  // What a scan found in one segment.
  dlt::Sightings sightings;

  void decoded(std::uint64_t offset, std::uint64_t bytes) noexcept {
    if (rows == 0) first_message = offset;
    decoded_bytes += bytes;
    ++rows;
  }
  // Kinds are bounded, whatever ids a damaged recording makes up: the rest are counted as one.
  void count_undecoded(std::string_view what, std::uint64_t count = 1);
  // Takes over what a later segment found.
  void absorb(Output&& later);
};

// Batches end after so many rows or bytes, wherever the chunks ended.
inline constexpr std::int64_t batch_rows = 65'536;
inline constexpr std::size_t batch_bytes = 8u << 20;

class Decoder {
 public:
  virtual ~Decoder() = default;
  [[nodiscard]] virtual Progress decode(const Window& window) = 0;
  // Hand out the rows that no batch holds yet; the next segment begins as the first one did.
  virtual void end_segment() = 0;
  [[nodiscard]] virtual DecoderState state() const = 0;
};

enum class Likeness { no, unknown, yes };

// The answer of a format that looks at bytes which start with its pattern.
struct Recognition {
  Likeness likeness;
  std::size_t wanted = 0;  // bytes it must see to know, when unknown
};

// What a recording is read with; each may be null.
struct Knowledge {
  std::shared_ptr<const Specification> specification;
  std::shared_ptr<const Catalogue> catalogue;
  std::shared_ptr<const Scan> scan;  // of the same recording
};

struct DecoderSetup {
  Output* output;
  Knowledge knowledge;
  DecoderState state;
};

// One entry of the registry in formats.cpp.
struct Format {
  std::string_view name;
  // Position of the next candidate at or after `from`, or the size of `bytes`. A candidate that
  // only begins in the last bytes is not found: `lookahead - 1` bytes have to be looked at again.
  std::size_t (*find)(Bytes bytes, std::size_t from);
  std::size_t lookahead;
  // Do these bytes, which start with a candidate, begin a message of this format?
  Recognition (*recognise)(const Window& window, bool at_start);
  std::unique_ptr<Decoder> (*make)(const DecoderSetup& setup);
  // The first pass, for formats that need one; else null.
  std::unique_ptr<Decoder> (*make_scan)(const DecoderSetup& setup);
  // Where a reader that begins at `border`, in the middle of the recording, finds its first message
  // if a header there was cut in two; `border` if none was. It is a guess from `looked_around` bytes
  // on both sides, and a wrong one costs time only. Null where half a header looks like nothing.
  std::size_t (*enter)(Bytes bytes, std::size_t border) noexcept;
};

[[nodiscard]] std::span<const Format> formats() noexcept;

}  // namespace argus
