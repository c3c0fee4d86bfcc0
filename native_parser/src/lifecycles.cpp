#include "argus/lifecycles.hpp"

#include <algorithm>
#include <utility>

namespace argus::dlt {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t year_2000 = 946'684'800 * second;
// Uptime is 32 bits of 0.1 ms.
constexpr std::int64_t wrap = (std::int64_t{1} << 32) * 100'000;
constexpr std::int64_t most_wrapped = 1024 * wrap;  // 13 years
// A silence around a wrap that needs no receiver's clock to be believed.
constexpr std::int64_t wrap_silence = 600 * second;
// From here on an estimate that jumped forward speaks of a suspend.
constexpr std::int64_t suspend = 5 * second;
// An ECU's end is known too late by the time that its fastest message took.
constexpr std::int64_t overlap = second / 2;
// Nothing holds an application's messages back for so long while the others are silent.
constexpr std::int64_t conviction = 10 * second;
// Less says too little to tell a resume from a burst of late messages.
constexpr std::int64_t shortest_resume = second / 10;
// The longest silence in a backlog that is believed without a second witness.
constexpr std::int64_t backlog_silence = 60 * second;
// Without reception: disorder, and the silence after which an uptime needs a second witness.
constexpr std::int64_t bare_disorder = 2 * second;
constexpr std::int64_t bare_silence = 60 * second;
constexpr std::int64_t bare_agreement = 3600 * second;

constexpr std::int64_t always_look = std::numeric_limits<std::int64_t>::max();

[[nodiscard]] constexpr std::int64_t distance(std::int64_t a, std::int64_t b) noexcept {
  return a > b ? a - b : b - a;
}

void keep_smaller(std::int64_t& kept, std::int64_t time) noexcept {
  if (kept == no_time || (time != no_time && time < kept)) kept = time;
}

}  // namespace

const ClockSpan* Lifecycles::span(std::uint32_t ecu, std::uint64_t offset) const noexcept {
  if (ecu >= spans.size()) return nullptr;
  const auto after =
      std::upper_bound(spans[ecu].begin(), spans[ecu].end(), offset,
                       [](std::uint64_t at, const ClockSpan& one) { return at < one.from_offset; });
  return after == spans[ecu].begin() ? nullptr : &*std::prev(after);
}

std::uint32_t Lifecycles::boot(std::uint32_t ecu, std::uint32_t mark) const noexcept {
  if (ecu >= marks.size()) return 0;
  const auto after =
      std::upper_bound(marks[ecu].begin(), marks[ecu].end(), mark,
                       [](std::uint32_t at, const BootMark& one) { return at < one.first_mark; });
  return after == marks[ecu].begin() ? 0 : std::prev(after)->boot;
}

std::uint32_t LifecycleTracker::find_ecu(std::string_view id) {
  const auto [at, is_new] =
      by_id_.try_emplace(std::string(id), static_cast<std::uint32_t>(ids_.size()));
  if (is_new && ids_.size() == most_ecus) {
    by_id_.erase(at);
    return no_ecu;
  }
  if (is_new) {
    ids_.emplace_back(id);
    ecus_.emplace_back();
  }
  last_ecu_ = at->second;
  return last_ecu_;
}

void LifecycleTracker::software_version(std::uint32_t ecu, std::string_view version) {
  if (ecu >= ecus_.size() || !ecus_[ecu].started) return;
  ecus_[ecu].now.version = version.substr(0, longest_version);
}

void LifecycleTracker::count(Segment& segment, std::uint64_t offset,
                             std::int64_t reception) noexcept {
  ++segment.messages;
  segment.last_offset = offset;
  if (reception == no_time) return;
  if (segment.first_reception == no_time) segment.first_reception = reception;
  segment.last_reception = reception;
}

// Every message that does not simply go on where the one before it was.
void LifecycleTracker::see_other(Ecu& e, const Sighting& sighting) {
  const std::int64_t reception = is_reception(sighting.reception) ? sighting.reception : no_time;
  const std::int64_t uptime = is_uptime(sighting.uptime) ? sighting.uptime : no_time;
  if (!e.started) {
    e.started = true;
    e.now.first_offset = sighting.offset;
    e.now.mark = e.marks = 1;
    ++lifecycles_;
  }
  if (sighting.control_request) ++e.now.control_requests;
  if (sighting.control_request || uptime == no_time || (uptime == 0 && e.zero_is_none)) {
    count(e.now, sighting.offset, reception);
    return;
  }
  const Reading reading{sighting.offset, reception, uptime, uptime, no_time};
  if (reception != no_time && (e.now.floored || e.now.largest == no_time)) {
    by_clock(e, reading);
  } else {
    by_uptime(e, reading);
  }
}

