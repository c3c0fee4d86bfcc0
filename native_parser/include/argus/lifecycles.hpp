// Lifecycles of ECUs: boots, resumes after suspend-to-RAM and steps of the receiver's clock, found
// from what each message of a recording tells. docs/lifecycles.md says why each rule is as it is.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace argus::dlt {

inline constexpr std::int64_t no_time = std::numeric_limits<std::int64_t>::min();
// The index of ECUs beyond those that are told apart.
inline constexpr std::uint32_t no_ecu = std::numeric_limits<std::uint32_t>::max();

// What one message tells about its ECU's clock. Times that no message can have count as no_time.
struct Sighting {
  std::uint64_t offset = 0;          // of the message in the recording
  std::int64_t reception = no_time;  // receiver's clock, ns since 1970 UTC
  std::int64_t uptime = no_time;     // ns since the ECU started
  // Requests come from the tester, not from the ECU: counted, not used for the clock.
  bool control_request = false;
};

enum class LifecycleKind : std::uint8_t {
  boot,
  resume,        // uptime went on after it had stood still
  clock_change,  // uptime went on, and the receiver's clock was set
};

struct Lifecycle {
  std::uint32_t ecu = 0;
  std::uint32_t number = 0;  // from 1, per ECU
  LifecycleKind kind = LifecycleKind::boot;
  std::uint32_t boot = 0;        // number of the boot that it belongs to
  std::int64_t start = no_time;  // ns UTC at which uptime was 0
  std::int64_t end = no_time;    // start + last_uptime
  std::string software_version;
  std::int64_t first_reception = no_time;  // of the first message that has one
  std::int64_t last_reception = no_time;
  std::int64_t first_uptime = no_time;  // the smallest; ns, goes on through wraps
  std::int64_t last_uptime = no_time;   // the largest
  std::uint64_t first_offset = 0;
  std::uint64_t last_offset = 0;
  std::uint64_t messages = 0;  // with the control requests
  std::uint64_t control_requests = 0;
};

// From this offset on, a message's event time is base + its uptime as written.
struct ClockSpan {
  std::uint64_t from_offset = 0;
  std::uint32_t lifecycle = 0;  // number
  std::int64_t base = no_time;
};

// The marks of LifecycleTracker::boot_now from `first_mark` on stand for this boot.
struct BootMark {
  std::uint32_t first_mark = 0;
  std::uint32_t boot = 0;  // lifecycle number
};

struct Lifecycles {
  std::vector<std::string> ecus;
  std::vector<Lifecycle> all;                 // by ECU, then number
  std::vector<std::vector<ClockSpan>> spans;  // per ECU, by from_offset
  std::vector<std::vector<BootMark>> marks;   // per ECU, by first_mark
  std::uint64_t lifecycles_left_out = 0;  // beyond the cap; their messages count in the last one
  std::uint64_t wraps_left_out = 0;       // spans that a wrap of uptime did not get, beyond the cap
  std::uint64_t messages_left_out = 0;    // of ECUs beyond the cap

  // The span of the ECU's message at `offset`; null for an unknown ECU or before its first message.
  [[nodiscard]] const ClockSpan* span(std::uint32_t ecu, std::uint64_t offset) const noexcept;
  // Lifecycle number of the boot that a mark stands for; 0 for an unknown ECU or mark.
  [[nodiscard]] std::uint32_t boot(std::uint32_t ecu, std::uint32_t mark) const noexcept;
};

// Takes the messages of one recording in file order. Memory is bounded by the caps.
class LifecycleTracker {
 public:
  static constexpr std::size_t most_ecus = 4096;         // damaged recordings make up ids
  static constexpr std::size_t most_lifecycles = 65536;  // of all ECUs together
  static constexpr std::size_t most_wraps = 65536;       // of all ECUs together
  static constexpr std::size_t longest_version = 256;    // bytes that are kept

  // Index of an ECU id, made when new; no_ecu beyond the cap.
  [[nodiscard]] std::uint32_t ecu(std::string_view id) {
    if (last_ecu_ < ids_.size() && ids_[last_ecu_] == id) return last_ecu_;
    return find_ecu(id);
  }

