#include <cstring>

#include "argus/dlt.hpp"
#include "argus/text.hpp"

namespace argus::dlt {

// In dlt_header_version2.cpp.
[[nodiscard]] HeaderState read_version2(Bytes bytes, std::size_t start, bool last, Header& header,
                                        std::size_t& wanted) noexcept;

namespace {

// Bits of HTYP.
constexpr std::uint8_t use_extended_header = 0x01;
constexpr std::uint8_t msb_first = 0x02;
constexpr std::uint8_t with_ecu_id = 0x04;
constexpr std::uint8_t with_session_id = 0x08;
constexpr std::uint8_t with_timestamp = 0x10;
constexpr std::uint8_t usual_parts = use_extended_header | with_timestamp;
constexpr std::size_t extended_header_size = 10;
constexpr std::size_t timestamp_size = 4;
constexpr std::size_t id_size = 4;

constexpr std::size_t storage_header_size = 16;
constexpr std::size_t storage2_fixed_size = 14;  // and the ECU id
constexpr std::int64_t nanoseconds_per_tick = 100'000;

// Is this the base header of version 2? Its version is in the low byte of HTYP2, which one writer
// puts first and others last.
[[nodiscard]] bool is_version2(const std::uint8_t* at) noexcept {
  const auto fits = [](std::uint8_t low, std::uint8_t next, std::uint8_t high, std::uint8_t top) {
    return low >> 5 == 2 && (next & 0xF0) == 0 && high == 0 && top == 0;
  };
  return fits(at[0], at[1], at[2], at[3]) || fits(at[3], at[2], at[1], at[0]);
}

void read_storage(Bytes bytes, Header& header) noexcept {
  const std::int64_t seconds = load_little<std::uint32_t>(bytes.data() + 4);
  const auto microseconds = static_cast<std::int32_t>(load_little<std::uint32_t>(bytes.data() + 8));
  header.storage_time = seconds * 1'000'000'000 + std::int64_t{microseconds} * 1'000;
  header.ecu = bytes.subspan(12, id_size);
}

void read_extended(Bytes bytes, std::size_t at, Header& header) noexcept {
  const std::uint8_t msin = bytes[at];
  header.verbose = (msin & 1) != 0;
  header.type = (msin >> 1) & 7;
  header.subtype = msin >> 4;
  header.arguments = bytes[at + 1];
  header.app = bytes.subspan(at + 2, id_size);
  header.context = bytes.subspan(at + 6, id_size);
}

[[nodiscard]] HeaderState read_version1(Bytes bytes, std::size_t start, Header& header,
                                        std::size_t& wanted) noexcept {
  const std::uint8_t htyp = bytes[start];
  // Some writers leave the version out, as old tools never looked at it.
  if (htyp >> 5 > 1 || (header.framing == Framing::bare && htyp >> 5 != 1)) {
    return HeaderState::bad_version;
  }
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

  header.big_endian = (htyp & msb_first) != 0;
  header.counter = bytes[start + 1];
  if ((htyp & with_ecu_id) != 0) {
    header.ecu = bytes.subspan(at, id_size);
    at += 4;
  }
  if ((htyp & with_session_id) != 0) {
    header.session = load_big<std::uint32_t>(bytes.data() + at);
    at += 4;
  }
  if ((htyp & with_timestamp) != 0) {
    header.uptime = load_big<std::uint32_t>(bytes.data() + at) * nanoseconds_per_tick;
    at += 4;
  }
  if ((htyp & use_extended_header) != 0) {
    read_extended(bytes, at, header);
    header.extended = true;
    header.has_app = true;
  }
  const bool usual = header.framing == Framing::storage && (htyp & usual_parts) == usual_parts;
  header.layout = usual ? htyp : std::uint8_t{0};
  return HeaderState::complete;
}

}  // namespace

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

HeaderState read_header(Bytes bytes, bool last, Header& header, std::size_t& wanted) noexcept {
  header.reset();
  header.framing = framing_at(bytes).value_or(Framing::bare);
  std::size_t start = 0;
  switch (header.framing) {
    case Framing::storage:
      start = storage_header_size;
      break;
    case Framing::storage_version2:
      wanted = storage2_fixed_size;
      if (bytes.size() < wanted) return HeaderState::more_bytes;
      start = storage2_fixed_size + bytes[storage2_fixed_size - 1];
      break;
    case Framing::serial:
      start = pattern_size;
      break;
    case Framing::bare:
      break;
  }
  wanted = start + smallest_standard_header;
  if (bytes.size() < wanted) return HeaderState::more_bytes;
  if (header.framing == Framing::storage) {
    read_storage(bytes, header);
  }
  const bool second =
      header.framing == Framing::storage_version2 ||
      (header.framing != Framing::storage && is_version2(bytes.data() + start));
  return second ? read_version2(bytes, start, last, header, wanted)
                : read_version1(bytes, start, header, wanted);
}

bool read_alike(Bytes bytes, Header& header) noexcept {
  const std::size_t end = header.payload_offset;
  const std::uint8_t htyp = header.layout;
  constexpr std::size_t start = storage_header_size;
  if (htyp == 0 || bytes.size() < end || framing_at(bytes) != Framing::storage ||
      bytes[start] != htyp) {
    return false;
  }
  const std::size_t size = start + load_big<std::uint16_t>(bytes.data() + start + 2);
  if (size < end) return false;
  header.size = size;
  header.counter = bytes[start + 1];
  read_storage(bytes, header);
  std::size_t at = start + smallest_standard_header;
  if ((htyp & with_ecu_id) != 0) {
    header.ecu = bytes.subspan(at, id_size);
    at += 4;
  }
  if ((htyp & with_session_id) != 0) header.session = load_big<std::uint32_t>(bytes.data() + at);
  const std::size_t extended = end - extended_header_size;
  header.uptime =
      load_big<std::uint32_t>(bytes.data() + extended - timestamp_size) * nanoseconds_per_tick;
  read_extended(bytes, extended, header);
  return true;
}

Bytes trimmed(Bytes id) noexcept {
  std::size_t size = 0;
  while (size < id.size() && id[size] != 0) ++size;
  return id.first(size);
}

std::string id_text(Bytes id) { return safe_text(trimmed(id)); }

}  // namespace argus::dlt
