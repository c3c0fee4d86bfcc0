// Messages lost on their way, by gaps in the counters that DLT messages carry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "argus/lifecycles.hpp"

namespace argus::dlt {

inline constexpr std::uint32_t no_source = std::numeric_limits<std::uint32_t>::max();

// One context of an application in one boot of an ECU. App and context are the caller's indices,
// no_source where a message has none.
struct CounterSource {
  std::uint32_t ecu = no_ecu;
  std::uint32_t app = no_source;
  std::uint32_t context = no_source;
  std::uint32_t lifecycle = 0;  // number of the boot; 0 in what sums up the sources beyond the cap
  std::uint64_t messages = 0;
  std::uint64_t lost = 0;  // missing in the gaps
  std::uint64_t gaps = 0;
  std::uint64_t repeated = 0;   // the counter stood still
  std::uint64_t reordered = 0;  // the counter went back a little, or off for one message
};

// Takes the messages of a recording in file order, without control messages: their counter is often
// constant.
//
// Some senders count per context and some per ECU, and no message says which. Both ways are kept;
// per ECU the one holds in which more messages follow their predecessor by one. A gap in the count
// of an ECU is put down to the source whose message came after it.
class CounterTracker {
 public:
  static constexpr std::size_t most_sources = 65536;
  static constexpr std::size_t most_ecus = LifecycleTracker::most_ecus;

  // `mark` is what LifecycleTracker::boot_now says after it saw the message. Counting begins anew
  // with each.
  void see(std::uint32_t ecu, std::uint32_t app, std::uint32_t context, std::uint32_t mark,
           std::uint8_t counter) {
    see(find(ecu, app, context, mark), counter);
  }
  // The same for a source that was found before.
  void see(std::uint32_t at, std::uint8_t counter) {
    if (at == no_source) {
      ++left_out_;
      return;
    }
    Source& source = sources_[at];
    const std::uint32_t ecu = source.ecu;
    const std::uint32_t mark = source.mark;
    if (source.messages++ != 0) {
      step(source.count, counter, source.per_context);
    } else {
      source.count.last = counter;
    }

    EcuCount& whole = ecus_[ecu];
    if (whole.mark == mark && whole.seen) {
      whole.follows += step(whole.count, counter, source.per_ecu);
    } else {
      whole.mark = mark;
      whole.count = {counter, 0, 0};
      whole.seen = true;
    }
  }

  // Index of a source, made when new; no_source beyond the caps.
  [[nodiscard]] std::uint32_t find(std::uint32_t ecu, std::uint32_t app, std::uint32_t context,
                                   std::uint32_t mark) {
    const std::size_t wanted = hash(ecu, app, context, mark);
    if (!slots_.empty()) {
      for (std::size_t at = wanted;; ++at) {
        const std::uint32_t index = slots_[at & (slots_.size() - 1)];
        if (index == no_source) break;
        const Source& one = sources_[index];
        if (one.context == context && one.app == app && one.ecu == ecu && one.mark == mark) {
          return index;
        }
      }
    }
    return add(ecu, app, context, mark, wanted);
  }

  // The sources by ECU, lifecycle, app and context; last, where there are any, the messages of
  // sources beyond the cap. `lifecycles` says which boots the marks stand for. The tracker is as
  // new afterwards.
  [[nodiscard]] std::vector<CounterSource> finish(const Lifecycles& lifecycles);

 private:
  struct Tally {
    std::uint64_t lost = 0;
    std::uint32_t gaps = 0;
    std::uint32_t repeated = 0;
    std::uint32_t reordered = 0;
  };
  struct Count {
    std::uint8_t last = 0;
    std::uint8_t before = 0;  // the gap that was just seen
    std::uint8_t gap = 0;     // messages missing in it; 0 where the last step was none
  };
  struct Source {
    std::uint32_t ecu = 0;
    std::uint32_t app = 0;
    std::uint32_t context = 0;
    std::uint32_t mark = 0;
    std::uint64_t messages = 0;
    Tally per_context;
    Tally per_ecu;
    Count count;
  };
  struct EcuCount {
    std::uint64_t follows = 0;  // messages whose counter is one more than that before
    std::uint32_t mark = 0;
    Count count;
    bool seen = false;
  };

  // The counter has 8 bits and wraps. Steps of up to this many are gaps; the few beyond are
  // messages that were overtaken. True when the message follows the one before.
  static constexpr std::uint8_t largest_gap = 240;
  static bool step(Count& count, std::uint8_t counter, Tally& tally) noexcept {
    const auto distance = static_cast<std::uint8_t>(counter - count.last);
    if (distance == 1) [[likely]] {
      count.last = counter;
      count.gap = 0;
      return true;
    }
    if (distance == 0) {
      ++tally.repeated;
    } else if (distance <= largest_gap) {
      // Who goes on from before a gap, with or without a number for the message in between, has
      // lost nothing: that message's counter was odd.
      const auto resumed = static_cast<std::uint8_t>(counter - count.before);
      if (count.gap != 0 && (resumed == 1 || resumed == 2)) {
        tally.lost -= count.gap;
        --tally.gaps;
        ++tally.reordered;
        count.gap = 0;
      } else {
        tally.lost += distance - 1u;
        ++tally.gaps;
        count.before = count.last;
        count.gap = static_cast<std::uint8_t>(distance - 1);
      }
      count.last = counter;
    } else {
      ++tally.reordered;
    }
    return false;
  }

  [[nodiscard]] static std::size_t hash(std::uint32_t ecu, std::uint32_t app, std::uint32_t context,
                                        std::uint32_t mark) noexcept {
    const std::uint64_t a = (std::uint64_t{app} << 32 | context) * 0x9E3779B97F4A7C15ull;
    const std::uint64_t b = (std::uint64_t{ecu} << 32 | mark) * 0xC2B2AE3D27D4EB4Full;
    const std::uint64_t mixed = (a ^ (a >> 29)) + (b ^ (b >> 31));
    return static_cast<std::size_t>((mixed * 0x9E3779B97F4A7C15ull) >> 32);
  }
  [[nodiscard]] std::uint32_t add(std::uint32_t ecu, std::uint32_t app, std::uint32_t context,
                                  std::uint32_t mark, std::size_t wanted);
  void place(std::size_t wanted, std::uint32_t index) noexcept;

  std::vector<Source> sources_;
  std::vector<std::uint32_t> slots_;  // open addressing: index of a source or no_source
  std::vector<EcuCount> ecus_;
  std::uint64_t left_out_ = 0;
};

}  // namespace argus::dlt
