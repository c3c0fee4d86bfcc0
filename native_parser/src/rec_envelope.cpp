// Envelopes, and whether to believe them.
//
// There is no checksum and no end mark. A candidate at a pattern is believed when its envelope
// decodes and the next bytes are a pattern or the recording's end. Where they are neither, garbage
// may follow a good envelope: it is believed if it stands just where the message before it ended
// and has no unknown field, unless
//  - the bytes behind it read on as fields of the same envelope up to the next pattern, which shows
//    that its length is too small, or
//  - another envelope that is followed by a pattern begins inside it, or on its last byte: then
//    bytes of it are missing.
#include <algorithm>
#include <cstring>

#include "argus/protobuf.hpp"
#include "argus/rec.hpp"

namespace argus::rec {
namespace {

using protobuf::Field;
using protobuf::Reader;
using protobuf::State;
using protobuf::Wire;

enum EnvelopeField : std::uint32_t {
  field_data_type = 1,
  field_payload = 2,
  field_sent = 3,
  field_received = 4,
  field_sample_time = 5,
  field_sender = 6,
};

// Fields that may follow a length that is too small: three times and a sender.
constexpr std::size_t continuation_bytes = 96;

[[nodiscard]] std::size_t length_at(Bytes bytes) noexcept {
  return bytes[2] | std::size_t{bytes[3]} << 8 | std::size_t{bytes[4]} << 16;
}

// Most writers put just the two fields, with five bytes each at most.
[[nodiscard]] bool read_plain_time(Bytes bytes, std::optional<std::int64_t>& time) noexcept {
  std::int64_t parts[2] = {0, 0};
  std::size_t at = 0;
  for (int part = 0; part < 2; ++part) {
    if (at >= bytes.size() || bytes[at++] != (part == 0 ? 0x08 : 0x10)) return false;
    std::uint64_t bits = 0;
    for (unsigned shift = 0;; shift += 7) {
      if (at >= bytes.size() || shift > 28) return false;
      const std::uint8_t byte = bytes[at++];
      bits |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) break;
    }
    if (bits > UINT32_MAX) return false;
    parts[part] = protobuf::zigzag(bits);
  }
  if (at != bytes.size()) return false;
  time = parts[0] * 1'000'000'000 + parts[1] * 1'000;
  return true;
}

[[nodiscard]] bool read_time(Bytes bytes, std::optional<std::int64_t>& time) noexcept {
  if (read_plain_time(bytes, time)) return true;
  std::int64_t seconds = 0;
  std::int64_t microseconds = 0;
  Reader reader(bytes);
  for (Field field;;) {
    switch (reader.next(field)) {
      case State::end:
        time = seconds * 1'000'000'000 + microseconds * 1'000;
        return true;
      case State::field:
        break;
      default:
        return false;
    }
    if (field.number > 2) continue;
    if (field.wire != Wire::varint) return false;
    const std::int64_t value = protobuf::zigzag(field.bits);
    if (value < INT32_MIN || value > INT32_MAX) return false;
    (field.number == 1 ? seconds : microseconds) = value;
  }
}

// Takes one field into the envelope; false when it cannot be one of an envelope.
[[nodiscard]] bool accept(const Field& field, Envelope& envelope) noexcept {
  switch (field.number) {
    case field_data_type: {
      if (field.wire != Wire::varint) return false;
      const std::int64_t value = protobuf::zigzag(field.bits);
      if (value < INT32_MIN || value > INT32_MAX) return false;
      envelope.data_type = static_cast<std::int32_t>(value);
      return true;
    }
    case field_sender:
      if (field.wire != Wire::varint || field.bits > UINT32_MAX) return false;
      envelope.sender = static_cast<std::uint32_t>(field.bits);
      return true;
    case field_payload:
      if (field.wire != Wire::delimited) return false;
      envelope.payload = field.bytes;
      return true;
    case field_sent:
      return field.wire == Wire::delimited && read_time(field.bytes, envelope.sent);
    case field_received:
      return field.wire == Wire::delimited && read_time(field.bytes, envelope.received);
    case field_sample_time:
      return field.wire == Wire::delimited && read_time(field.bytes, envelope.sample_time);
    default:
      envelope.has_unknown_fields = true;
      return true;
  }
}

// Is this the beginning of a field of an envelope, as far as it is there?
[[nodiscard]] bool may_be_torn(const Field& field) noexcept {
  constexpr std::uint64_t longest_time = 24;
  if (field.number == field_sender) return field.wire == Wire::varint;
  return field.wire == Wire::delimited &&
         (field.number == field_payload || field.bits <= longest_time);
}

// Do the bytes behind an envelope read on as its fields up to a pattern or the end? Writers put the
// fields in the order of their numbers.
[[nodiscard]] bool envelope_goes_on(const Envelope& envelope, Bytes after, bool last) noexcept {
  const Bytes near = after.first(std::min(after.size(), continuation_bytes));
  Reader reader(near, SIZE_MAX / 2);  // as the beginning of something longer
  Envelope ignored;
  std::uint32_t newest = envelope.newest_field;
  for (;;) {
    Field field;
    const State state = reader.next(field);
    if ((state != State::field && state != State::torn) || field.number <= newest ||
        field.number > field_sender) {
      return false;
    }
    // An envelope without a payload that is followed by one is a torn one, however long that is.
    if (field.number == field_payload) return field.wire == Wire::delimited;
    if (state == State::torn) return last && near.size() == after.size() && may_be_torn(field);
    if (!accept(field, ignored)) return false;
    newest = field.number;
    const Bytes rest = after.subspan(reader.position());
    if (pattern_at(rest) || (rest.empty() && last)) return true;
  }
}

enum class Inner : std::uint8_t { none, confirmed, more_bytes };

// So many patterns inside an envelope are looked at: no recording can make the search long.
constexpr int most_inner = 16;

// Does a pattern that begins in the first `end` bytes begin an envelope that ends where another
// one, or the end of the recording, follows?
[[nodiscard]] Inner find_inner_envelope(Bytes bytes, std::size_t end, bool last,
                                        std::size_t& wanted) noexcept {
  std::size_t inner = pattern_size;
  for (int tried = 0; tried < most_inner; ++tried, inner += pattern_size) {
    inner = find_pattern(bytes, inner);
    if (inner >= end) return Inner::none;
    const Bytes rest = bytes.subspan(inner);
    wanted = inner + header_size;
    if (rest.size() < header_size) {
      if (last) return Inner::none;
      return Inner::more_bytes;
    }
    const std::size_t length = length_at(rest);
    Envelope ignored;
    switch (read_envelope(rest.subspan(header_size), length, ignored, wanted)) {
      case EnvelopeState::invalid:
        continue;
      case EnvelopeState::more_bytes:
        wanted += inner + header_size;
        if (!last) return Inner::more_bytes;
        continue;
      case EnvelopeState::complete:
        break;
    }
    wanted = inner + header_size + length + pattern_size;
    if (bytes.size() < wanted && !last) return Inner::more_bytes;
    const Bytes behind = rest.subspan(header_size + length);
    if (behind.empty() || pattern_at(behind)) return Inner::confirmed;
  }
  return Inner::none;
}

}  // namespace