  void see(std::uint32_t ecu, const Sighting& sighting) {
    if (ecu >= ecus_.size()) {
      ++messages_left_out_;
      return;
    }
    Ecu& e = ecus_[ecu];
    const bool received = is_reception(sighting.reception);
    if (received) note_reception(sighting.reception);
    if (!received || !is_uptime(sighting.uptime) || sighting.control_request) {
      see_other(e, sighting);
      return;
    }
    // Nearly every message goes on where the one before it was.
    Segment& now = e.now;
    const std::int64_t uptime = sighting.uptime + now.wrapped;
    const std::int64_t estimate = sighting.reception - uptime;
    const std::int64_t floor = now.floor + drift(uptime - now.floor_uptime);
    if (estimate < e.low || estimate > floor + jitter || uptime < now.largest - disorder) {
      see_other(e, sighting);
      return;
    }
    if (estimate < floor) {
      now.floor = estimate;
      now.floor_uptime = uptime;
      e.low = estimate - jitter > e.barrier ? estimate - jitter : e.barrier;
      if (estimate < now.start) now.start = estimate;
    }
    if (uptime > now.largest) now.largest = uptime;
    if (uptime < now.smallest) now.smallest = uptime;
    now.last_reception = sighting.reception;
    now.last_offset = sighting.offset;
    ++now.messages;
    ++now.clocked;
    now.last_estimate = estimate;
    now.last_clocked = sighting.reception;
    now.setbacks = setbacks_;
  }

  // What the ECU answered to GetSoftwareVersion in the lifecycle that runs now.
  void software_version(std::uint32_t ecu, std::string_view version);

  // A mark of the boot that runs now, for the keys of whoever counts per boot while streaming. What
  // looks like a boot may prove to be none: `Lifecycles::boot` tells in hindsight which boot a mark
  // stands for. 0 for an unknown ECU.
  [[nodiscard]] std::uint32_t boot_now(std::uint32_t ecu) const noexcept {
    return ecu < ecus_.size() ? ecus_[ecu].now.mark : 0;
  }

  // Ends the recording; the tracker is as new afterwards.
  [[nodiscard]] Lifecycles finish();

 private:
  static constexpr std::int64_t second = 1'000'000'000;
  // By so much may a message come late, or reception go back, without a meaning.
  static constexpr std::int64_t jitter = 2 * second;
  // By so much may the uptimes of an ECU's applications be out of order.
  static constexpr std::int64_t disorder = second;

  // A stretch of messages on one clock: a lifecycle, or what may become one.
  struct Segment {
    std::int64_t floor = 0;         // smallest recent estimate of the start; follows slow drift
    std::int64_t floor_uptime = 0;  // where it was seen
    std::int64_t start = no_time;   // smallest estimate of all
    std::int64_t wrapped = 0;       // what the wraps of uptime add up to
    std::int64_t largest = no_time;
    std::int64_t smallest = no_time;
    std::int64_t last_reception = no_time;
    std::uint64_t last_offset = 0;
    std::uint64_t messages = 0;
    std::uint64_t clocked = 0;  // messages whose times were believed
    std::int64_t last_estimate = no_time;
    std::int64_t last_clocked = no_time;  // reception
    std::int64_t first_clocked = no_time;
    std::int64_t first_reception = no_time;
    std::uint64_t first_offset = 0;
    std::uint64_t control_requests = 0;
    std::uint32_t setbacks = 0;  // of the receiver's clock, when last clocked
    std::uint32_t mark = 0;
    LifecycleKind kind = LifecycleKind::boot;
    bool floored = false;     // floor and start are known
    bool comparable = false;  // its estimates are on the same clock as those of the one before
    bool forward = false;     // made by an estimate that jumped while uptime went on
    bool quiet = false;       // a boot that is not believed yet
    std::string version;
  };
  struct Wrap {
    std::uint64_t offset;
    std::int64_t wrapped;
  };
  struct Ecu {
    Segment now;
    std::int64_t low = std::numeric_limits<std::int64_t>::max();  // lower estimates need a look
    std::int64_t barrier = no_time;  // so may those that are on the clock of the segment before
    std::uint32_t marks = 0;
    bool started = false;
    bool full = false;               // no further lifecycles are made
    bool zero_is_none = false;       // it writes 0 where it knows no uptime
    std::int64_t doubted = no_time;  // an estimate that waits for a second witness
    std::int64_t doubted_uptime = no_time;
    std::uint64_t doubted_clocked = 0;  // what the segment had believed by then
    std::int64_t kept_start = no_time;  // of the last lifecycle, when full
    std::int64_t kept_smallest = no_time;
    std::int64_t kept_largest = no_time;
    std::vector<Segment> earlier;
    std::vector<Wrap> wraps;  // what is wrapped from an offset on; a boot begins with nothing
  };
  // An uptime without its wraps, and the start that it speaks for.
  struct Reading {
    std::uint64_t offset;
    std::int64_t reception;
    std::int64_t written;  // uptime
    std::int64_t uptime;
    std::int64_t estimate;
  };