void LifecycleTracker::by_clock(Ecu& e, Reading reading) {
  // Each further turn looks at the segment before, after the last one was merged into it.
  for (;;) {
    Segment& now = e.now;
    if (!now.floored) {
      if (now.largest != no_time) return by_uptime(e, reading);
      reading.uptime = reading.written + now.wrapped;
      return anchor(e, reading);
    }
    bool doubtful = false;
    if (back_on_line_before(e, reading, doubtful)) {
      merge_last(e);
      continue;
    }
    if (doubtful) return count(now, reading.offset, reading.reception);

    unwrap(e, reading);
    const bool early = reading.estimate < now.floor - jitter;
    const bool fell = !early && reading.uptime < now.largest - disorder;
    const bool jumped = !early && !fell && is_jump(e, reading);
    if (early ? is_refuted(e, reading) : (fell || jumped) && is_outlier(e)) {
      merge_last(e);
      // The receiver's clock fell back from or to that single message only.
      if (reading.reception >= e.now.last_clocked) e.now.setbacks = setbacks_;
    } else if (early) {
      return fallen_estimate(e, reading);
    } else if (fell) {
      if (!fallen_uptime(e, reading)) return;
    } else if (!jumped) {
      return extend(e, reading);
    } else if (now.quiet || (now.largest == 0 && !e.earlier.empty() && !e.full)) {
      merge_last(e);
    } else {
      return jumped_forward(e, reading);
    }
  }
}

// Uptime went on, and yet the ECU seems to have started later.
void LifecycleTracker::jumped_forward(Ecu& e, const Reading& reading) {
  const Segment& now = e.now;
  Segment made;
  made.forward = true;
  if (now.last_clocked < year_2000 && reading.reception >= year_2000) {
    made.kind = LifecycleKind::clock_change;
    return open(e, reading, std::move(made));
  }
  made.comparable = true;
  // Silent for longer than all that it ever spoke: rather another boot, first heard of late.
  const std::int64_t silence = reading.uptime - now.largest;
  made.kind = silence > std::max(conviction, now.largest - now.smallest) ? LifecycleKind::boot
                                                                         : LifecycleKind::resume;
  open(e, reading, std::move(made));
}

// How far from its floor an estimate is still on the clock of the segment before.
std::int64_t LifecycleTracker::width_of_line_before(const Ecu& e) noexcept {
  const Segment& before = e.earlier.back();
  switch (e.now.kind) {
    case LifecycleKind::boot:
      return std::min(jitter, before.largest / 2);
    case LifecycleKind::resume:
      return jitter;
    case LifecycleKind::clock_change:
      return std::min(jitter, distance(e.now.floor, before.floor) / 2);
  }
  return jitter;
}

// Is the message on the clock of the segment before, so that the last one was a delay, a disorder
// or a wrong clock for a while?
bool LifecycleTracker::back_on_line_before(Ecu& e, const Reading& reading, bool& doubtful) const {
  const Segment& now = e.now;
  if (e.earlier.empty() || e.full || !e.earlier.back().floored) return false;
  const Segment& before = e.earlier.back();
  const std::int64_t uptime = reading.written + before.wrapped;
  const std::int64_t estimate = reading.reception - uptime;
  const bool on_line = distance(estimate, before.floor) <= width_of_line_before(e);
  if (now.quiet) return on_line || uptime >= before.largest - disorder;
  if (!on_line || now.kind != LifecycleKind::boot) return on_line;
  if (now.clocked == 1 && now.setbacks != setbacks_) return true;
  // A single message may be damaged.
  if (e.doubted != no_time && distance(e.doubted, estimate) <= jitter) return true;
  e.doubted = estimate;
  doubtful = true;
  return false;
}

// Is the last segment a single message that spoke of another clock, and nothing went on from it?
bool LifecycleTracker::is_outlier(const Ecu& e) noexcept {
  return e.now.clocked == 1 && !e.now.comparable && !e.earlier.empty() && !e.full &&
         e.earlier.back().floored;
}

