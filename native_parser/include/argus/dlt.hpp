// AUTOSAR DLT, versions 1 and 2: what a message's headers say and how its payload reads.
// Source: AUTOSAR PRS Log and Trace Protocol; the storage and serial framings are GENIVI's.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "argus/buffer.hpp"
#include "argus/bytes.hpp"
#include "argus/decoder.hpp"
#include "argus/lifecycles.hpp"

namespace argus::dlt {

inline constexpr std::size_t pattern_size = 4;
inline constexpr std::size_t smallest_standard_header = 4;

// What stands in front of a message's standard or base header.
enum class Framing : std::uint8_t {
  storage,          // "DLT\x01", receiver's time and ECU id: 16 bytes
  storage_version2,  // "DLT\x02", receiver's time and an ECU id of any length: 14 bytes and more
  serial,           // "DLS\x01": 4 bytes
  bare,             // nothing: messages follow each other
};

enum class MessageType : std::uint8_t { log = 0, app_trace = 1, network_trace = 2, control = 3 };

struct Header {
  Framing framing = Framing::storage;
  std::uint8_t version = 1;
  bool big_endian = false;  // payload; version 2 does not say, so its payload is tried
  std::uint8_t counter = 0;
  std::uint8_t layout = 0;  // HTYP, where `read_alike` may read the next message; else 0
  bool extended = false;  // type, sub-type and number of arguments are known
  bool verbose = false;
  std::uint8_t type = 0;     // 3 bits
  std::uint8_t subtype = 0;  // 4 bits
  std::uint8_t arguments = 0;
  bool has_app = false;  // application and context are known
  bool segmented = false;
  // Nanoseconds, or no_time.
  std::int64_t storage_time = no_time;  // since 1970 UTC, the receiver's clock
  std::int64_t ecu_time = no_time;      // since 1970 UTC, the ECU's clock (version 2)
  std::int64_t uptime = no_time;        // since the ECU started
  std::optional<std::uint32_t> session;
  std::optional<std::uint32_t> message_id;  // version 2 has it in its header
  std::optional<std::uint32_t> source_line;
  std::optional<std::uint8_t> privacy_level;
  // Ids as they stand in the message, their padding included; empty where there is none.
  Bytes ecu;
  Bytes app;
  Bytes context;
  Bytes source_file;
  Bytes tags;  // count, then a length and the text of each
  std::size_t payload_offset = 0;  // from the message's first byte
  std::size_t size = 0;            // of the whole message

  // As new. One by one: a compiler clears the whole with an instruction that is slow for so little.
  void reset() noexcept {
    framing = Framing::storage;
    version = 1;
    big_endian = extended = verbose = has_app = segmented = false;
    counter = layout = type = subtype = arguments = 0;
    storage_time = ecu_time = uptime = no_time;
    session.reset();
    message_id.reset();
    source_line.reset();
    privacy_level.reset();
    ecu = app = context = source_file = tags = Bytes{};
    payload_offset = size = 0;
  }
  [[nodiscard]] bool is_control() const noexcept {
    return extended && type == static_cast<std::uint8_t>(MessageType::control);
  }
  [[nodiscard]] bool is_non_verbose() const noexcept { return !verbose && !is_control(); }
};

// The framing whose pattern is at the front; none where there is no pattern.
[[nodiscard]] ARGUS_INLINE std::optional<Framing> framing_at(Bytes bytes) noexcept {
  if (bytes.size() < pattern_size) return {};
  switch (load_big<std::uint32_t>(bytes.data())) {
    case 0x444C5401:  // "DLT\x01"
      return Framing::storage;
    case 0x444C5402:
      return Framing::storage_version2;
    case 0x444C5301:  // "DLS\x01"
    case 0x444C5302:
      return Framing::serial;
    default:
      return {};
  }
}
[[nodiscard]] std::size_t find_pattern(Bytes bytes, std::size_t from) noexcept;

enum class HeaderState : std::uint8_t { complete, more_bytes, bad_version, bad_length };

// Read the headers of a message at the front, of the framing that its pattern says and bare where
// there is no pattern. `wanted` says how many bytes are needed when they are not all there. The
// byte order of version 2 shows in what follows the message, so it may be asked for as well, unless
// these bytes are the `last`.
[[nodiscard]] HeaderState read_header(Bytes bytes, bool last, Header& header,
                                      std::size_t& wanted) noexcept;

// The same where the message is laid out as the one that `header` is of, in a few instructions; false
// where it is not, or not all there. Nearly all messages of a recording are laid out alike.
[[nodiscard]] bool read_alike(Bytes bytes, Header& header) noexcept;

// An id without its padding.
[[nodiscard]] Bytes trimmed(Bytes id) noexcept;
[[nodiscard]] std::string id_text(Bytes id);

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
  note_segmented = 1u << 10,
  note_catalogue_lacks = 1u << 11,
  note_catalogue_differs = 1u << 12,
};
inline constexpr std::uint32_t note_kinds = 13;
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

// What `render_arguments` says of the same payload, without rendering it.
[[nodiscard]] Rendered measure_arguments(Bytes payload, unsigned count, bool big_endian) noexcept;

// How the payload of a whole message fits. Sets the header's byte order where its version leaves it
// open: little-endian, as the known writers do, unless only big-endian fits.
[[nodiscard]] Rendered measure_payload(Bytes message, Header& header) noexcept;

// Append a control message's service, status and parameters to `text`.
[[nodiscard]] Rendered render_control(Bytes payload, const Header& header, Buffer& text);

// The software version that a control message answers, without end marks; empty for others.
[[nodiscard]] Bytes software_version_of(Bytes payload, const Header& header) noexcept;

// What `Output::undecoded` calls messages that only a catalogue could decode.
inline constexpr std::string_view non_verbose_kind = "non-verbose message without a catalogue";

// Name of a control service, or an empty view.
[[nodiscard]] std::string_view service_name(std::uint32_t id) noexcept;

// Of the registry of formats.
[[nodiscard]] std::size_t find_candidate(Bytes bytes, std::size_t from) noexcept;
[[nodiscard]] std::size_t enter(Bytes bytes, std::size_t border) noexcept;
[[nodiscard]] Recognition recognise(const Window& window, bool at_start);
[[nodiscard]] std::unique_ptr<Decoder> make_decoder(const DecoderSetup& setup);
[[nodiscard]] std::unique_ptr<Decoder> make_scan(const DecoderSetup& setup);

}  // namespace argus::dlt
