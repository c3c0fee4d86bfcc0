// What the first pass over a DLT recording notes of each message: enough to tell lifecycles and
// lost messages, in 32 bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "argus/buffer.hpp"
#include "argus/columns.hpp"

namespace argus::dlt {

struct MessageSighting {
  std::uint64_t offset;    // in the recording
  std::int64_t reception;  // receiver's clock, ns since 1970 UTC, or no_time
  std::int64_t uptime;     // ns since the ECU started, or no_time
  std::uint32_t sender;    // index into Sightings::senders
  std::uint8_t counter;
  bool control;
  bool request;  // a control request: it comes from the tester, not from the ECU
};

// In a block of memory that serves one segment after the other: fresh pages for each would cost as
// much as to find the messages.
class MessageSightings {
 public:
  void push_back(const MessageSighting& one) {
    std::construct_at(reinterpret_cast<MessageSighting*>(bytes_.room(sizeof one)), one);
    bytes_.advance(sizeof one);
  }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() / sizeof(MessageSighting); }
  [[nodiscard]] std::span<const MessageSighting> all() const noexcept {
    return {reinterpret_cast<const MessageSighting*>(bytes_.data()), size()};
  }

 private:
  Buffer bytes_;
};

// Indices into Sightings::names; -1 for none.
struct SenderNames {
  std::int32_t ecu;
  std::int32_t app;
  std::int32_t context;
};

struct Sightings {
  MessageSightings messages;
  std::vector<SenderNames> senders;  // one may stand there more than once
  Dictionary names;
  // Software versions that control messages answer, by index into `messages`.
  std::vector<std::pair<std::size_t, std::string>> versions;
};

}  // namespace argus::dlt
