// Lost messages, told by the counters that messages carry.
#include <map>
#include <random>

#include "argus/counters.hpp"
#include "check.hpp"

namespace {

using argus::dlt::CounterSource;
using argus::dlt::CounterTracker;
using argus::dlt::Lifecycles;
using argus::dlt::no_ecu;
using argus::dlt::no_source;

// Lifecycles in which mark n of each ECU is its lifecycle n.
[[nodiscard]] Lifecycles plain(std::size_t ecus = 4) {
  Lifecycles lifecycles;
  lifecycles.marks.assign(ecus, {});
  for (auto& marks : lifecycles.marks) {
    for (std::uint32_t n = 1; n < 10; ++n) marks.push_back({n, n});
  }
  return lifecycles;
}

[[nodiscard]] CounterSource count(const std::vector<int>& counters) {
  CounterTracker tracker;
  for (const int counter : counters) tracker.see(0, 0, 0, 1, static_cast<std::uint8_t>(counter));
  const auto found = tracker.finish(plain());
  CHECK(found.size() == 1 && found[0].messages == counters.size());
  return found[0];
}

[[nodiscard]] bool says(const CounterSource& one, std::uint64_t lost, std::uint64_t gaps,
                        std::uint64_t repeated, std::uint64_t reordered) {
  return one.lost == lost && one.gaps == gaps && one.repeated == repeated &&
         one.reordered == reordered;
}

void counters_in_order_lose_nothing() {
  std::vector<int> counters;
  for (int i = 0; i < 1000; ++i) counters.push_back(i % 256);
  CHECK(says(count(counters), 0, 0, 0, 0));
  CHECK(says(count({77}), 0, 0, 0, 0));
}

void a_gap_counts_what_is_missing() {
  CHECK(says(count({1, 2, 5, 6}), 2, 1, 0, 0));
  CHECK(says(count({254, 1, 2, 10}), 9, 2, 0, 0));
  CHECK(says(count({0, 240}), 239, 1, 0, 0));
}

void a_counter_that_stands_still_is_repeated() { CHECK(says(count({5, 5, 5, 6}), 0, 0, 2, 0)); }

void a_message_that_was_overtaken_is_reordered_and_the_larger_counter_holds() {
  CHECK(says(count({4, 6, 5, 7}), 1, 1, 0, 1));
  CHECK(says(count({0, 241}), 0, 0, 0, 1));
  CHECK(says(count({250, 3, 252, 4}), 8, 1, 0, 1));
}

void one_message_with_an_odd_counter_is_no_loss() {
  CounterTracker tracker;
  for (const int counter : {87, 88, 0, 90, 91}) {
    tracker.see(0, 0, 0, 1, static_cast<std::uint8_t>(counter));
  }
  for (const int counter : {87, 88, 0, 89, 90, 94}) {
    tracker.see(0, 0, 1, 1, static_cast<std::uint8_t>(counter));
  }
  const auto found = tracker.finish(plain());
  CHECK(says(found[0], 0, 0, 0, 1) && says(found[1], 3, 1, 0, 1));
}

void each_boot_counts_from_anew() {
  CounterTracker tracker;
  for (std::uint8_t counter = 10; counter < 13; ++counter) tracker.see(0, 0, 0, 1, counter);
  tracker.see(0, 0, 0, 2, 0);
  tracker.see(0, 0, 0, 2, 2);
  const auto found = tracker.finish(plain());
  CHECK(found.size() == 2);
  CHECK(found[0].lifecycle == 1 && says(found[0], 0, 0, 0, 0));
  CHECK(found[1].lifecycle == 2 && says(found[1], 1, 1, 0, 0));
}

void contexts_that_count_for_themselves_are_judged_for_themselves() {
  CounterTracker tracker;
  for (int i = 0; i < 600; ++i) {
    tracker.see(0, 0, 0, 1, static_cast<std::uint8_t>(i));
    if (i % 3 == 0) tracker.see(0, 0, 1, 1, static_cast<std::uint8_t>(i / 3));
    if (i < 100 || i > 104) tracker.see(0, 1, no_source, 1, static_cast<std::uint8_t>(i + 7));
  }
  const auto found = tracker.finish(plain());
  CHECK(found.size() == 3);
  CHECK(says(found[0], 0, 0, 0, 0) && says(found[1], 0, 0, 0, 0));
  CHECK(found[2].app == 1 && found[2].context == no_source && says(found[2], 5, 1, 0, 0));
}

void an_ecu_that_counts_all_its_messages_is_judged_as_a_whole() {
  CounterTracker tracker;
  std::uint8_t counter = 0;
  for (std::uint32_t i = 0; i < 900; ++i) {
    if (i == 500) counter = static_cast<std::uint8_t>(counter + 4);
    tracker.see(0, 0, i % 3, 1, counter++);
    tracker.see(1, 0, i % 3, 1, static_cast<std::uint8_t>(i / 3));  // this one counts per context
  }
  const auto found = tracker.finish(plain());
  CHECK(found.size() == 6);
  CHECK(says(found[0], 0, 0, 0, 0) && says(found[1], 0, 0, 0, 0));
  CHECK(found[2].context == 500 % 3 && says(found[2], 4, 1, 0, 0));
  for (std::size_t i = 3; i < 6; ++i) CHECK(found[i].ecu == 1 && says(found[i], 0, 0, 0, 0));
}

// Two contexts in step: seen as one count, the lost messages of one hide behind the other's.
void a_loss_does_not_hide_behind_another_context() {
  CounterTracker tracker;
  for (int i = 0; i < 200; ++i) {
    if (i < 50 || i > 52) tracker.see(0, 0, 0, 1, static_cast<std::uint8_t>(i));
    tracker.see(0, 0, 1, 1, static_cast<std::uint8_t>(i));
  }
  const auto found = tracker.finish(plain());
  CHECK(found.size() == 2 && says(found[0], 3, 1, 0, 0) && says(found[1], 0, 0, 0, 0));
}

void marks_of_one_boot_are_summed_up() {
  Lifecycles lifecycles;
  lifecycles.marks = {{{1, 1}, {4, 2}}};
  CounterTracker tracker;
  for (const std::uint32_t mark : {1u, 2u, 1u, 3u, 4u}) {
    for (std::uint8_t counter = 0; counter < 3; ++counter) {
      tracker.see(0, 5, 6, mark, static_cast<std::uint8_t>(counter * mark));
    }
  }
  const auto found = tracker.finish(lifecycles);
  CHECK(found.size() == 2);
  CHECK(found[0].lifecycle == 1 && found[0].messages == 12 && found[0].app == 5);
  CHECK(found[1].lifecycle == 2 && found[1].messages == 3);
}

void there_is_an_end_to_sources() {
  CounterTracker tracker;
  const auto most = static_cast<std::uint32_t>(CounterTracker::most_sources);
  for (std::uint32_t i = 0; i < most + 100; ++i) tracker.see(0, i, 0, 1, 0);
  tracker.see(no_ecu, 0, 0, 1, 0);
  tracker.see(5'000'000, 0, 0, 1, 0);
  tracker.see(0, 7, 0, 1, 1);
  const auto found = tracker.finish(plain());
  CHECK(found.size() == most + 1);
  CHECK(found[7].messages == 2);
  CHECK(found.back().ecu == no_ecu && found.back().app == no_source);
  CHECK(found.back().lifecycle == 0 && found.back().messages == 102);
  CHECK(tracker.finish(plain()).empty());
}

void it_counts_what_a_simple_count_counts() {
  std::mt19937_64 random(7);
  for (int round = 0; round < 300; ++round) {
    CounterTracker tracker;
    struct Simple {
      int last = -1, before = 0, gap = 0;
      std::uint64_t messages = 0, lost = 0, gaps = 0, repeated = 0, reordered = 0;
    };
    std::map<std::pair<std::uint32_t, std::uint32_t>, Simple> simple;
    std::map<std::pair<std::uint32_t, std::uint32_t>, int> counters;
    for (int i = 0; i < 2000; ++i) {
      const std::pair key{static_cast<std::uint32_t>(random() % 7),
                          static_cast<std::uint32_t>(random() % 5)};
      int& counter = counters[key];
      const std::uint64_t event = random() % 50;
      counter += event == 0 ? static_cast<int>(random() % 256) : event == 1 ? 0 : 1;
      counter %= 256;
      tracker.see(0, key.first, key.second, 1, static_cast<std::uint8_t>(counter));
      Simple& one = simple[key];
      ++one.messages;
      const int step = one.last < 0 ? 1 : (counter - one.last + 256) % 256;
      if (step == 0) ++one.repeated;
      if (step > 240) ++one.reordered;
      const int resumed = (counter - one.before + 256) % 256;
      if (step == 1) one.gap = 0;
      if (step > 1 && step <= 240) {
        if (one.gap != 0 && (resumed == 1 || resumed == 2)) {
          --one.gaps, ++one.reordered, one.lost -= static_cast<std::uint64_t>(one.gap);
          one.gap = 0;
        } else {
          one.before = one.last, one.gap = step - 1;
          ++one.gaps, one.lost += static_cast<std::uint64_t>(step - 1);
        }
      }
      if (step <= 240) one.last = counter;
    }
    const auto found = tracker.finish(plain());
    CHECK(found.size() == simple.size());
    for (const CounterSource& one : found) {
      const Simple& other = simple[{one.app, one.context}];
      CHECK(one.messages == other.messages);
      CHECK(says(one, other.lost, other.gaps, other.repeated, other.reordered));
    }
  }
}

}  // namespace

int main() {
  counters_in_order_lose_nothing();
  a_gap_counts_what_is_missing();
  a_counter_that_stands_still_is_repeated();
  a_message_that_was_overtaken_is_reordered_and_the_larger_counter_holds();
  one_message_with_an_odd_counter_is_no_loss();
  each_boot_counts_from_anew();
  contexts_that_count_for_themselves_are_judged_for_themselves();
  an_ecu_that_counts_all_its_messages_is_judged_as_a_whole();
  a_loss_does_not_hide_behind_another_context();
  marks_of_one_boot_are_summed_up();
  there_is_an_end_to_sources();
  it_counts_what_a_simple_count_counts();
  return argus::test::result();
}
