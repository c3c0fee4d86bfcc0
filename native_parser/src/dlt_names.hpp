// The words for what DLT writes as small numbers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace argus::dlt {

[[nodiscard]] inline std::string type_name(std::uint8_t type) {
  static constexpr std::string_view names[] = {"log", "app_trace", "network_trace", "control"};
  return type < std::size(names) ? std::string(names[type]) : "reserved " + std::to_string(type);
}

// The names of the standard's sub-types, per type and from 1 on.
[[nodiscard]] inline std::string subtype_name(std::uint8_t type, std::uint8_t subtype) {
  static constexpr std::string_view log[] = {"fatal", "error", "warn", "info", "debug", "verbose"};
  static constexpr std::string_view app[] = {"variable", "function_in", "function_out", "state",
                                             "vfb"};
  static constexpr std::string_view network[] = {"ipc",  "can",      "flexray",
                                                 "most", "ethernet", "someip"};
  static constexpr std::string_view control[] = {"request", "response", "time"};
  std::span<const std::string_view> names;
  switch (type) {
    case 0:
      names = log;
      break;
    case 1:
      names = app;
      break;
    case 2:
      names = network;
      break;
    case 3:
      names = control;
      break;
    default:
      break;
  }
  if (subtype >= 1 && subtype <= names.size()) return std::string(names[subtype - 1]);
  return "reserved " + std::to_string(subtype);
}

}  // namespace argus::dlt
