// Where does a message begin, and is it one? The evidence that a damaged stream is read by.
//
// There is no checksum and no end mark. A candidate is
//  - framed: it begins with a pattern;
//  - in step: it is bare, and stands just where the message before it ended;
//  - searched: it is bare, and anything may stand before it.
// A framed one is believed by this evidence:
//  - its header is of a known version and its length holds the header;
//  - where a pattern or the recording's end follows and its arguments fill it exactly, it is
//    believed; also where a whole header follows, unless messages inside it lead, one by one, to
//    its end, or across it to where another one follows: then its length swallowed its neighbours;
//  - otherwise it is believed unless a message inside it is itself followed by one (a mere pattern
//    may belong to its payload), or its arguments reach beyond its end.
// A bare one must look like a message in every field that has to be one of a few values or
// printable. In step it is believed if its arguments fill it exactly, or no messages lie inside it
// and its arguments do not reach beyond its end. Searched it takes arguments that fill it exactly
// and something behind it that looks like a message, or a chain of such messages.
// Messages inside are followed from one to the next, whatever their framing. Bare ones take more:
// the first has to say where it comes from and to be filled by its arguments, and where they lead
// across the end and messages follow at the end as well, those count.
// What is not believed is quarantined up to the next candidate, so one fault costs one message.
#pragma once

#include <algorithm>

#include "argus/dlt.hpp"

