// The result of the first pass over a recording: lifecycles, the clocks they give, lost messages.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "argus/columns.hpp"
#include "argus/counters.hpp"
#include "argus/lifecycles.hpp"
#include "argus/sightings.hpp"

namespace argus {

class Scan {
 public:
  Scan() = default;
  // `names` are what the sources' application and context stand for.
  Scan(dlt::Lifecycles lifecycles, std::vector<dlt::CounterSource> sources,
       std::vector<std::string> names);

  // The clock spans of an ECU, by its id as text; null for one that was not seen.
  [[nodiscard]] const std::vector<dlt::ClockSpan>* spans(const std::string& ecu) const;

  // The tables `lifecycles` and `sources`; null where they would be empty.
  [[nodiscard]] std::vector<BatchPtr> tables() const;

 private:
  dlt::Lifecycles lifecycles_;
  std::vector<dlt::CounterSource> sources_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::size_t> ecus_;
};

// Takes what was noted of each segment, in the order of the recording.
class ScanBuilder {
 public:
  void absorb(const dlt::Sightings& segment);
  [[nodiscard]] std::shared_ptr<const Scan> finish();

 private:
  [[nodiscard]] std::uint32_t name_index(std::string_view name);

  dlt::LifecycleTracker lifecycles_;
  dlt::CounterTracker counters_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint32_t> name_indices_;
};

}  // namespace argus