bool pattern_at(Bytes bytes) noexcept {
  return bytes.size() >= pattern_size && bytes[0] == 0x0D && bytes[1] == 0xA4;
}

std::size_t find_pattern(Bytes bytes, std::size_t from) noexcept {
  while (from + pattern_size <= bytes.size()) {
    const void* found = std::memchr(bytes.data() + from, 0x0D, bytes.size() - from - 1);
    if (found == nullptr) break;
    from = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - bytes.data());
    if (bytes[from + 1] == 0xA4) return from;
    ++from;
  }
  return bytes.size();
}

EnvelopeState read_envelope(Bytes bytes, std::size_t size, Envelope& envelope,
                            std::size_t& wanted) noexcept {
  envelope = {};
  bool typed = false;
  Reader reader(bytes.first(std::min(bytes.size(), size)), size);
  for (Field field;;) {
    switch (reader.next(field)) {
      case State::field:
        if (!accept(field, envelope)) return EnvelopeState::invalid;
        envelope.newest_field = std::max(envelope.newest_field, field.number);
        typed = typed || field.number == field_data_type;
        break;
      case State::end:
        return typed ? EnvelopeState::complete : EnvelopeState::invalid;
      case State::torn:
        wanted = std::max(reader.position(), bytes.size() + 1);
        return EnvelopeState::more_bytes;
      case State::invalid:
        return EnvelopeState::invalid;
    }
  }
}

Judgement judge(Bytes bytes, bool last, bool in_step, Envelope& envelope) noexcept {
  const auto undecided = [](std::size_t wanted) {
    return Judgement{Belief::undecided, 0, wanted, nullptr};
  };
  const auto rejected = [](const char* reason) {
    return Judgement{Belief::rejected, 0, 0, reason};
  };
  constexpr auto torn = "damaged or torn envelope: it reaches beyond the end of the recording";
  if (bytes.size() < header_size) return last ? rejected(torn) : undecided(header_size);
  const std::size_t length = length_at(bytes);
  const std::size_t end = header_size + length;
  std::size_t wanted = 0;
  switch (read_envelope(bytes.subspan(header_size), length, envelope, wanted)) {
    case EnvelopeState::invalid:
      return rejected("damaged envelope: its fields do not fit its length");
    case EnvelopeState::more_bytes:
      return last ? rejected(torn) : undecided(header_size + wanted);
    case EnvelopeState::complete:
      break;
  }
  const Bytes after = bytes.subspan(end);
  if (after.size() < pattern_size && !last) return undecided(end + pattern_size);
  const Judgement believed{Belief::believed, end, 0, nullptr};
  if (after.empty() || pattern_at(after)) return believed;
  if (!in_step) return rejected("damaged envelope: no message follows where it ends");
  if (after.size() < continuation_bytes && !last) return undecided(end + continuation_bytes);
  if (envelope.has_unknown_fields || envelope_goes_on(envelope, after, last)) {
    return rejected("damaged envelope: its fields do not fit its length");
  }
  switch (find_inner_envelope(bytes, end, last, wanted)) {
    case Inner::more_bytes:
      return undecided(wanted);
    case Inner::confirmed:
      return rejected("damaged envelope: another one begins inside it");
    case Inner::none:
      break;
  }
  return believed;
}

Recognition recognise(const Window& window, bool at_start) {
  Envelope envelope;
  const Judgement judged = judge(window.bytes, window.last, at_start, envelope);
  switch (judged.belief) {
    case Belief::believed:
      return {Likeness::yes};
    case Belief::undecided:
      return {Likeness::unknown, judged.wanted};
    case Belief::rejected:
      break;
  }
  // A recording torn off inside its only envelope is still one of this format.
  std::size_t wanted = 0;
  const bool torn = at_start && window.last && window.bytes.size() >= header_size &&
                    read_envelope(window.bytes.subspan(header_size), length_at(window.bytes),
                                  envelope, wanted) == EnvelopeState::more_bytes;
  return {torn ? Likeness::yes : Likeness::no};
}

}  // namespace argus::rec
