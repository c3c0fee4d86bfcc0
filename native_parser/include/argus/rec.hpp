// The `.rec` recording of OpenDaVINCI, OpenDLV and libcluon: envelopes one after the other.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "argus/bytes.hpp"
#include "argus/decoder.hpp"

namespace argus::rec {

inline constexpr std::size_t pattern_size = 2;  // 0x0D 0xA4
inline constexpr std::size_t header_size = 5;   // pattern and length

// A recording may hold so many tables; what comes after goes, raw, to `unknown-overflow`.
inline constexpr std::size_t most_tables = 256;

struct Envelope {
  std::int32_t data_type = 0;
  std::uint32_t sender = 0;
  Bytes payload;
  // Nanoseconds since 1970, UTC.
  std::optional<std::int64_t> sent;
  std::optional<std::int64_t> received;
  std::optional<std::int64_t> sample_time;
  std::uint32_t newest_field = 0;  // the highest number of a field
  bool has_unknown_fields = false;
};

enum class EnvelopeState : std::uint8_t { complete, more_bytes, invalid };

// Read an envelope that is `size` bytes long, of which `bytes` may hold only the beginning: what is
// wrong is found as early as the bytes tell. `wanted` says how many are needed to go on.
[[nodiscard]] EnvelopeState read_envelope(Bytes bytes, std::size_t size, Envelope& envelope,
                                          std::size_t& wanted) noexcept;

[[nodiscard]] bool pattern_at(Bytes bytes) noexcept;
[[nodiscard]] std::size_t find_pattern(Bytes bytes, std::size_t from) noexcept;

enum class Belief : std::uint8_t { believed, rejected, undecided };

struct Judgement {
  Belief belief = Belief::undecided;
  std::size_t size = 0;          // of header and envelope, when believed
  std::size_t wanted = 0;        // bytes to see, when undecided
  const char* reason = nullptr;  // when rejected
};

// Decide about the candidate at the front. `in_step`: the message before it ended just here, which
// is evidence by itself.
[[nodiscard]] Judgement judge(Bytes bytes, bool last, bool in_step, Envelope& envelope) noexcept;

[[nodiscard]] Recognition recognise(const Window& window, bool at_start);
[[nodiscard]] std::unique_ptr<Decoder> make_decoder(const DecoderSetup& setup);

}  // namespace argus::rec
