// How the lifecycles of ECUs are told from what messages say about their clocks.
#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include "argus/lifecycles.hpp"
#include "check.hpp"

namespace {

using argus::dlt::ClockSpan;
using argus::dlt::Lifecycle;
using argus::dlt::LifecycleKind;
using argus::dlt::Lifecycles;
using argus::dlt::LifecycleTracker;
using argus::dlt::no_ecu;
using argus::dlt::no_time;
using argus::dlt::Sighting;

constexpr std::int64_t wrap_ns = (std::int64_t{1} << 32) * 100'000;
constexpr double noon = 1'700'000'000;  // some moment, in s since 1970

[[nodiscard]] std::int64_t ns(double seconds) {
  return static_cast<std::int64_t>(seconds * 1e6) * 1000;
}
[[nodiscard]] bool near(std::int64_t time, double seconds, double tolerance = 0.001) {
  return time != no_time && std::abs(static_cast<double>(time) / 1e9 - seconds) <= tolerance;
}

// A recording that is being made. Offsets are 100 bytes apart.
struct Recording {
  LifecycleTracker tracker;
  std::uint64_t offset = 0;

  std::uint64_t add(std::int64_t reception, std::int64_t uptime, const char* ecu = "ECU1",
                    bool control_request = false) {
    const std::uint64_t at = offset;
    tracker.see(tracker.ecu(ecu), {at, reception, uptime, control_request});
    offset += 100;
    return at;
  }
  std::uint64_t message(double reception, double uptime, const char* ecu = "ECU1") {
    return add(ns(reception), ns(uptime), ecu);
  }
  // A message each 0.1 s that took 3 ms, from one uptime to another, of an ECU started at `start`.
  std::uint64_t run(double start, double from, double to, const char* ecu = "ECU1") {
    const std::uint64_t first = offset;
    for (double uptime = from; uptime < to; uptime += 0.1) {
      message(start + uptime + 0.003, uptime, ecu);
    }
    return first;
  }
  std::uint64_t bare(double from, double to, const char* ecu = "ECU1") {
    const std::uint64_t first = offset;
    for (double uptime = from; uptime < to; uptime += 0.1) add(no_time, ns(uptime), ecu);
    return first;
  }
};

[[nodiscard]] std::int64_t event_time(const Lifecycles& found, std::uint64_t offset, double uptime,
                                      std::uint32_t ecu = 0) {
  const ClockSpan* span = found.span(ecu, offset);
  return span == nullptr || span->base == no_time ? no_time : span->base + ns(uptime);
}

void one_boot_starts_at_the_smallest_reception_less_uptime() {
  Recording recording;
  recording.message(noon + 10.5, 10);
  recording.message(noon + 11.002, 11);
  recording.message(noon + 12.3, 12);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.ecus == std::vector<std::string>{"ECU1"});
  CHECK(found.all.size() == 1);
  const Lifecycle& one = found.all[0];
  CHECK(one.number == 1 && one.boot == 1 && one.kind == LifecycleKind::boot);
  CHECK(near(one.start, noon + 0.002) && near(one.end, noon + 12.002));
  CHECK(one.first_uptime == ns(10) && one.last_uptime == ns(12));
  CHECK(one.first_reception == ns(noon + 10.5) && one.last_reception == ns(noon + 12.3));
  CHECK(one.first_offset == 0 && one.last_offset == 200 && one.messages == 3);
  CHECK(near(event_time(found, 0, 10), noon + 10.002));
  CHECK(found.span(1, 0) == nullptr);
}

void an_ecu_that_starts_again_gets_a_second_boot() {
  Recording recording;
  recording.run(noon, 5, 100);
  const std::uint64_t second = recording.run(noon + 103, 0.5, 60);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 2);
  CHECK(found.all[1].kind == LifecycleKind::boot && found.all[1].boot == 2);
  CHECK(near(found.all[0].start, noon + 0.003) && near(found.all[1].start, noon + 103.003));
  CHECK(found.all[1].first_offset == second && found.all[0].last_offset == second - 100);
  CHECK(found.span(0, second)->lifecycle == 2 && found.span(0, second - 100)->lifecycle == 1);
}

void an_ecu_that_crashes_after_two_seconds_again_and_again_boots_each_time() {
  Recording recording;
  for (int i = 0; i < 20; ++i) recording.run(noon + 3.5 * i, 0.2, 2.0);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 20);
  CHECK(near(found.all[19].start, noon + 19 * 3.5 + 0.003));
}