namespace argus::dlt {

enum class Candidate : std::uint8_t { framed, in_step, searched };
enum class Belief : std::uint8_t { believed, rejected, undecided };

struct Judgement {
  Belief belief = Belief::undecided;
  std::size_t wanted = 0;        // bytes to see, when undecided
  const char* reason = nullptr;  // when rejected
};

inline constexpr const char* reason_between = "bytes that belong to no DLT message";
inline constexpr const char* reason_swallowed =
    "damaged message: its length reaches into other messages";
inline constexpr const char* reason_arguments =
    "damaged message: its arguments reach beyond its length";
inline constexpr const char* reason_beyond_end =
    "damaged or torn message: it reaches beyond the end of the recording";

enum class Look : std::uint8_t { no, yes, more_bytes };

// Do these bytes look like a bare message's header? Every field that is not free is checked.
[[nodiscard]] Look looks_bare(Bytes bytes, bool last, Header& header, std::size_t& wanted) noexcept;

// Do so many bare headers follow each other, or lead exactly to a pattern or the recording's end?
[[nodiscard]] Look bare_chain(Bytes bytes, bool last, int length, std::size_t& wanted) noexcept;

// Do messages from a pattern in the first `end` bytes on follow each other exactly to that end, or
// across it to where a pattern or the recording's end is?
[[nodiscard]] Look holds_chain(Bytes bytes, std::size_t end, bool last,
                               std::size_t& wanted) noexcept;

// Do messages from a bare one between `from` and `end` on follow each other exactly to that end?
// Where they `may_cross` it they may also lead to another message or to the recording's end, unless
// messages follow at `end` as well.
[[nodiscard]] Look holds_bare_chain(Bytes bytes, std::size_t from, std::size_t end, bool last,
                                    bool may_cross, std::size_t& wanted) noexcept;

// Is there a pattern at `at` that begins a message which ends where another one, or the end of the
// recording, follows?
[[nodiscard]] Look message_at(Bytes bytes, std::size_t at, bool last, std::size_t& wanted) noexcept;

// Does a message, framed or bare, that is followed by another one or by the end of the recording
// begin at `at`? The end of the recording does for one as well.
[[nodiscard]] Look leads_on(Bytes bytes, std::size_t at, bool last, std::size_t& wanted) noexcept;

// Does a message that ends where another one, or the end of the recording, follows begin inside the
// storage header's ECU id?
[[nodiscard]] Look ecu_id_holds_message(Bytes bytes, const Header& header, bool last,
                                        std::size_t& wanted) noexcept;

// Does a pattern in the first `end` bytes begin a message that ends where another one, or the end
// of the recording, follows? Looks beyond `end`.
[[nodiscard]] Look find_inner_message(Bytes bytes, std::size_t end, bool last,
                                      std::size_t& wanted) noexcept;

// Is there a message at the front that is laid out as the one before it, and a pattern behind it? Nearly
// all are. It takes no more to be believed than that its arguments fill it exactly. Leaves its
// header in `header`.
[[nodiscard]] inline bool is_plain(Bytes bytes, Header& header) noexcept {
  constexpr std::size_t ecu_id = 12;
  return read_alike(bytes, header) && header.verbose && bytes[ecu_id] != 'D' &&
         bytes.size() >= header.size + pattern_size && framing_at(bytes.subspan(header.size));
}

// Could a pattern or a bare header begin in the three bytes before `end`? So many more
// bytes as `quick_look` says must be there.
inline constexpr std::size_t quick_look = 16;
[[nodiscard]] inline bool may_end_in_next(const std::uint8_t* end) noexcept {
  // Printable, then nothing but zeros: where ids are not, a text before them often looks the part.
  const auto begins_id = [](const std::uint8_t* id) {
    return (id[0] < 0x7F && id[0] >= 0x20 && (id[1] != 0 || id[2] == 0)) ||
           (id[0] == 0 && id[1] == 0 && id[2] == 0);
  };
  const auto begins = [&begins_id](const std::uint8_t* at) {
    if (at[0] >> 5 == 1) {
      // The ECU's id, else the application's behind session, time, type and number of arguments.
      if ((at[0] & 0x04) != 0) return begins_id(at + 4);
      const std::size_t times = ((at[0] & 0x08) != 0 ? 4u : 0u) + ((at[0] & 0x10) != 0 ? 4u : 0u);
      return (at[0] & 0x01) != 0 && begins_id(at + 4 + times + 2);
    }
    return (at[0] == 'D' && at[1] == 'L') || (at[0] == 0 && at[1] == 0 && at[3] >> 5 == 2) ||
           (at[0] >> 5 == 2 && at[2] == 0 && at[3] == 0);
  };
  return begins(end - 3) || begins(end - 2) || begins(end - 1);
}

// Are the last bytes of a message whose arguments fill it exactly the first ones of the next one?
// They take the place of bytes that were lost. Asked of every bare message, so the quick look comes
// first.
[[nodiscard]] Look ends_in_next(Bytes bytes, const Header& header, bool last,
                                std::size_t& wanted) noexcept;

struct Found {
  std::size_t position;  // of the candidate; where the search has to go on when there is none yet
  bool candidate;
  Candidate kind = Candidate::framed;
  std::size_t wanted = 0;  // bytes to see from the position on, when there is none
};

// The next candidate after `from`, where no pattern is at it.
[[nodiscard]] Found search_candidate(Bytes bytes, std::size_t from, bool in_step,
                                     bool last) noexcept;

// The next candidate at or after `from`.
[[nodiscard]] inline Found next_candidate(Bytes bytes, std::size_t from, bool in_step,
                                          bool last) noexcept {
  if (framing_at(bytes.subspan(from))) return {from, true, Candidate::framed};
  return search_candidate(bytes, from, in_step, last);
}

// Decide about the framed candidate at the front. Leaves its header in `header`. `measure` takes
// the message's bytes and its header and says how its payload fits; it is called at most once.
template <class Measure>
[[nodiscard]] Judgement judge_framed(Bytes bytes, bool last, Header& header,
                                     const Measure& measure) {
  Judgement judged;
  const auto rejected = [](const char* reason) {
    return Judgement{Belief::rejected, 0, reason};
  };
  const HeaderState state = read_alike(bytes, header)
                                ? HeaderState::complete
                                : read_header(bytes, last, header, judged.wanted);
  switch (state) {
    case HeaderState::complete:
      break;
    case HeaderState::more_bytes:
      if (!last) return judged;
      return rejected("message torn off inside its header by the end of the recording");
    case HeaderState::bad_version:
      return rejected("damaged message: its header is of no known DLT version");
    case HeaderState::bad_length:
      return rejected("damaged message: its length is smaller than its header");
  }
  // A storage header whose ECU id is another message was of another framing, or its length is wrong.
  switch (ecu_id_holds_message(bytes, header, last, judged.wanted)) {
    case Look::more_bytes:
      return judged;
    case Look::yes:
      return rejected(reason_swallowed);
    case Look::no:
      break;
  }
  const std::size_t end = header.size;
  if (bytes.size() < end && last) return rejected(reason_beyond_end);
  judged.wanted = end + pattern_size;
  if (bytes.size() < judged.wanted && !last) return judged;

  const Bytes message = bytes.first(end);
  const Bytes after = bytes.subspan(end);
  const bool pattern_follows = after.empty() || framing_at(after).has_value();
  const Fit fit = measure(message, header);
  const Judgement believed{Belief::believed, 0, nullptr};
  if (pattern_follows && fit == Fit::exact) return believed;

  // From here on it takes a closer look; most recordings never get here, or only seldom.
  const bool strong = fit == Fit::exact && header.arguments > 0;
  Header next;
  const HeaderState next_state =
      after.empty()     ? HeaderState::complete
      : pattern_follows ? read_header(after, last, next, judged.wanted)
                        : HeaderState::bad_version;
  if (next_state == HeaderState::more_bytes && !last) {
    judged.wanted += end;
    return judged;
  }
  if (next_state == HeaderState::complete || next_state == HeaderState::more_bytes) {
    Look inner = holds_chain(bytes, end, last, judged.wanted);
    if (inner == Look::no && !strong) {
      inner = holds_bare_chain(bytes, header.payload_offset, end, last, false, judged.wanted);
    }
    switch (inner) {
      case Look::more_bytes:
        return judged;
      case Look::yes:
        return rejected(reason_swallowed);
      case Look::no:
        return believed;
    }
  }
  Look inner = find_inner_message(bytes, end, last, judged.wanted);
  if (inner == Look::no) {
    inner = strong ? ends_in_next(bytes, header, last, judged.wanted)
                   : holds_bare_chain(bytes, header.payload_offset, end, last, true, judged.wanted);
  }
  switch (inner) {
    case Look::more_bytes:
      return judged;
    case Look::yes:
      return rejected(reason_swallowed);
    case Look::no:
      break;
  }
  return pattern_follows || fit != Fit::too_short ? believed : rejected(reason_arguments);
}

// The same for a bare candidate.
template <class Measure>
[[nodiscard]] Judgement judge_bare(Bytes bytes, bool last, bool in_step, Header& header,
                                   const Measure& measure) {
  Judgement judged;
  const auto rejected = [](const char* reason) {
    return Judgement{Belief::rejected, 0, reason};
  };
  const Judgement believed{Belief::believed, 0, nullptr};
  switch (looks_bare(bytes, last, header, judged.wanted)) {
    case Look::more_bytes:
      return judged;
    case Look::no:
      return rejected(reason_between);
    case Look::yes:
      break;
  }
  const std::size_t end = header.size;
  if (bytes.size() < end && last) {
    return rejected(in_step ? reason_beyond_end : reason_between);
  }
  judged.wanted = end + pattern_size;
  if (bytes.size() < judged.wanted && !last) return judged;
  const Fit fit = measure(bytes.first(end), header);
  const bool strong = fit == Fit::exact && header.arguments > 0;
  if (strong && in_step) {
    if (bytes.size() >= end + quick_look && !may_end_in_next(bytes.data() + end)) {
      return believed;
    }
    switch (ends_in_next(bytes, header, last, judged.wanted)) {
      case Look::more_bytes:
        return judged;
      case Look::yes:
        return rejected(reason_swallowed);
      case Look::no:
        return believed;
    }
  }
  if (!strong) {
    // One that holds whole messages has a length that is not its own.
    Look inner = find_inner_message(bytes, end, last, judged.wanted);
    if (inner == Look::no) {
      inner = holds_bare_chain(bytes, header.payload_offset, end, last, true, judged.wanted);
    }
    if (inner == Look::more_bytes) return judged;
    if (inner == Look::yes) return rejected(reason_swallowed);
    if (in_step) return fit == Fit::too_short ? rejected(reason_arguments) : believed;
  }
  const Bytes after = bytes.subspan(end);
  if (!after.empty() && !framing_at(after)) {
    Header next;
    const Look follows = looks_bare(after, last, next, judged.wanted);
    judged.wanted += end;
    if (follows == Look::more_bytes) return judged;
    if (follows == Look::no) return rejected(reason_between);
  }
  if (strong) return believed;
  if (fit == Fit::too_short || fit == Fit::trailing) return rejected(reason_between);
  switch (bare_chain(bytes, last, 4, judged.wanted)) {
    case Look::more_bytes:
      return judged;
    case Look::no:
      return rejected(reason_between);
    case Look::yes:
      break;
  }
  return believed;
}

}  // namespace argus::dlt