// Did the ECU's clock stand still before this message?
bool LifecycleTracker::is_jump(const Ecu& e, const Reading& reading) noexcept {
  const Segment& now = e.now;
  const std::int64_t floor = now.floor + drift(reading.uptime - now.floor_uptime);
  const std::int64_t silence = distance(reading.reception, now.last_clocked);
  return reading.estimate - floor >= suspend &&
         reading.estimate - now.last_estimate >= suspend + drift(silence);
}

// Was the last segment a single message with damaged times? Its estimate lay far above.
bool LifecycleTracker::is_refuted(const Ecu& e, const Reading& reading) const noexcept {
  if (e.earlier.empty() || e.full || e.now.clocked > 1) return false;
  if (e.now.setbacks != setbacks_) return true;
  const Segment& before = e.earlier.back();
  const std::int64_t uptime = reading.written + before.wrapped;
  return e.now.floor - reading.estimate > backlog_silence && before.floored &&
         uptime >= before.largest - disorder && reading.reception - uptime >= before.floor - jitter;
}

// May a single message make the start so much earlier? A damaged uptime must not.
bool LifecycleTracker::is_credible(const Ecu& e, const Reading& reading) noexcept {
  const Segment& now = e.now;
  if (e.doubted != no_time && distance(e.doubted, reading.estimate) <= jitter) return true;
  // In a backlog uptime runs ahead while the receiver's clock stands still.
  const std::int64_t received = now.last_clocked - now.first_clocked;
  return now.floor - reading.estimate <= backlog_silence &&
         (now.clocked == 1 || received < (now.largest - now.smallest) / 2);
}

// The ECU seems to have started earlier than any message said.
void LifecycleTracker::fallen_estimate(Ecu& e, const Reading& reading) {
  Segment& now = e.now;
  if (e.now.setbacks != setbacks_) {
    if (now.quiet) merge_last(e);
    Segment made;
    made.kind = reading.uptime < e.now.largest - disorder ? LifecycleKind::boot
                                                          : LifecycleKind::clock_change;
    return open(e, reading, std::move(made));
  }
  if (!is_credible(e, reading)) {
    e.doubted = reading.estimate;
    return count(now, reading.offset, reading.reception);
  }
  e.doubted = no_time;
  extend(e, reading);
  // Nothing comes before it was sent: what seemed to be a later clock was a delay.
  while (!e.earlier.empty() && !e.full && e.now.comparable && e.earlier.back().floored &&
         e.now.floor <= e.earlier.back().floor + jitter) {
    merge_last(e);
  }
}

// Uptime is below what it was: a boot, a late message, or not clear yet. True when the message has
// to be looked at again.
bool LifecycleTracker::fallen_uptime(Ecu& e, const Reading& reading) {
  Segment& now = e.now;
  Segment made;
  made.comparable = true;
  if (reading.estimate >= now.floor + now.largest - overlap) {
    if (now.quiet) {
      merge_last(e);
      return true;
    }
    open(e, reading, std::move(made));
    return false;
  }
  const bool late = reading.estimate > now.floor + std::min(jitter, now.largest / 2);
  if (late && now.clocked == 1) {
    anchor(e, reading);  // nothing vouches for the first message
  } else if (late && !now.quiet) {
    made.quiet = true;
    open(e, reading, std::move(made));
  } else {
    extend(e, reading);
  }
  return false;
}

// Without the receiver's clock only a falling uptime tells.
void LifecycleTracker::by_uptime(Ecu& e, Reading reading) {
  unwrap(e, reading);
  if (e.now.largest == no_time) return anchor(e, reading);
  if (!e.earlier.empty() && !e.full && e.now.kind == LifecycleKind::boot && !e.now.floored &&
      e.earlier.back().largest != no_time && reading.uptime > e.now.largest + bare_disorder &&
      distance(reading.written + e.earlier.back().wrapped, e.earlier.back().largest) <=
          bare_disorder) {
    merge_last(e);  // what fell back was a single message, and the uptime before goes on
    unwrap(e, reading);
  }
  Segment& now = e.now;
  const bool fell = reading.uptime < now.largest - bare_disorder;
  // A leap, and a fall among messages with a reception, need a second witness at once.
  if (fell ? now.floored : reading.uptime > now.largest + bare_silence) {
    const bool agrees = e.doubted_uptime != no_time && e.doubted_clocked == now.clocked &&
                        reading.uptime >= e.doubted_uptime - bare_disorder &&
                        reading.uptime <= e.doubted_uptime + bare_agreement;
    e.doubted_uptime = reading.uptime;
    e.doubted_clocked = now.clocked;
    if (!agrees) return count(now, reading.offset, reading.reception);
  }
  if (fell) return open(e, reading, Segment{});
  extend(e, reading);
}