void a_second_boot_that_is_received_late_is_still_one() {
  Recording recording;
  recording.run(noon, 0, 30);
  // Off for a minute, then 80 s are held back and come at once.
  for (double uptime = 0.5; uptime < 80; uptime += 0.5) recording.message(noon + 170, uptime);
  recording.run(noon + 90, 80, 120);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 2);
  CHECK(near(found.all[1].start, noon + 90.003));
}

void a_backlog_at_the_first_makes_no_boots() {
  Recording recording;
  for (double uptime = 1; uptime < 60; uptime += 0.2) recording.message(noon + 60, uptime);
  recording.run(noon, 60, 90);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 1);
  CHECK(near(found.all[0].start, noon + 0.003));
  CHECK(near(event_time(found, 0, 1), noon + 1.003));
}

void backlogs_of_several_applications_one_after_the_other_make_no_boots() {
  Recording recording;
  double reception = noon + 60;
  for (int app = 0; app < 4; ++app) {
    for (double uptime = 0.5; uptime < 60; uptime += 0.5) {
      recording.message(reception, uptime);
      reception += 0.02;  // a slow line
    }
  }
  recording.run(noon, reception - noon, reception - noon + 60);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 1);
  CHECK(near(found.all[0].start, noon + 0.003));
  // Whatever marks were given out on the way stand for that one boot.
  for (std::uint32_t mark = 1; mark < 20; ++mark) CHECK(found.boot(0, mark) == 1);
}

void a_backlog_with_silences_in_it_tells_the_start_by_its_last_messages() {
  Recording recording;
  recording.message(noon + 60, 1);
  recording.message(noon + 60, 10);
  recording.message(noon + 60, 20);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 1 && near(found.all[0].start, noon + 40));
}

void applications_may_be_out_of_order() {
  Recording recording;
  for (double at = 0; at < 100; at += 0.1) {
    recording.message(noon + at, at);
    if (at > 5) recording.message(noon + at, at - 0.9);
    if (at > 20) recording.message(noon + at, at - 15);  // holds its messages back
  }
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 1);
  CHECK(near(found.all[0].start, noon));
  CHECK(found.marks[0].size() == 1);
}

void late_attach_is_a_boot_that_started_long_before() {
  Recording recording;
  recording.run(noon - 100'000, 100'000, 100'050);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 1 && near(found.all[0].start, noon - 100'000 + 0.003));
}

void uptime_goes_on_through_wraps_of_its_32_bits() {
  Recording recording;
  const double wrap = static_cast<double>(wrap_ns) / 1e9;
  recording.run(noon, wrap - 30, wrap);
  const std::uint64_t after = recording.offset;
  for (double uptime = 0.01; uptime < 20; uptime += 0.1) {
    recording.message(noon + wrap + uptime + 0.003, uptime);
  }
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 1 && found.spans[0].size() == 2);
  CHECK(found.all[0].last_uptime > wrap_ns);
  CHECK(near(event_time(found, after, 0.01), noon + wrap + 0.013, 0.01));
  CHECK(near(event_time(found, after - 100, wrap - 0.1), noon + wrap - 0.097, 0.01));
}

void a_message_from_before_the_wrap_may_come_after_it() {
  Recording recording;
  const double wrap = static_cast<double>(wrap_ns) / 1e9;
  recording.run(noon, wrap - 30, wrap - 0.2);
  recording.message(noon + wrap + 0.1, 0.1);
  const std::uint64_t late = recording.message(noon + wrap + 0.1, wrap - 0.1);
  const std::uint64_t next = recording.message(noon + wrap + 0.2, 0.2);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 1);
  CHECK(near(event_time(found, late, wrap - 0.1), noon + wrap - 0.1, 0.1));
  CHECK(near(event_time(found, next, 0.2), noon + wrap + 0.2, 0.1));
}

void a_wrap_in_a_silence_is_believed_where_the_receivers_clock_agrees() {
  Recording recording;
  const double wrap = static_cast<double>(wrap_ns) / 1e9;
  recording.run(noon, wrap - 5000, wrap - 4990);
  for (double uptime = 3000; uptime < 3010; uptime += 0.1) {
    recording.message(noon + wrap + uptime, uptime);
  }
  CHECK(recording.tracker.finish().all.size() == 1);
}

