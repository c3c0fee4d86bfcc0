// Version 2 of the protocol. Its real writers disagree: GENIVI's daemon writes HTYP2, LEN and the
// nanoseconds little-endian, others write them big-endian. So both readings are tried, and the one
// is taken that hangs together: whose fields lie inside LEN, whose nanoseconds are below a second
// and after which the next message, or the end of the recording, follows.
#include <algorithm>

#include "argus/dlt.hpp"

namespace argus::dlt {

[[nodiscard]] HeaderState read_version2(Bytes bytes, std::size_t start, bool last, Header& header,
                                        std::size_t& wanted) noexcept;

namespace {

// Bits of HTYP2.
constexpr std::uint32_t content_mask = 0x03;
constexpr std::uint32_t with_ecu_id = 0x04;
constexpr std::uint32_t with_app_and_context = 0x08;
constexpr std::uint32_t with_session_id = 0x10;
constexpr std::uint32_t with_source = 0x100;
constexpr std::uint32_t with_tags = 0x200;
constexpr std::uint32_t with_privacy = 0x400;
constexpr std::uint32_t with_segmentation = 0x800;
constexpr std::uint32_t known_bits = 0xFFF;

// What a message holds, in the two lowest bits.
constexpr std::uint32_t content_verbose = 0;
constexpr std::uint32_t content_non_verbose = 1;
constexpr std::uint32_t content_control = 2;

constexpr std::size_t fixed_size = 7;  // HTYP2, MCNT, LEN
// The nanoseconds' highest bit is set where the time counts from the ECU's start.
constexpr std::uint32_t nanoseconds_mask = 0x7FFF'FFFF;
constexpr std::uint32_t nanoseconds_limit = 1'000'000'000;
// Not every writer sets it: a clock that counts from the ECU's start does not reach three years, one
// from 1970 is far beyond.
constexpr std::uint64_t uptime_limit_s = 100'000'000;
// Whole seconds that 64-bit nanoseconds can hold.
constexpr std::uint64_t seconds_limit = 9'223'372'035;

// Takes fields off the front of a message; remembers when they reach beyond LEN or the bytes.
class Fields {
 public:
  Fields(Bytes bytes, std::size_t at, std::size_t end, bool big_endian) noexcept
      : bytes_(bytes), at_(at), end_(end), big_(big_endian) {}

  [[nodiscard]] HeaderState state() const noexcept { return state_; }
  [[nodiscard]] std::size_t position() const noexcept { return at_; }
  [[nodiscard]] std::size_t wanted() const noexcept { return wanted_; }

  [[nodiscard]] Bytes stretch(std::size_t size) noexcept {
    if (state_ != HeaderState::complete) return {};
    if (size > end_ - at_) {
      state_ = HeaderState::bad_length;
      return {};
    }
    if (at_ + size > bytes_.size()) {
      wanted_ = at_ + size;
      state_ = HeaderState::more_bytes;
      return {};
    }
    at_ += size;
    return bytes_.subspan(at_ - size, size);
  }
  template <class T>
  [[nodiscard]] T take() noexcept {
    const Bytes from = stretch(sizeof(T));
    return from.empty() ? T{} : load<T>(from.data(), big_);
  }
  [[nodiscard]] Bytes sized() noexcept { return stretch(take<std::uint8_t>()); }
  [[nodiscard]] std::uint64_t seconds() noexcept {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : stretch(5)) value = value << 8 | byte;
    return value;
  }

