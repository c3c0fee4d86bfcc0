#include <cstring>

#include "argus/dlt.hpp"

namespace argus::dlt {
namespace {

// Bits of HTYP.
constexpr std::uint8_t use_extended_header = 0x01;
constexpr std::uint8_t msb_first = 0x02;
constexpr std::uint8_t with_ecu_id = 0x04;
constexpr std::uint8_t with_session_id = 0x08;
constexpr std::uint8_t with_timestamp = 0x10;
constexpr std::size_t extended_header_size = 10;

[[nodiscard]] Id load_id(const std::uint8_t* from) noexcept {
  Id id;
  std::memcpy(id.data(), from, id.size());
  return id;
}

}  // namespace

std::optional<Framing> framing_at(Bytes bytes) noexcept {
  if (bytes.size() < pattern_size || bytes[0] != 'D' || bytes[1] != 'L' || bytes[3] != 1) return {};
  if (bytes[2] == 'T') return Framing::storage;
  if (bytes[2] == 'S') return Framing::serial;
  return {};
}

std::size_t find_pattern(Bytes bytes, std::size_t from) noexcept {
  while (from + pattern_size <= bytes.size()) {
    const void* found =
        std::memchr(bytes.data() + from, 'D', bytes.size() - from - (pattern_size - 1));
    if (found == nullptr) break;
    from = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - bytes.data());
    if (framing_at(bytes.subspan(from))) return from;
    ++from;
  }
  return bytes.size();
}

HeaderState read_header(Bytes bytes, Header& header, std::size_t& wanted) noexcept {
  header = {};
  header.framing = framing_at(bytes).value_or(Framing::storage);
  const std::size_t start = framing_size(header.framing);
  wanted = start + smallest_standard_header;
  if (bytes.size() < wanted) return HeaderState::more_bytes;

  const std::uint8_t htyp = bytes[start];
  // Some writers leave the version out, as old tools never looked at it.
  if (htyp >> 5 > 1) return HeaderState::bad_version;
  const std::size_t length = load_big<std::uint16_t>(bytes.data() + start + 2);
  header.size = start + length;
  std::size_t at = start + smallest_standard_header;
  header.payload_offset = at + ((htyp & with_ecu_id) != 0 ? 4u : 0u) +
                          ((htyp & with_session_id) != 0 ? 4u : 0u) +
                          ((htyp & with_timestamp) != 0 ? 4u : 0u) +
                          ((htyp & use_extended_header) != 0 ? extended_header_size : 0u);
  if (header.size < header.payload_offset) return HeaderState::bad_length;
  wanted = header.payload_offset;
  if (bytes.size() < wanted) return HeaderState::more_bytes;

  if (header.framing == Framing::storage) {
    header.storage_seconds = load_little<std::uint32_t>(bytes.data() + 4);
    header.storage_microseconds =
        static_cast<std::int32_t>(load_little<std::uint32_t>(bytes.data() + 8));
    header.ecu = load_id(bytes.data() + 12);
  }
  header.big_endian = (htyp & msb_first) != 0;
  header.counter = bytes[start + 1];
  if ((htyp & with_ecu_id) != 0) {
    header.ecu = load_id(bytes.data() + at);
    at += 4;
  }
  if ((htyp & with_session_id) != 0) {
    header.session = load_big<std::uint32_t>(bytes.data() + at);
    at += 4;
  }
  if ((htyp & with_timestamp) != 0) {
    header.timestamp = load_big<std::uint32_t>(bytes.data() + at);
    at += 4;
  }
  if ((htyp & use_extended_header) != 0) {
    const std::uint8_t msin = bytes[at];
    header.extended = true;
    header.verbose = (msin & 1) != 0;
    header.type = (msin >> 1) & 7;
    header.subtype = msin >> 4;
    header.arguments = bytes[at + 1];
    header.app = load_id(bytes.data() + at + 2);
    header.context = load_id(bytes.data() + at + 6);
  }
  return HeaderState::complete;
}

}  // namespace argus::dlt