void a_boot_after_days_is_no_wrap() {
  Recording recording;
  recording.run(noon, 400'000, 400'010);
  recording.run(noon + 500'000, 1, 60);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 2 && near(found.all[1].start, noon + 500'000.003));
}

void a_suspended_ecu_resumes_in_a_lifecycle_of_the_same_boot() {
  Recording recording;
  recording.run(noon, 1, 100);
  const std::uint64_t resumed = recording.run(noon + 3600, 100.5, 160);
  const std::uint64_t again = recording.run(noon + 3700, 160.5, 220);
  const std::uint64_t boot = recording.run(noon + 5000, 0.5, 20);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 4);
  CHECK(found.all[1].kind == LifecycleKind::resume && found.all[1].boot == 1);
  CHECK(found.all[2].kind == LifecycleKind::resume && found.all[2].boot == 1);
  CHECK(found.all[3].kind == LifecycleKind::boot && found.all[3].boot == 4);
  CHECK(found.all[1].first_offset == resumed && found.all[2].first_offset == again);
  CHECK(near(found.all[1].start, noon + 3600.003) && near(found.all[2].start, noon + 3700.003));
  CHECK(near(event_time(found, resumed, 100.5), noon + 3700.503));
  CHECK(found.all[3].first_offset == boot);
}

void messages_that_were_held_back_are_no_resume() {
  Recording recording;
  recording.run(noon, 1, 100);
  // The logger is away for 10 minutes; then everything comes at once.
  for (double uptime = 100; uptime < 700; uptime += 1) {
    recording.message(noon + 700 + uptime / 1000, uptime);
  }
  recording.run(noon, 701, 800);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 1 && found.spans[0].size() == 1);
  CHECK(near(found.all[0].start, noon + 0.003));
}

void a_recording_that_ends_in_a_backlog_ends_without_a_resume() {
  Recording recording;
  recording.run(noon, 1, 100);
  for (double uptime = 100; uptime < 300; uptime += 1) recording.message(noon + 700, uptime);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 1);
  CHECK(found.all[0].messages == recording.offset / 100);
}

void a_boot_after_a_backlog_is_the_second_lifecycle() {
  Recording recording;
  recording.run(noon, 1, 100);
  for (double uptime = 100; uptime < 300; uptime += 1) recording.message(noon + 700, uptime);
  recording.run(noon + 800, 0.5, 20);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 2);
  CHECK(found.all[1].number == 2 && found.all[1].kind == LifecycleKind::boot);
}

void a_resume_after_which_a_backlog_comes_first_starts_where_its_messages_settle() {
  Recording recording;
  recording.run(noon, 1, 100);
  for (double uptime = 100; uptime < 110; uptime += 0.1) recording.message(noon + 1110, uptime);
  recording.run(noon + 1000, 110, 200);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 2 && found.all[1].kind == LifecycleKind::resume);
  CHECK(near(found.all[1].start, noon + 1000, 0.01));
}

void a_silence_that_both_clocks_tell_is_no_resume() {
  Recording recording;
  recording.run(noon, 1, 100);
  recording.run(noon + 0.5, 90'000, 90'100);  // a day later, with a little drift
  CHECK(recording.tracker.finish().all.size() == 1);
}

void a_slow_drift_of_the_clocks_is_no_resume() {
  Recording recording;
  for (double uptime = 0; uptime < 400'000; uptime += 20) {
    recording.message(noon + uptime * 1.0001, uptime);
  }
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 1 && near(found.all[0].start, noon));
}

void a_boot_that_is_first_heard_of_late_is_told_from_a_resume() {
  Recording recording;
  recording.run(noon, 0.5, 10);
  recording.run(noon + 3600, 60, 100);  // says nothing in its first minute
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 2 && found.all[1].kind == LifecycleKind::boot);
  CHECK(found.all[1].boot == 2);
}

void ecus_that_are_interleaved_do_not_disturb_each_other() {
  Recording recording;
  for (double at = 0; at < 100; at += 0.1) {
    recording.message(noon + at, at, "A");
    recording.message(noon + at, 5000 + at, "B");
    if (at < 40) recording.message(noon + at, 700 + at, "C");
    if (at > 50) recording.message(noon + at, at - 50, "C");
  }
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.ecus.size() == 3 && found.all.size() == 4);
  CHECK(found.all[0].ecu == 0 && near(found.all[0].start, noon));
  CHECK(found.all[1].ecu == 1 && near(found.all[1].start, noon - 5000));
  CHECK(found.all[2].ecu == 2 && near(found.all[2].start, noon - 700));
  CHECK(found.all[3].ecu == 2 && near(found.all[3].start, noon + 50));
}