// Sets the uptime without wraps, and the estimate. Notes a wrap that happened.
void LifecycleTracker::unwrap(Ecu& e, Reading& reading) {
  Segment& now = e.now;
  std::int64_t uptime = reading.written + now.wrapped;
  if (now.largest != no_time && reading.written < wrap) {
    const std::int64_t gone = uptime + wrap - now.largest;
    if (uptime < now.largest - wrap / 2 && gone > -disorder && now.wrapped < most_wrapped) {
      const std::int64_t passed = reading.reception == no_time || !now.floored
                                      ? no_time
                                      : distance(reading.reception, now.last_clocked);
      if (gone <= wrap_silence ||
          (passed != no_time && distance(passed, gone) <= suspend + drift(passed))) {
        now.wrapped += wrap;
        uptime += wrap;
        if (wraps_ < most_wraps) {
          forget_wraps(e, reading.offset);
          e.wraps.push_back({reading.offset, now.wrapped});
          ++wraps_;
        } else {
          ++wraps_left_out_;
        }
      }
    } else if (now.wrapped > 0 && uptime > now.largest + wrap / 2 &&
               distance(uptime - wrap, now.largest) <= wrap_silence) {
      // Written before the wrap and received after it.
      uptime -= wrap;
      if (wraps_ + 2 <= most_wraps) {
        forget_wraps(e, reading.offset);  // it may be looked at twice
        e.wraps.push_back({reading.offset, now.wrapped - wrap});
        e.wraps.push_back({reading.offset + 1, now.wrapped});
        wraps_ += 2;
      } else {
        ++wraps_left_out_;
      }
    }
  }
  reading.uptime = uptime;
  reading.estimate = reading.reception == no_time ? no_time : reading.reception - uptime;
}

void LifecycleTracker::forget_wraps(Ecu& e, std::uint64_t from) noexcept {
  while (!e.wraps.empty() && e.wraps.back().offset >= from) {
    e.wraps.pop_back();
    --wraps_;
  }
}

// The message belongs to the segment that runs now.
void LifecycleTracker::extend(Ecu& e, const Reading& reading) const {
  Segment& now = e.now;
  if (reading.reception != no_time) {
    if (!now.floored || reading.estimate < now.floor + drift(reading.uptime - now.floor_uptime)) {
      now.floor = reading.estimate;
      now.floor_uptime = reading.uptime;
      now.floored = true;
      keep_smaller(now.start, reading.estimate);
    }
    now.last_estimate = reading.estimate;
    now.last_clocked = reading.reception;
    if (now.first_clocked == no_time) now.first_clocked = reading.reception;
    now.setbacks = setbacks_;
  }
  now.largest = std::max(now.largest, reading.uptime);
  keep_smaller(now.smallest, reading.uptime);
  ++now.clocked;
  count(now, reading.offset, reading.reception);
  if (now.quiet && now.floored && now.last_clocked - now.first_clocked >= conviction) {
    now.quiet = false;
    now.mark = ++e.marks;
  }
  note_barrier(e);
}

// The segment's clock is what this message says.
void LifecycleTracker::anchor(Ecu& e, const Reading& reading) const {
  Segment& now = e.now;
  now.floored = false;
  now.start = now.largest = now.smallest = no_time;
  now.clocked = 0;
  now.first_clocked = no_time;
  Reading first = reading;
  if (first.reception != no_time) first.estimate = first.reception - first.uptime;
  extend(e, first);
}

