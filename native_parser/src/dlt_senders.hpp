// What belongs to a sender (ECU, application and context), found again in one look.
#pragma once

#include <array>
#include <cstdint>

#include "argus/dlt.hpp"

namespace argus::dlt {

// A cache with one place for each hash. Ids of four bytes are kept, as all of version 1 are.
template <class Value>
class SenderCache {
 public:
  // What `make` once returned for the sender of this message. Valid until the next call.
  template <class Make>
  [[nodiscard]] const Value& find(const Header& h, const Make& make) {
    if (h.ecu.size() != 4 || h.app.size() != 4 || h.context.size() != 4) {
      other_ = make();
      return other_;
    }
    const auto ecu = load_little<std::uint32_t>(h.ecu.data());
    const std::uint64_t context = std::uint64_t{load_little<std::uint32_t>(h.app.data())} << 32 |
                                  load_little<std::uint32_t>(h.context.data());
    Entry& entry = entries_[hash(ecu, context)];
    if (entry.ecu != ecu || entry.context != context || entry.age != age_) [[unlikely]] {
      entry = {context, ecu, age_, make()};
    }
    return entry.value;
  }
  void forget() noexcept { ++age_; }

 private:
  struct Entry {
    std::uint64_t context = 0;
    std::uint32_t ecu = 0;
    std::uint32_t age = 0;
    Value value{};
  };
  static constexpr std::size_t bits = 8;

  [[nodiscard]] static std::size_t hash(std::uint32_t ecu, std::uint64_t context) noexcept {
    const std::uint64_t mixed = (context ^ std::uint64_t{ecu} << 16) * 0x9E3779B97F4A7C15ull;
    return static_cast<std::size_t>(mixed >> (64 - bits));
  }

  std::array<Entry, 1u << bits> entries_{};
  std::uint32_t age_ = 1;
  Value other_{};
};

}  // namespace argus::dlt
