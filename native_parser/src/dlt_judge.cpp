#include "dlt_judge.hpp"

namespace argus::dlt {
namespace {

// So many patterns inside a message are looked at, and so many messages behind one of them: more
// tell nothing new, and no recording can make the search long.
constexpr int most_inner = 16;
constexpr int longest_chain = 64;
// No bare message that says where it comes from is smaller.
constexpr std::size_t smallest_named = 8;

// Printable ASCII, then nothing but padding.
[[nodiscard]] bool is_printable(Bytes id) noexcept {
  const Bytes text = trimmed(id);
  return std::all_of(text.begin(), text.end(),
                     [](std::uint8_t c) { return c >= 0x20 && c < 0x7F; }) &&
         std::all_of(id.begin() + static_cast<std::ptrdiff_t>(text.size()), id.end(),
                     [](std::uint8_t c) { return c == 0; });
}

[[nodiscard]] bool is_known_kind(const Header& header) noexcept {
  static constexpr std::uint8_t most[] = {6, 5, 6, 3};
  return header.type < std::size(most) && header.subtype >= 1 &&
         header.subtype <= most[header.type];
}

// Could a bare header begin with these four bytes? Version 1, or version 2 in either byte order.
[[nodiscard]] bool may_be_bare(const std::uint8_t* at) noexcept {
  return at[0] >> 5 == 1 || (at[0] >> 5 == 2 && (at[1] & 0xF0) == 0 && at[2] == 0 && at[3] == 0) ||
         (at[3] >> 5 == 2 && (at[2] & 0xF0) == 0 && at[1] == 0 && at[0] == 0);
}

// Does it say, in any of its ids, where it comes from? Zeros are padding as often as ids.
[[nodiscard]] bool has_name(const Header& header) noexcept {
  return !trimmed(header.ecu).empty() || !trimmed(header.app).empty() ||
         !trimmed(header.context).empty();
}

// Do the arguments of a verbose message fill it, or is it kept raw from a known type on?
[[nodiscard]] bool may_be_arguments(Bytes message, Header& header) noexcept {
  constexpr std::uint32_t beyond_types = 0x40000;
  const Rendered measured = measure_payload(message, header);
  if (header.segmented) return true;
  if (measured.fit != Fit::unknown) return measured.fit == Fit::exact;
  return measured.raw.size() >= sizeof beyond_types &&
         load<std::uint32_t>(measured.raw.data(), header.big_endian) < beyond_types;
}

// Goes from one message at `inner` to the next, whatever their framing, up to `end` or across it.
// `reached` is where the last of them ends. No: there is none where one has to be.
[[nodiscard]] Look follow(Bytes bytes, std::size_t inner, std::size_t end, bool last,
                          std::size_t& reached, std::size_t& wanted) noexcept {
  reached = inner;
  for (int length = 0; reached < end; ++length) {
    if (length == longest_chain) {
      reached = end;
      break;
    }
    const Bytes rest = bytes.subspan(reached);
    Header header;
    Look look = Look::no;
    if (framing_at(rest)) {
      const HeaderState state = read_header(rest, last, header, wanted);
      look = state == HeaderState::complete              ? Look::yes
             : state == HeaderState::more_bytes && !last ? Look::more_bytes
                                                         : Look::no;
    } else {
      look = looks_bare(rest, last, header, wanted);
    }
    wanted += reached;
    if (look != Look::yes) return look;
    reached += header.size;
  }
  return Look::yes;
}

// Could a bare message of at most `most` bytes that says where it comes from begin with these four?
// Cheap, as it is asked of every byte of a message whose arguments tell nothing.
[[nodiscard]] bool may_be_named(const std::uint8_t* at, std::size_t most) noexcept {
  constexpr std::uint8_t with_ids = 0x05;  // an ECU id or an extended header
  if (at[0] >> 5 != 1) return (at[0] == 0 || at[3] == 0) && may_be_bare(at);
  const std::size_t length = load_big<std::uint16_t>(at + 2);
  return (at[0] & with_ids) != 0 && length >= smallest_named && length <= most;
}

// Looks at the patterns that begin from `from` to `end`, and beyond for what follows.
[[nodiscard]] Look find_message_within(Bytes bytes, std::size_t from, std::size_t end, bool last,
                                       std::size_t& wanted) noexcept {
  const Bytes searched = bytes.first(std::min(bytes.size(), end + pattern_size - 1));
  std::size_t inner = from;
  for (int tried = 0; tried < most_inner; ++tried, inner += pattern_size) {
    inner = find_pattern(searched, inner);
    if (inner >= end) return Look::no;
    if (const Look look = message_at(bytes, inner, last, wanted); look != Look::no) return look;
  }
  return Look::no;
}

}  // namespace

Look looks_bare(Bytes bytes, bool last, Header& header, std::size_t& wanted) noexcept {
  wanted = smallest_standard_header;
  if (bytes.size() < wanted) return last ? Look::no : Look::more_bytes;
  if (!may_be_bare(bytes.data()) || framing_at(bytes)) return Look::no;
  switch (read_header(bytes, last, header, wanted)) {
    case HeaderState::complete:
      break;
    case HeaderState::more_bytes:
      return last ? Look::no : Look::more_bytes;
    default:
      return Look::no;
  }
  // Without any id there is nothing to tell it from noise.
  if (header.ecu.empty() && !header.has_app) return Look::no;
  if (header.extended && !is_known_kind(header)) return Look::no;
  const bool printable =
      is_printable(header.ecu) && is_printable(header.app) && is_printable(header.context);
  return printable ? Look::yes : Look::no;
}

Look bare_chain(Bytes bytes, bool last, int length, std::size_t& wanted) noexcept {
  std::size_t at = 0;
  for (int seen = 0; seen < length; ++seen) {
    const Bytes rest = bytes.subspan(at);
    if (seen > 0 && ((rest.empty() && last) || framing_at(rest))) return Look::yes;
    Header header;
    const Look look = looks_bare(rest, last, header, wanted);
    wanted += at;
    if (look != Look::yes) return look;
    at += header.size;
    if (at > bytes.size()) {
      wanted = at;
      return last ? Look::no : Look::more_bytes;
    }
  }
  return Look::yes;
}

Look holds_chain(Bytes bytes, std::size_t end, bool last, std::size_t& wanted) noexcept {
  std::size_t inner = pattern_size;
  for (int tried = 0; tried < most_inner; ++tried, inner += pattern_size) {
    inner = find_pattern(bytes.first(end), inner);
    if (inner == end) return Look::no;
    std::size_t reached = 0;
    const Look look = follow(bytes, inner, end, last, reached, wanted);
    if (look == Look::more_bytes) return look;
    if (look == Look::no) continue;
    if (reached == end) return Look::yes;
    wanted = reached + pattern_size;
    if (bytes.size() < wanted && !last) return Look::more_bytes;
    if (reached == bytes.size() ||
        (reached < bytes.size() && framing_at(bytes.subspan(reached)))) {
      return Look::yes;
    }
  }
  return Look::no;
}

Look holds_bare_chain(Bytes bytes, std::size_t from, std::size_t end, bool last, bool may_cross,
                      std::size_t& wanted) noexcept {
  int tried = 0;
  const std::size_t least = may_cross ? 1 : smallest_named;
  for (std::size_t inner = from; inner + least <= end && tried < most_inner; ++inner) {
    if (bytes.size() - inner < pattern_size) {
      wanted = inner + pattern_size;
      return last ? Look::no : Look::more_bytes;
    }
    if (!may_be_named(bytes.data() + inner, may_cross ? UINT16_MAX : end - inner)) continue;
    Header header;
    Look look = looks_bare(bytes.subspan(inner), last, header, wanted);
    wanted += inner;
    if (look == Look::more_bytes) return look;
    if (look == Look::no || !has_name(header)) continue;
    if (!may_cross && inner + header.size > end) continue;
    // One whose arguments do not fit is no message that was swallowed.
    if (header.verbose) {
      wanted = inner + header.size;
      if (bytes.size() < wanted && last) continue;
      if (bytes.size() < wanted) return Look::more_bytes;
      if (!may_be_arguments(bytes.subspan(inner, header.size), header)) continue;
    }
    ++tried;
    std::size_t reached = 0;
    look = follow(bytes, inner, end, last, reached, wanted);
    if (look == Look::more_bytes) return look;
    if (look == Look::no) continue;
    if (reached == end) return Look::yes;
    if (!may_cross || (reached > bytes.size() && last)) continue;
    wanted = reached + pattern_size;
    if (bytes.size() < wanted && !last) return Look::more_bytes;
    const Bytes after = bytes.subspan(reached);
    look = after.empty() || framing_at(after) ? Look::yes
                                              : looks_bare(after, last, header, wanted);
    if (look == Look::no) continue;
    if (look == Look::more_bytes) {
      wanted += reached;
      return look;
    }
    // The bytes may be read both ways; then the message in front has the better right to them.
    look = leads_on(bytes, end, last, wanted);
    if (look == Look::more_bytes) return look;
    if (look == Look::no) return Look::yes;
    may_cross = false;
  }
  return Look::no;
}

Look message_at(Bytes bytes, std::size_t at, bool last, std::size_t& wanted) noexcept {
  const Bytes rest = bytes.subspan(at);
  if (!framing_at(rest)) return Look::no;
  Header header;
  const HeaderState state = read_header(rest, last, header, wanted);
  wanted += at;
  if (state == HeaderState::more_bytes && !last) return Look::more_bytes;
  if (state != HeaderState::complete) return Look::no;
  wanted = at + header.size + pattern_size;
  if (bytes.size() < wanted && !last) return Look::more_bytes;
  if (rest.size() < header.size) return Look::no;
  const Bytes after = rest.subspan(header.size);
  if (after.empty() || framing_at(after)) return Look::yes;
  const Look look = bare_chain(after, last, 2, wanted);
  wanted += at + header.size;
  return look;
}

Look leads_on(Bytes bytes, std::size_t at, bool last, std::size_t& wanted) noexcept {
  const Bytes rest = bytes.subspan(at);
  if (rest.empty() && last) return Look::yes;
  if (framing_at(rest)) return message_at(bytes, at, last, wanted);
  const Look look = bare_chain(rest, last, 2, wanted);
  wanted += at;
  return look;
}

Look ends_in_next(Bytes bytes, const Header& header, bool last, std::size_t& wanted) noexcept {
  constexpr std::size_t most_taken = pattern_size - 1;
  const std::size_t end = header.size;
  const std::size_t from = std::max(header.payload_offset, end - std::min(end, most_taken));
  const Look look = find_message_within(bytes, from, end, last, wanted);
  return look != Look::no ? look : holds_bare_chain(bytes, from, end, last, true, wanted);
}

Look ecu_id_holds_message(Bytes bytes, const Header& header, bool last,
                          std::size_t& wanted) noexcept {
  constexpr std::size_t offset = 12;
  constexpr std::size_t offset2 = 14;
  if (header.framing == Framing::storage) {
    return bytes[offset] == 'D' ? message_at(bytes, offset, last, wanted) : Look::no;
  }
  if (header.framing != Framing::storage_version2) return Look::no;
  const std::size_t end = offset2 + bytes[offset2 - 1];
  const Look look = find_message_within(bytes, offset2, end, last, wanted);
  if (look != Look::no || end < offset2 + smallest_named) return look;
  return holds_bare_chain(bytes, offset2, end, last, false, wanted);
}

Look find_inner_message(Bytes bytes, std::size_t end, bool last, std::size_t& wanted) noexcept {
  return find_message_within(bytes, pattern_size, end, last, wanted);
}

Found search_candidate(Bytes bytes, std::size_t from, bool in_step, bool last) noexcept {
  const auto waiting = [last](std::size_t position, std::size_t size) {
    return Found{last ? size : position, false, Candidate::framed, pattern_size};
  };
  const std::size_t size = bytes.size();
  if (size - from < pattern_size) return waiting(from, size);
  if (in_step) return {from, true, Candidate::in_step};
  for (std::size_t at = from; at + pattern_size <= size; ++at) {
    const std::uint8_t* const here = bytes.data() + at;
    if (*here == 'D' && framing_at(bytes.subspan(at))) return {at, true, Candidate::framed};
    if (may_be_bare(here)) return {at, true, Candidate::searched};
  }
  return waiting(size - (pattern_size - 1), size);
}

std::size_t find_candidate(Bytes bytes, std::size_t from) noexcept {
  const Found found = next_candidate(bytes, from, false, false);
  return found.candidate ? found.position : bytes.size();
}

// What is left of a header behind its pattern looks like a bare message.
std::size_t enter(Bytes bytes, std::size_t border) noexcept {
  for (std::size_t at = border; at-- > 0;) {
    if (!framing_at(bytes.subspan(at))) continue;
    Header header;
    std::size_t wanted = 0;
    const bool whole = read_header(bytes.subspan(at), false, header, wanted) == HeaderState::complete;
    return whole ? std::max(border, at + header.size) : border;
  }
  return border;
}

Recognition recognise(const Window& window, bool at_start) {
  Header header;
  std::size_t wanted = 0;
  if (framing_at(window.bytes)) {
    switch (read_header(window.bytes, window.last, header, wanted)) {
      case HeaderState::complete:
        return {Likeness::yes};
      case HeaderState::more_bytes:
        // A recording that ends inside its first header is still one of DLT.
        return window.last ? Recognition{Likeness::yes} : Recognition{Likeness::unknown, wanted};
      default:
        return {Likeness::no};
    }
  }
  // At the start a message that fills itself exactly is evidence enough, whatever follows it.
  bool exact = false;
  const auto measure = [&exact](Bytes message, Header& h) {
    const Rendered fits = measure_payload(message, h);
    exact = fits.fit == Fit::exact && h.arguments > 0;
    return fits.fit;
  };
  Judgement judged = judge_bare(window.bytes, window.last, at_start, header, measure);
  if (at_start && judged.belief == Belief::believed && !exact) {
    judged = judge_bare(window.bytes, window.last, false, header, measure);
  }
  switch (judged.belief) {
    case Belief::believed:
      return {Likeness::yes};
    case Belief::undecided:
      return {Likeness::unknown, judged.wanted};
    case Belief::rejected:
      break;
  }
  return {Likeness::no};
}

}  // namespace argus::dlt