// A new segment begins with this message.
void LifecycleTracker::open(Ecu& e, const Reading& reading, Segment made) {
  while (e.now.kind == LifecycleKind::clock_change && is_outlier(e)) merge_last(e);
  Reading first = reading;
  const bool is_boot = made.kind == LifecycleKind::boot;
  if (is_boot) {
    first.uptime = first.written;
    forget_wraps(e, reading.offset);
  }
  e.doubted = e.doubted_uptime = no_time;
  if (lifecycles_ >= most_lifecycles) {
    if (!made.quiet) ++lifecycles_left_out_;
    if (!e.full) {
      e.full = true;
      e.kept_start = e.now.start;
      e.kept_smallest = e.now.smallest;
      e.kept_largest = e.now.largest;
    }
    if (is_boot) e.now.wrapped = 0;
    e.now.quiet = false;
    return anchor(e, first);
  }
  made.first_offset = reading.offset;
  made.wrapped = is_boot ? 0 : e.now.wrapped;
  made.mark = e.now.mark;
  if (is_boot && !made.quiet) made.mark = ++e.marks;
  e.earlier.push_back(std::exchange(e.now, std::move(made)));
  ++lifecycles_;
  anchor(e, first);
}

// The last segment was none of its own.
void LifecycleTracker::merge_last(Ecu& e) {
  const Segment last = std::exchange(e.now, std::move(e.earlier.back()));
  e.earlier.pop_back();
  --lifecycles_;
  if (last.largest == 0) e.zero_is_none = true;
  if (last.kind == LifecycleKind::boot) forget_wraps(e, last.first_offset);
  absorb(e.now, last);
  e.doubted = no_time;
  note_barrier(e);
}

void LifecycleTracker::absorb(Segment& into, const Segment& last) {
  into.messages += last.messages;
  into.control_requests += last.control_requests;
  into.last_offset = last.last_offset;
  if (into.first_reception == no_time) into.first_reception = last.first_reception;
  if (last.last_reception != no_time) into.last_reception = last.last_reception;
  if (!last.version.empty()) into.version = last.version;
  const bool was_boot = last.kind == LifecycleKind::boot;
  if (!was_boot) into.wrapped = last.wrapped;
  // One message that was on another clock is no witness of this one.
  if (last.clocked < 2) return;
  into.clocked += last.clocked;
  if (!was_boot || into.wrapped == 0) {
    into.largest = std::max(into.largest, last.largest);
    keep_smaller(into.smallest, last.smallest);
  }
  if (!last.floored || !into.floored) return;
  if (last.comparable && last.floor < into.floor) {
    into.floor = last.floor;
    into.floor_uptime = last.floor_uptime;
    keep_smaller(into.start, last.start);
  }
  into.last_estimate = last.last_estimate;
  into.last_clocked = last.last_clocked;
  into.setbacks = last.setbacks;
}

// In hindsight: is a segment a lifecycle of its own, or did its messages only come late?
bool LifecycleTracker::stands(const Segment& segment, const Segment& before) noexcept {
  if (segment.quiet || segment.largest == 0) return false;
  if (segment.kind == LifecycleKind::clock_change) return segment.clocked > 1;
  const std::int64_t received =
      segment.floored ? segment.last_clocked - segment.first_clocked : std::int64_t{0};
  if (segment.forward) {
    // Late messages come in a burst: the receiver's clock hardly moves.
    const std::int64_t run = segment.largest - segment.smallest;
    return segment.clocked > 1 && run >= shortest_resume && received >= run / 2;
  }
  if (!segment.comparable || !segment.floored || !before.floored) return true;
  return segment.floor >= before.floor + before.largest - overlap || received >= conviction;
}

// Which estimates the fast path has to leave to back_on_line_before and fallen_estimate.
void LifecycleTracker::note_barrier(Ecu& e) noexcept {
  e.barrier = no_time;
  if (!e.earlier.empty() && !e.full && e.earlier.back().floored) {
    const std::int64_t before = e.earlier.back().floor;
    const std::int64_t width = width_of_line_before(e);
    if (before <= e.now.floor) {
      e.barrier = before + width + 1;
    } else if (before - width <= e.now.floor + jitter) {
      e.barrier = always_look;  // the clock was set back by little
    }
  }
  const bool calm = e.now.floored && !e.now.quiet;
  e.low = calm ? std::max(e.now.floor - jitter, e.barrier) : always_look;
}

Lifecycles LifecycleTracker::finish() {
  Lifecycles found;
  found.ecus = std::move(ids_);
  found.spans.resize(ecus_.size());
  found.marks.resize(ecus_.size());
  found.all.reserve(lifecycles_);
  for (std::uint32_t ecu = 0; ecu < ecus_.size(); ++ecu) {
    if (ecus_[ecu].started) describe(ecus_[ecu], ecu, found);
    ecus_[ecu] = {};
  }
  found.lifecycles_left_out = lifecycles_left_out_;
  found.wraps_left_out = wraps_left_out_;
  found.messages_left_out = messages_left_out_;
  *this = {};
  return found;
}

