// What the first pass over a DLT recording notes of each message: enough to tell lifecycles and
// lost messages, in 48 bytes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "argus/columns.hpp"

namespace argus::dlt {

struct MessageSighting {
  std::uint64_t offset;     // in the recording
  std::int64_t reception;   // receiver's clock, ns since 1970 UTC, or no_time
  std::int64_t uptime;      // ns since the ECU started, or no_time
  std::int32_t ecu;         // index into Sightings::names
  std::int32_t app;         // likewise; -1 for none
  std::int32_t context;
  std::uint8_t counter;
  bool control;
  bool request;  // a control request: it comes from the tester, not from the ECU
};

struct Sightings {
  std::vector<MessageSighting> messages;
  Dictionary names;
  // Software versions that control messages answer, by index into `messages`.
  std::vector<std::pair<std::size_t, std::string>> versions;
};

}  // namespace argus::dlt