void a_clock_that_gps_sets_is_no_resume_and_dates_what_came_before() {
  Recording recording;
  recording.run(20, 1, 100, "A");
  const std::uint64_t second = recording.offset;
  recording.run(10, 1, 111, "B");
  const std::uint64_t set = recording.run(noon, 101, 200, "A");
  recording.run(noon - 10, 112, 200, "B");
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 4);
  CHECK(found.all[1].kind == LifecycleKind::clock_change && found.all[1].boot == 1);
  CHECK(found.all[1].first_offset == set);
  CHECK(near(found.all[0].start, noon + 0.003) && near(found.all[1].start, noon + 0.003));
  CHECK(near(event_time(found, 0, 1), noon + 1.003));
  CHECK(found.all[2].ecu == 1 && found.all[2].first_offset == second);
  CHECK(found.all[3].kind == LifecycleKind::clock_change);
}

void a_clock_that_is_set_back_does_not_pull_the_earlier_start() {
  Recording recording;
  for (double at = 0; at < 100; at += 0.1) {
    recording.message(noon + at, at, "A");
    recording.message(noon + at, 700 + at, "B");
  }
  const std::uint64_t back = recording.offset;
  for (double at = 100; at < 200; at += 0.1) {
    recording.message(noon - 50 + at, at, "A");
    recording.message(noon - 50 + at, 700 + at, "B");
  }
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 4);
  CHECK(found.all[1].kind == LifecycleKind::clock_change && found.all[1].boot == 1);
  CHECK(near(found.all[0].start, noon) && near(found.all[1].start, noon - 50));
  CHECK(found.all[1].first_offset == back);
  CHECK(found.all[3].kind == LifecycleKind::clock_change && near(found.all[2].start, noon - 700));
  CHECK(near(event_time(found, back, 100), noon + 50));
}

void a_boot_after_the_clock_was_set_back_is_a_boot() {
  Recording recording;
  recording.run(noon, 1, 100);
  recording.run(noon - 500, 0.5, 100);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 2 && found.all[1].kind == LifecycleKind::boot);
  CHECK(near(found.all[0].start, noon + 0.003) && near(found.all[1].start, noon - 499.997));
}