  // Below 2^62 ns (the year 2116) and 2^61 ns no sum or difference of a few times overflows.
  [[nodiscard]] static constexpr bool is_reception(std::int64_t time) noexcept {
    return static_cast<std::uint64_t>(time) < std::uint64_t{1} << 62;
  }
  [[nodiscard]] static constexpr bool is_uptime(std::int64_t time) noexcept {
    return static_cast<std::uint64_t>(time) < std::uint64_t{1} << 61;
  }
  // How far two clocks may part in this time: 1 in 1,024.
  [[nodiscard]] static constexpr std::int64_t drift(std::int64_t time) noexcept {
    return time >> 10;
  }
  void note_reception(std::int64_t reception) noexcept {
    if (reception > newest_) {
      newest_ = reception;
    } else if (reception < newest_ - jitter) {
      newest_ = reception;
      ++setbacks_;
    }
  }

  [[nodiscard]] std::uint32_t find_ecu(std::string_view id);
  void see_other(Ecu& e, const Sighting& sighting);
  void by_clock(Ecu& e, Reading reading);
  void by_uptime(Ecu& e, Reading reading);
  void fallen_estimate(Ecu& e, const Reading& reading);
  void jumped_forward(Ecu& e, const Reading& reading);
  [[nodiscard]] bool fallen_uptime(Ecu& e, const Reading& reading);
  [[nodiscard]] bool back_on_line_before(Ecu& e, const Reading& reading, bool& doubtful) const;
  [[nodiscard]] bool is_refuted(const Ecu& e, const Reading& reading) const noexcept;
  [[nodiscard]] static bool is_outlier(const Ecu& e) noexcept;
  [[nodiscard]] static bool is_credible(const Ecu& e, const Reading& reading) noexcept;
  [[nodiscard]] static bool is_jump(const Ecu& e, const Reading& reading) noexcept;
  void unwrap(Ecu& e, Reading& reading);
  void forget_wraps(Ecu& e, std::uint64_t from) noexcept;
  void extend(Ecu& e, const Reading& reading) const;
  void anchor(Ecu& e, const Reading& reading) const;
  void open(Ecu& e, const Reading& reading, Segment made);
  void merge_last(Ecu& e);
  static void absorb(Segment& into, const Segment& last);
  [[nodiscard]] static bool stands(const Segment& segment, const Segment& before) noexcept;
  [[nodiscard]] static std::int64_t width_of_line_before(const Ecu& e) noexcept;
  static void note_barrier(Ecu& e) noexcept;
  static void count(Segment& segment, std::uint64_t offset, std::int64_t reception) noexcept;
  static void describe(Ecu& e, std::uint32_t ecu, Lifecycles& found);

  std::vector<Ecu> ecus_;
  std::int64_t newest_ = 0;     // reception since the last setback
  std::uint32_t setbacks_ = 0;  // times that reception fell back, over all ECUs
  std::uint32_t last_ecu_ = no_ecu;
  std::vector<std::string> ids_;
  std::unordered_map<std::string, std::uint32_t> by_id_;
  std::size_t lifecycles_ = 0;
  std::size_t wraps_ = 0;
  std::uint64_t lifecycles_left_out_ = 0;
  std::uint64_t wraps_left_out_ = 0;
  std::uint64_t messages_left_out_ = 0;
};

}  // namespace argus::dlt