void LifecycleTracker::describe(Ecu& e, std::uint32_t ecu, Lifecycles& found) {
  if (e.full) {
    e.now.start = e.kept_start;
    e.now.smallest = e.kept_smallest;
    e.now.largest = e.kept_largest;
  }
  e.earlier.push_back(std::move(e.now));
  std::vector<Segment> segments;
  for (Segment& segment : e.earlier) {
    if (segments.empty() || stands(segment, segments.back())) {
      segments.push_back(std::move(segment));
    } else {
      absorb(segments.back(), segment);
    }
  }
  for (Segment& segment : segments) {
    // Who writes 0 only does not know its uptime.
    if (segment.largest != 0) continue;
    segment.start = segment.smallest = segment.largest = no_time;
    segment.floored = false;
  }

  // Before the receiver's clock was first set it told no date, but uptime went on: what the set
  // clock says holds for the part before as well.
  for (std::size_t i = segments.size(); i-- > 1;) {
    if (segments[i].kind != LifecycleKind::clock_change || !segments[i].forward) continue;
    if (!segments[i].floored || !segments[i - 1].floored) continue;
    const std::int64_t shift = segments[i].start - segments[i - 1].start;
    for (std::size_t k = i; k-- > 0;) {
      if (!segments[k].floored || segments[k].last_clocked >= year_2000) break;
      segments[k].start += shift;
      if (segments[k].kind == LifecycleKind::boot) break;
    }
  }

  const std::size_t first = found.all.size();
  std::uint32_t boot = 1;
  std::size_t next_wrap = 0;
  std::int64_t wrapped = 0;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    Segment& segment = segments[i];
    const auto number = static_cast<std::uint32_t>(i + 1);
    Lifecycle lifecycle;
    if (segment.kind == LifecycleKind::boot) {
      boot = number;
      wrapped = 0;
      found.marks[ecu].push_back({segment.mark, number});
    }
    lifecycle.ecu = ecu;
    lifecycle.number = number;
    lifecycle.kind = segment.kind;
    lifecycle.boot = boot;
    lifecycle.start = segment.start;
    if (segment.start != no_time) lifecycle.end = segment.start + segment.largest;
    lifecycle.software_version = std::move(segment.version);
    lifecycle.first_reception = segment.first_reception;
    lifecycle.last_reception = segment.last_reception;
    lifecycle.first_uptime = segment.smallest;
    lifecycle.last_uptime = segment.largest;
    lifecycle.first_offset = segment.first_offset;
    lifecycle.last_offset = segment.last_offset;
    lifecycle.messages = segment.messages;
    lifecycle.control_requests = segment.control_requests;
    found.all.push_back(std::move(lifecycle));

    const auto add_span = [&](std::uint64_t from) {
      const std::int64_t base = segment.start == no_time ? no_time : segment.start + wrapped;
      found.spans[ecu].push_back({from, number, base});
    };
    while (next_wrap < e.wraps.size() && e.wraps[next_wrap].offset <= segment.first_offset) {
      wrapped = e.wraps[next_wrap++].wrapped;
    }
    add_span(segment.first_offset);
    const bool is_last = i + 1 == segments.size();
    while (next_wrap < e.wraps.size() &&
           (is_last || e.wraps[next_wrap].offset < segments[i + 1].first_offset)) {
      wrapped = e.wraps[next_wrap].wrapped;
      add_span(e.wraps[next_wrap++].offset);
    }
  }

  // Software does not change without a boot, so that one answer holds for all parts of it.
  for (std::size_t i = first + 1; i < found.all.size(); ++i) {
    Lifecycle& one = found.all[i];
    if (one.boot != one.number && one.software_version.empty()) {
      one.software_version = found.all[i - 1].software_version;
    }
  }
  for (std::size_t i = found.all.size(); i-- > first + 1;) {
    Lifecycle& before = found.all[i - 1];
    if (before.boot == found.all[i].boot && before.software_version.empty()) {
      before.software_version = found.all[i].software_version;
    }
  }
}

}  // namespace argus::dlt