void recordings_joined_against_their_order_are_kept_apart() {
  Recording recording;
  recording.run(noon, 1, 100);
  recording.run(noon - 86'400, 300, 400);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 2);
  CHECK(near(found.all[0].start, noon + 0.003));
  CHECK(near(found.all[1].start, noon - 86'400 + 0.003));
}

void single_damaged_times_change_nothing() {
  for (const double reception : {noon + 50, noon + 1e9, 5.0, noon - 1e6}) {
    for (const double uptime : {50.0, 400'000.0, 0.0, 20.0, 3000.0}) {
      Recording recording;
      recording.run(noon, 1, 50);
      recording.message(reception, uptime);
      recording.run(noon, 50.1, 100);
      const Lifecycles found = recording.tracker.finish();
      CHECK(found.all.size() == 1);
      CHECK(near(found.all[0].start, noon, 0.01));
      CHECK(found.all[0].messages == recording.offset / 100);
    }
  }
}

void a_damaged_first_message_changes_nothing() {
  for (const double uptime : {0.0, 3000.0, 400'000.0}) {
    Recording recording;
    recording.message(noon + 50, uptime);
    recording.run(noon, 50.1, 100);
    const Lifecycles found = recording.tracker.finish();
    CHECK(found.all.size() == 1);
    CHECK(near(found.all[0].start, noon + 0.003));
  }
}

void a_sender_that_writes_zero_where_it_knows_no_uptime_does_not_boot_all_the_time() {
  Recording recording;
  for (double at = 100; at < 200; at += 0.1) {
    recording.message(noon + at, at);
    recording.message(noon + at, 0);
  }
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 1 && near(found.all[0].start, noon));
}

void a_sender_that_writes_only_zeros_has_no_uptime() {
  Recording recording;
  for (double at = 0; at < 100; at += 0.5) recording.message(noon + at, 0);
  recording.message(noon + 500, 0);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 1 && found.all[0].start == no_time);
  CHECK(found.all[0].last_uptime == no_time && found.span(0, 0)->base == no_time);

  Recording set;  // by GPS, in between
  set.message(20, 0);
  set.run(noon, 1, 20);
  CHECK(set.tracker.finish().all.back().last_uptime > ns(19));
}

void without_storage_time_a_falling_uptime_is_a_boot_without_a_date() {
  Recording recording;
  recording.bare(1, 50);
  const std::uint64_t second = recording.bare(0.5, 30);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 2);
  CHECK(found.all[1].kind == LifecycleKind::boot && found.all[1].first_offset == second);
  CHECK(found.all[0].start == no_time && found.all[0].end == no_time);
  CHECK(found.all[0].first_reception == no_time && found.all[0].last_uptime > ns(49));
  CHECK(found.span(0, second)->base == no_time && found.span(0, second)->lifecycle == 2);
}

void without_storage_time_a_damaged_uptime_is_no_boot() {
  for (const double damaged : {0.0, 5.0, 300'000.0}) {
    Recording recording;
    recording.bare(1, 50);
    recording.add(no_time, ns(damaged));
    recording.bare(50.1, 80);
    CHECK(recording.tracker.finish().all.size() == 1);
  }
}

void without_storage_time_uptime_wraps_as_well() {
  Recording recording;
  const double wrap = static_cast<double>(wrap_ns) / 1e9;
  recording.bare(wrap - 20, wrap);
  recording.bare(0.1, 20);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 1 && found.all[0].last_uptime > wrap_ns);
}

void an_ecu_without_uptimes_has_one_lifecycle_without_a_start() {
  Recording recording;
  for (double at = 0; at < 10; at += 1) recording.add(ns(noon + at), no_time);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 1);
  const Lifecycle& one = found.all[0];
  CHECK(one.kind == LifecycleKind::boot && one.boot == 1 && one.messages == 10);
  CHECK(one.start == no_time && one.end == no_time && one.last_uptime == no_time);
  CHECK(one.first_reception == ns(noon) && one.last_reception == ns(noon + 9));
  CHECK(found.span(0, 500)->base == no_time);
}

void messages_without_uptime_belong_to_the_lifecycle_that_runs() {
  Recording recording;
  recording.run(noon, 1, 10);
  recording.add(ns(noon + 10), no_time);
  const std::uint64_t second = recording.run(noon + 20, 0.5, 10);
  const std::uint64_t last = recording.add(ns(noon + 30.5), no_time);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 2 && found.all[0].last_offset == second - 100);
  CHECK(found.all[1].last_offset == last);
}

void control_requests_are_counted_and_tell_nothing_of_the_clock() {
  Recording recording;
  recording.add(ns(noon), ns(1e6), "ECU1", true);
  recording.run(noon, 1, 10);
  recording.add(ns(noon + 10), ns(77), "ECU1", true);
  recording.add(ns(noon + 10), ns(0.1), "ECU1", true);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 1 && found.all[0].control_requests == 3);
  CHECK(found.all[0].messages == recording.offset / 100 && found.all[0].first_offset == 0);
  CHECK(near(found.all[0].start, noon + 0.003));
}

void the_software_version_belongs_to_all_parts_of_its_boot() {
  Recording recording;
  recording.run(noon, 1, 50);
  recording.run(noon + 1000, 50, 100);
  recording.tracker.software_version(0, "v1");
  recording.run(noon + 2000, 100, 150);
  recording.run(noon + 4000, 1, 50);
  recording.tracker.software_version(0, std::string(1000, 'x'));
  recording.tracker.software_version(9, "of nobody");
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 4);
  for (std::size_t i = 0; i < 3; ++i) CHECK(found.all[i].software_version == "v1");
  CHECK(found.all[3].software_version == std::string(256, 'x'));
}

void marks_tell_the_boot_in_hindsight() {
  Recording recording;
  recording.run(noon, 1, 50);
  const std::uint32_t first = recording.tracker.boot_now(0);
  recording.run(noon + 1000, 50, 100);
  CHECK(recording.tracker.boot_now(0) == first);
  recording.message(noon + 1101, 0);  // of nobody
  recording.run(noon + 1000, 101, 120);
  recording.run(noon + 2000, 1, 50);
  const std::uint32_t second = recording.tracker.boot_now(0);
  const Lifecycles found = recording.tracker.finish();
  CHECK(found.all.size() == 3);
  CHECK(found.boot(0, first) == 1 && found.boot(0, second) == 3);
  CHECK(found.boot(0, 0) == 0 && found.boot(7, 1) == 0);
}

