// The message specification `.odvd`: what is inside an envelope's serializedData.
//
// Grammar (comments are // and /* */):
//   file    = [ "package" dotted ";" ] { message }
//   message = "message" dotted "[" "id" "=" integer "]" "{" { field } "}"
//   field   = type name "[" attribute { "," attribute } "]" ";"
//   type    = bool | char | int8 … uint64 | float | double | string | bytes | dotted
//   attribute = "id" "=" integer | "default" "=" ( number | true | false | 'c' | "text" )
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace argus {

enum class Kind : std::uint8_t {
  boolean,
  character,
  int8,
  uint8,
  int16,
  uint16,
  int32,
  uint32,
  int64,
  uint64,
  float32,
  float64,
  text,
  bytes,
  message,
};

struct MessageSpecification;

struct FieldSpecification {
  std::string name;
  Kind kind = Kind::boolean;
  std::uint32_t id = 0;
  // The default as the bits of its type (float and double as their IEEE bits), or as text.
  std::uint64_t default_bits = 0;
  std::string default_text;
  std::shared_ptr<const MessageSpecification> message;  // when kind is message

  [[nodiscard]] bool operator==(const FieldSpecification& other) const;
};

struct MessageSpecification {
  std::string name;
  std::int32_t id = 0;
  std::vector<FieldSpecification> fields;

  [[nodiscard]] bool operator==(const MessageSpecification& other) const = default;
};

// A text that is no specification: `what()` is "source:line:column: found …, expected …".
class SpecificationError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

class Specification {
 public:
  Specification() = default;

  // Throws SpecificationError. `source` is the file's name, for the message.
  [[nodiscard]] static Specification parse(std::string_view text, std::string_view source);

  // Takes over the messages of `other` whose id and name are still free. Returns those that are
  // taken by a message of another shape.
  std::vector<std::pair<std::int32_t, std::string>> merge(const Specification& other);

  [[nodiscard]] const MessageSpecification* find(std::int32_t id) const;
  [[nodiscard]] const std::map<std::int32_t, std::shared_ptr<const MessageSpecification>>&
  messages() const noexcept {
    return messages_;
  }

 private:
  std::map<std::int32_t, std::shared_ptr<const MessageSpecification>> messages_;
};

}  // namespace argus
