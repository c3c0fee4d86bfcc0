// AUTOSAR DLT version 1: headers, and the decoder that makes the table `messages` of them.
// Source: AUTOSAR PRS Log and Trace Protocol; the storage and serial framings are GENIVI's.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "argus/buffer.hpp"
#include "argus/bytes.hpp"
#include "argus/decoder.hpp"

namespace argus::dlt {

inline constexpr std::size_t pattern_size = 4;
inline constexpr std::size_t smallest_standard_header = 4;

// What stands in front of a message's standard header.
enum class Framing : std::uint8_t {
  storage,  // "DLT\x01", receiver's time and ECU id: 16 bytes
  serial,   // "DLS\x01": 4 bytes
};

[[nodiscard]] constexpr std::size_t framing_size(Framing framing) noexcept {
  return framing == Framing::storage ? 16 : 4;
}

enum class MessageType : std::uint8_t { log = 0, app_trace = 1, network_trace = 2, control = 3 };

using Id = std::array<std::uint8_t, 4>;

struct Header {
  Framing framing = Framing::storage;
  std::int64_t storage_seconds = 0;
  std::int32_t storage_microseconds = 0;
  Id ecu{};
  bool big_endian = false;  // payload
  std::uint8_t counter = 0;
  std::optional<std::uint32_t> session;
  std::optional<std::uint32_t> timestamp;  // 0.1 ms since the ECU started
  bool extended = false;
  bool verbose = false;
  std::uint8_t type = 0;     // 3 bits
  std::uint8_t subtype = 0;  // 4 bits
  std::uint8_t arguments = 0;
  Id app{};
  Id context{};
  std::size_t payload_offset = 0;  // from the message's first byte
  std::size_t size = 0;            // of the whole message

  [[nodiscard]] bool is_control() const noexcept {
    return extended && type == static_cast<std::uint8_t>(MessageType::control);
  }
};

[[nodiscard]] std::optional<Framing> framing_at(Bytes bytes) noexcept;
[[nodiscard]] std::size_t find_pattern(Bytes bytes, std::size_t from) noexcept;

enum class HeaderState : std::uint8_t { complete, more_bytes, bad_version, bad_length };

// Read the headers of a message whose pattern is at the front. `wanted` says how many bytes are
// needed when they are not all there.
[[nodiscard]] HeaderState read_header(Bytes bytes, Header& header, std::size_t& wanted) noexcept;

// How well a payload fits between its header and its end.
enum class Fit : std::uint8_t {
  exact,     // all announced arguments, and not a byte more
  trailing,  // bytes are left after them
  unknown,   // nothing in the payload tells
  too_short  // an argument reaches beyond the end, or some are missing
};

// What was kept raw or is odd about a message, as bits.
enum Note : std::uint32_t {
  note_aray = 1u << 0,
  note_stru = 1u << 1,
  note_trai = 1u << 2,
  note_unknown_type = 1u << 3,
  note_float128 = 1u << 4,
  note_argument_too_long = 1u << 5,
  note_missing_arguments = 1u << 6,
  note_trailing_bytes = 1u << 7,
  note_short_control = 1u << 8,
  note_short_message_id = 1u << 9,
};
inline constexpr std::uint32_t note_kinds = 10;
[[nodiscard]] std::string_view note_text(std::uint32_t bit) noexcept;

struct Rendered {
  Fit fit = Fit::unknown;
  std::uint32_t notes = 0;
  Bytes raw;  // the part of the payload that was not decoded
};

// Append the arguments of a verbose payload to `text`, one space between two of them.
//
// Integers are decimal, or 0x… and 0b… groups of four where SCOD says so; floats have the shortest
// digits that read back; raw data is hex with ' between two bytes (as dlt-convert prints it); with
// VARI an argument reads `name: value unit`.
[[nodiscard]] Rendered render_arguments(Bytes payload, unsigned count, bool big_endian,
                                        Buffer& text);

// Append a control message's service, status and parameters to `text`.
[[nodiscard]] Rendered render_control(Bytes payload, const Header& header, Buffer& text);

// What `Output::undecoded` calls messages that only a catalogue could decode.
inline constexpr std::string_view non_verbose_kind = "non-verbose message without a catalogue";

// Name of a control service, or an empty view.
[[nodiscard]] std::string_view service_name(std::uint32_t id) noexcept;

[[nodiscard]] Recognition recognise(const Window& window, bool at_start);
[[nodiscard]] std::unique_ptr<Decoder> make_decoder(const DecoderSetup& setup);

}  // namespace argus::dlt