void there_is_an_end_to_ecus_and_lifecycles() {
  LifecycleTracker tracker;
  for (std::size_t i = 0; i < LifecycleTracker::most_ecus + 10; ++i) {
    const std::uint32_t ecu = tracker.ecu("E" + std::to_string(i));
    CHECK((ecu == no_ecu) == (i >= LifecycleTracker::most_ecus));
    tracker.see(ecu, {i, ns(noon), ns(5), false});
  }
  const std::uint32_t ecu = tracker.ecu("E0");
  const std::size_t boots = 2 * LifecycleTracker::most_lifecycles;
  for (std::size_t i = 1; i <= boots; ++i) {
    const auto start = noon + static_cast<double>(10 * i);
    tracker.see(ecu, {10'000 + 3 * i, ns(start + 1), ns(1), false});
    tracker.see(ecu, {10'001 + 3 * i, ns(start + 5), ns(5), false});
  }
  const Lifecycles found = tracker.finish();
  CHECK(found.ecus.size() == LifecycleTracker::most_ecus);
  CHECK(found.all.size() == LifecycleTracker::most_lifecycles);
  CHECK(found.messages_left_out == 10);
  CHECK(found.lifecycles_left_out ==
        boots + LifecycleTracker::most_ecus - LifecycleTracker::most_lifecycles);
  std::uint64_t messages = 0;
  for (const Lifecycle& one : found.all) messages += one.messages;
  CHECK(messages == LifecycleTracker::most_ecus + 2 * boots);
}

// What holds for any messages.
void check_whole(const Lifecycles& found, std::uint64_t messages, std::uint64_t requests) {
  std::uint64_t counted = 0;
  std::uint64_t counted_requests = 0;
  CHECK(found.spans.size() == found.ecus.size() && found.marks.size() == found.ecus.size());
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < found.all.size(); ++i) {
    const Lifecycle& one = found.all[i];
    number = i > 0 && found.all[i - 1].ecu == one.ecu ? number + 1 : 1;
    CHECK(one.number == number && one.boot >= 1 && one.boot <= number);
    CHECK((one.kind == LifecycleKind::boot) == (one.boot == number));
    CHECK(one.messages > 0 && one.first_offset <= one.last_offset);
    CHECK((one.start == no_time) == (one.end == no_time));
    if (number > 1) CHECK(found.all[i - 1].last_offset < one.first_offset);
    const ClockSpan* first = found.span(one.ecu, one.first_offset);
    const ClockSpan* last = found.span(one.ecu, one.last_offset);
    CHECK(first != nullptr && first->lifecycle == number);
    CHECK(last != nullptr && last->lifecycle == number);
    counted += one.messages;
    counted_requests += one.control_requests;
  }
  CHECK(counted + found.messages_left_out == messages && counted_requests <= requests);
  for (const auto& spans : found.spans) {
    for (std::size_t i = 1; i < spans.size(); ++i) {
      CHECK(spans[i - 1].from_offset < spans[i].from_offset);
      CHECK(spans[i - 1].lifecycle <= spans[i].lifecycle);
    }
  }
  for (const auto& marks : found.marks) {
    for (std::size_t i = 1; i < marks.size(); ++i) {
      CHECK(marks[i - 1].first_mark < marks[i].first_mark && marks[i - 1].boot < marks[i].boot);
    }
  }
}

void any_times_are_survived_and_every_message_counted() {
  std::mt19937_64 random(4);
  const std::int64_t odd[] = {no_time,
                              0,
                              -1,
                              1,
                              std::numeric_limits<std::int64_t>::max(),
                              no_time + 1,
                              std::int64_t{1} << 62,
                              (std::int64_t{1} << 62) - 1,
                              (std::int64_t{1} << 61) - 1,
                              wrap_ns,
                              wrap_ns - 1};
  for (int round = 0; round < 3000; ++round) {
    Recording recording;
    std::int64_t reception = ns(noon);
    std::int64_t uptime[3] = {ns(10), wrap_ns - ns(5), 0};
    std::uint64_t messages = 0;
    std::uint64_t requests = 0;
    std::vector<std::uint64_t> offsets[3];
    const unsigned wildness = static_cast<unsigned>(random() % 40) + 1;
    for (int i = 0; i < 200; ++i) {
      const auto ecu = static_cast<unsigned>(random() % 3);
      const auto step = static_cast<std::int64_t>(random() % 3'000'000'000u);
      reception += step;
      for (std::int64_t& one : uptime) one = (one + step) % wrap_ns;
      Sighting seen{0, reception, uptime[ecu], false};
      if (random() % wildness == 0) {
        switch (random() % 8) {
          case 0:
            seen.reception = odd[random() % std::size(odd)];
            break;
          case 1:
            seen.uptime = odd[random() % std::size(odd)];
            break;
          case 2:
            seen.reception = static_cast<std::int64_t>(random());
            seen.uptime = static_cast<std::int64_t>(random());
            break;
          case 3:
            uptime[ecu] = 0;
            break;
          case 4:
            reception += static_cast<std::int64_t>(random() % 100) * ns(1);
            break;
          case 5:
            reception -= static_cast<std::int64_t>(random() % 100) * ns(1);
            break;
          case 6:
            seen.control_request = true;
            break;
          default:
            seen.uptime = static_cast<std::int64_t>(random() % (std::uint64_t{1} << 32)) * 100'000;
            break;
        }
      }
      const char* names[] = {"A", "B", "C"};
      const std::uint32_t index = recording.tracker.ecu(names[ecu]);
      offsets[index].push_back(recording.offset);
      recording.add(seen.reception, seen.uptime, names[ecu], seen.control_request);
      CHECK(recording.tracker.boot_now(index) > 0);
      ++messages;
      requests += seen.control_request ? 1u : 0u;
    }
    const Lifecycles found = recording.tracker.finish();
    check_whole(found, messages, requests);
    for (std::uint32_t ecu = 0; ecu < found.ecus.size(); ++ecu) {
      for (const std::uint64_t offset : offsets[ecu]) CHECK(found.span(ecu, offset) != nullptr);
    }
  }
}

// The life of an ECU: what its lifecycles were, and its messages as they are received.
struct Life {
  std::vector<LifecycleKind> kinds;
  std::vector<double> starts;
  std::vector<std::pair<double, double>> messages;  // reception, uptime
};

[[nodiscard]] Life any_life(std::mt19937_64& random) {
  const auto any = [&random](double from, double to) {
    return from + (to - from) * static_cast<double>(random() % 1'000'000) / 1e6;
  };
  const auto one_of = [&random](std::initializer_list<double> values) {
    return values.begin()[random() % values.size()];
  };
  Life life;
  double now = noon;
  const double each = one_of({0.1, 0.3});
  const double drift = 1 + any(-1e-4, 1e-4);
  for (std::uint64_t boots = 1 + random() % 4; boots > 0; --boots) {
    double uptime = 0;
    for (std::uint64_t part = 0, parts = 1 + random() % 3; part < parts; ++part) {
      if (part > 0) now += one_of({20, 60, 3600, 30'000});  // suspended
      life.kinds.push_back(part > 0 ? LifecycleKind::resume : LifecycleKind::boot);
      life.starts.push_back(now - uptime);
      const double end = now + one_of({20, 60, 300});
      // The logger is away at times, and what was held back comes at once.
      const double away = one_of({4, 10, 60});
      const double leaves = random() % 3 == 0 ? any(now, end) : end;
      while (now < end) {
        const double passed = any(0, 2 * each);
        now += passed;
        uptime += passed;
        // One application's messages take longer.
        double received = now + 0.001 + any(0, 0.02) + (random() % 3 == 0 ? 0.3 : 0);
        if (received > leaves && received < leaves + away && leaves + away + 5 < end) {
          received = leaves + away + (received - leaves) / 200;
        }
        life.messages.push_back({received, uptime * drift});
      }
    }
    now += one_of({1, 5, 60, 5000});  // off
  }
  std::sort(life.messages.begin(), life.messages.end());
  return life;
}

void any_life_is_found_again_even_with_damaged_times() {
  std::mt19937_64 random(5);
  for (int round = 0; round < 300; ++round) {
    const Life life = any_life(random);
    const bool damage = round % 2 == 1;
    Recording recording;
    for (const auto& [reception, uptime] : life.messages) {
      std::int64_t received = ns(reception);
      std::int64_t up = ns(uptime);
      if (damage && random() % 500 == 0) {
        const std::uint64_t kind = random() % 4;
        if (kind >= 2) received = static_cast<std::int64_t>(random() % (1ull << 32)) * ns(1);
        if (kind % 2 == 1) up = static_cast<std::int64_t>(random() % (1ull << 32)) * 100'000;
        if (kind == 0) up = 0;
      }
      recording.add(received, up);
    }
    const Lifecycles found = recording.tracker.finish();
    check_whole(found, life.messages.size(), 0);
    CHECK(found.all.size() == life.kinds.size());
    if (found.all.size() != life.kinds.size()) continue;
    for (std::size_t i = 0; i < found.all.size(); ++i) {
      CHECK(found.all[i].kind == life.kinds[i]);
      CHECK(near(found.all[i].start, life.starts[i], 0.5));
    }
  }
}

void a_tracker_is_as_new_after_its_end() {
  Recording recording;
  recording.run(noon, 1, 10);
  (void)recording.tracker.finish();
  const Lifecycles nothing = recording.tracker.finish();
  CHECK(nothing.all.empty() && nothing.ecus.empty() && nothing.span(0, 0) == nullptr);
  recording.run(noon + 100, 1, 10, "other");
  CHECK(recording.tracker.finish().ecus == std::vector<std::string>{"other"});
}

}  // namespace

int main() {
  one_boot_starts_at_the_smallest_reception_less_uptime();
  an_ecu_that_starts_again_gets_a_second_boot();
  an_ecu_that_crashes_after_two_seconds_again_and_again_boots_each_time();
  a_second_boot_that_is_received_late_is_still_one();
  a_backlog_at_the_first_makes_no_boots();
  backlogs_of_several_applications_one_after_the_other_make_no_boots();
  a_backlog_with_silences_in_it_tells_the_start_by_its_last_messages();
  applications_may_be_out_of_order();
  late_attach_is_a_boot_that_started_long_before();
  uptime_goes_on_through_wraps_of_its_32_bits();
  a_message_from_before_the_wrap_may_come_after_it();
  a_wrap_in_a_silence_is_believed_where_the_receivers_clock_agrees();
  a_boot_after_days_is_no_wrap();
  a_suspended_ecu_resumes_in_a_lifecycle_of_the_same_boot();
  messages_that_were_held_back_are_no_resume();
  a_recording_that_ends_in_a_backlog_ends_without_a_resume();
  a_boot_after_a_backlog_is_the_second_lifecycle();
  a_resume_after_which_a_backlog_comes_first_starts_where_its_messages_settle();
  a_silence_that_both_clocks_tell_is_no_resume();
  a_slow_drift_of_the_clocks_is_no_resume();
  a_boot_that_is_first_heard_of_late_is_told_from_a_resume();
  ecus_that_are_interleaved_do_not_disturb_each_other();
  a_clock_that_gps_sets_is_no_resume_and_dates_what_came_before();
  a_clock_that_is_set_back_does_not_pull_the_earlier_start();
  a_boot_after_the_clock_was_set_back_is_a_boot();
  recordings_joined_against_their_order_are_kept_apart();
  single_damaged_times_change_nothing();
  a_damaged_first_message_changes_nothing();
  a_sender_that_writes_zero_where_it_knows_no_uptime_does_not_boot_all_the_time();
  a_sender_that_writes_only_zeros_has_no_uptime();
  without_storage_time_a_falling_uptime_is_a_boot_without_a_date();
  without_storage_time_a_damaged_uptime_is_no_boot();
  without_storage_time_uptime_wraps_as_well();
  an_ecu_without_uptimes_has_one_lifecycle_without_a_start();
  messages_without_uptime_belong_to_the_lifecycle_that_runs();
  control_requests_are_counted_and_tell_nothing_of_the_clock();
  the_software_version_belongs_to_all_parts_of_its_boot();
  marks_tell_the_boot_in_hindsight();
  there_is_an_end_to_ecus_and_lifecycles();
  any_times_are_survived_and_every_message_counted();
  any_life_is_found_again_even_with_damaged_times();
  a_tracker_is_as_new_after_its_end();
  return argus::test::result();
}
