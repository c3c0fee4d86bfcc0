#include "argus/counters.hpp"

#include <algorithm>
#include <tuple>

namespace argus::dlt {

void CounterTracker::place(std::size_t wanted, std::uint32_t index) noexcept {
  while (slots_[wanted & (slots_.size() - 1)] != no_source) ++wanted;
  slots_[wanted & (slots_.size() - 1)] = index;
}

std::uint32_t CounterTracker::add(std::uint32_t ecu, std::uint32_t app, std::uint32_t context,
                                  std::uint32_t mark, std::size_t wanted) {
  if (sources_.size() == most_sources || ecu >= most_ecus) return no_source;
  if (ecu >= ecus_.size()) ecus_.resize(ecu + std::size_t{1});
  const auto index = static_cast<std::uint32_t>(sources_.size());
  Source& made = sources_.emplace_back();
  made.ecu = ecu;
  made.app = app;
  made.context = context;
  made.mark = mark;
  if (sources_.size() * 2 > slots_.size()) {
    slots_.assign(std::max<std::size_t>(64, slots_.size() * 2), no_source);
    for (std::uint32_t i = 0; i < index; ++i) {
      const Source& one = sources_[i];
      place(hash(one.ecu, one.app, one.context, one.mark), i);
    }
  }
  place(wanted, index);
  return index;
}

std::vector<CounterSource> CounterTracker::finish(const Lifecycles& lifecycles) {
  // Which of the two ways holds for each ECU.
  std::vector<std::uint64_t> follows(ecus_.size());
  for (const Source& one : sources_) {
    follows[one.ecu] += one.messages - 1 - one.per_context.gaps - one.per_context.repeated -
                        one.per_context.reordered;
  }
  std::vector<CounterSource> found;
  found.reserve(sources_.size() + 1);
  for (const Source& one : sources_) {
    const bool per_ecu = ecus_[one.ecu].follows > follows[one.ecu];
    const Tally& tally = per_ecu ? one.per_ecu : one.per_context;
    found.push_back({.ecu = one.ecu,
                     .app = one.app,
                     .context = one.context,
                     .lifecycle = lifecycles.boot(one.ecu, one.mark),
                     .messages = one.messages,
                     .lost = tally.lost,
                     .gaps = tally.gaps,
                     .repeated = tally.repeated,
                     .reordered = tally.reordered});
  }
  const auto key = [](const CounterSource& one) {
    return std::tie(one.ecu, one.lifecycle, one.app, one.context);
  };
  std::sort(found.begin(), found.end(),
            [&](const CounterSource& a, const CounterSource& b) { return key(a) < key(b); });
  // Several marks may stand for one boot.
  std::size_t kept = 0;
  for (std::size_t i = 1; i < found.size(); ++i) {
    CounterSource& last = found[kept];
    const CounterSource& one = found[i];
    if (key(last) != key(one)) {
      found[++kept] = one;
      continue;
    }
    last.messages += one.messages;
    last.lost += one.lost;
    last.gaps += one.gaps;
    last.repeated += one.repeated;
    last.reordered += one.reordered;
  }
  if (!found.empty()) found.resize(kept + 1);
  if (left_out_ != 0) found.emplace_back().messages = left_out_;
  *this = {};
  return found;
}

}  // namespace argus::dlt