 private:
  Bytes bytes_;
  std::size_t at_;
  std::size_t end_;
  bool big_;
  HeaderState state_ = HeaderState::complete;
  std::size_t wanted_ = 0;
};

[[nodiscard]] std::int64_t nanoseconds(std::uint64_t seconds, std::uint32_t fraction) noexcept {
  if (seconds > seconds_limit) return no_time;
  return static_cast<std::int64_t>(seconds) * 1'000'000'000 + fraction;
}

// HTYP2's four bytes, in the order in which they make sense.
[[nodiscard]] std::uint32_t load_flags(const std::uint8_t* at) noexcept {
  const auto little = load_little<std::uint32_t>(at);
  return (little & ~known_bits) == 0 && (little >> 5 & 7) == 2 ? little
                                                              : load_big<std::uint32_t>(at);
}

void take_storage(Bytes bytes, bool big_endian, Header& header) noexcept {
  std::uint64_t seconds = 0;
  for (const std::uint8_t byte : bytes.subspan(4, 5)) seconds = seconds << 8 | byte;
  auto fraction = load<std::uint32_t>(bytes.data() + 9, big_endian) & nanoseconds_mask;
  if (fraction >= nanoseconds_limit) {
    fraction = load<std::uint32_t>(bytes.data() + 9, !big_endian) & nanoseconds_mask;
  }
  if (fraction < nanoseconds_limit) header.storage_time = nanoseconds(seconds, fraction);
  header.ecu = bytes.subspan(14, bytes[13]);
}

// The headers in one byte order.
[[nodiscard]] HeaderState read_as(Bytes bytes, std::size_t start, bool big_endian, Header& header,
                                  std::size_t& wanted) noexcept {
  const std::uint32_t flags = load_flags(bytes.data() + start);
  const std::uint32_t content = flags & content_mask;
  if ((flags & ~known_bits) != 0 || (flags >> 5 & 7) != 2 || content > content_control) {
    return HeaderState::bad_version;
  }
  const std::size_t length = load<std::uint16_t>(bytes.data() + start + 5, big_endian);
  if (length < fixed_size) return HeaderState::bad_length;
  header.version = 2;
  header.counter = bytes[start + 4];
  header.size = start + length;
  Fields in(bytes, start + fixed_size, header.size, big_endian);
  if (content != content_non_verbose) {
    const auto msin = in.take<std::uint8_t>();
    header.extended = true;
    header.verbose = content == content_verbose;
    header.type = (msin >> 1) & 7;
    header.subtype = msin >> 4;
    header.arguments = in.take<std::uint8_t>();
  }
  if (content != content_control) {
    const auto written = in.take<std::uint32_t>();
    const std::uint32_t fraction = written & nanoseconds_mask;
    const std::uint64_t seconds = in.seconds();
    if (fraction >= nanoseconds_limit) return HeaderState::bad_length;
    const std::int64_t time = nanoseconds(seconds, fraction);
    const bool since_start = written != fraction || seconds < uptime_limit_s;
    (since_start ? header.uptime : header.ecu_time) = time;
  }
  if (content == content_non_verbose) header.message_id = in.take<std::uint32_t>();
  if ((flags & with_ecu_id) != 0) header.ecu = in.sized();
  if ((flags & with_app_and_context) != 0) {
    header.has_app = true;
    header.app = in.sized();
    header.context = in.sized();
  }
  if ((flags & with_session_id) != 0) header.session = in.take<std::uint32_t>();
  if ((flags & with_source) != 0) {
    header.source_file = in.sized();
    header.source_line = in.take<std::uint32_t>();
  }
  if ((flags & with_tags) != 0) {
    const std::size_t from = in.position();
    const auto count = in.take<std::uint8_t>();
    for (unsigned i = 0; i < count && in.state() == HeaderState::complete; ++i) {
      static_cast<void>(in.sized());
    }
    if (in.state() == HeaderState::complete) {
      header.tags = bytes.subspan(from, in.position() - from);
    }
  }
  if ((flags & with_privacy) != 0) header.privacy_level = in.take<std::uint8_t>();
  header.segmented = (flags & with_segmentation) != 0;
  header.payload_offset = in.position();
  wanted = in.wanted();
  return in.state();
}

// Does something that can be a message, or the end of the recording, follow?
[[nodiscard]] bool followed(Bytes bytes, std::size_t size, bool last) noexcept {
  if (size > bytes.size()) return false;
  const Bytes after = bytes.subspan(size);
  if (after.empty()) return last;
  return framing_at(after).has_value() ||
         (after.size() >= 4 && ((after[0] >> 5 == 2 && after[2] == 0 && after[3] == 0) ||
                                (after[3] >> 5 == 2 && after[0] == 0 && after[1] == 0) ||
                                after[0] >> 5 == 1));
}

}  // namespace

HeaderState read_version2(Bytes bytes, std::size_t start, bool last, Header& header,
                          std::size_t& wanted) noexcept {
  wanted = start + fixed_size;
  if (bytes.size() < wanted) return HeaderState::more_bytes;
  Header big = header;
  Header little = header;
  std::size_t big_wanted = 0;
  std::size_t little_wanted = 0;
  const HeaderState as_big = read_as(bytes, start, true, big, big_wanted);
  const HeaderState as_little = read_as(bytes, start, false, little, little_wanted);
  const auto choose = [&](bool big_endian) {
    header = big_endian ? big : little;
    // What the storage header says of the ECU gives way to the message's own word.
    const Bytes own = header.ecu;
    if (header.framing == Framing::storage_version2) take_storage(bytes, big_endian, header);
    if (!own.empty()) header.ecu = own;
    return HeaderState::complete;
  };
  if (as_big == HeaderState::more_bytes || as_little == HeaderState::more_bytes) {
    wanted = std::max(big_wanted, little_wanted);
    if (!last) return HeaderState::more_bytes;
  }
  const bool big_fits = as_big == HeaderState::complete;
  const bool little_fits = as_little == HeaderState::complete;
  if (big_fits && little_fits && big.size != little.size) {
    const std::size_t far = std::max(big.size, little.size) + pattern_size;
    if (bytes.size() < far && !last) {
      wanted = far;
      return HeaderState::more_bytes;
    }
    if (followed(bytes, big.size, last)) return choose(true);
    if (followed(bytes, little.size, last)) return choose(false);
    // Garbage follows, or the recording is torn: the shorter one that is there takes less with it.
    return choose(big.size <= bytes.size() && big.size < little.size);
  }
  if (big_fits || little_fits) return choose(big_fits);
  if (as_big == HeaderState::more_bytes || as_little == HeaderState::more_bytes) {
    return HeaderState::more_bytes;
  }
  return as_big;
}

}  // namespace argus::dlt
