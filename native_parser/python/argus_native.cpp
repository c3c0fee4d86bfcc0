// The Python module: the parser, its batches as Arrow capsules, and the specification.
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <mutex>
#include <tuple>

#include "argus/csv.hpp"
#include "argus/parser.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

// A view of a bytes-like object's memory, which stays put as long as the view lives.
class View {
 public:
  explicit View(nb::handle object) {
    if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) != 0) throw nb::python_error();
  }
  ~View() { PyBuffer_Release(&view_); }
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  [[nodiscard]] argus::Bytes bytes() const noexcept {
    return {static_cast<const std::uint8_t*>(view_.buf), static_cast<std::size_t>(view_.len)};
  }

 private:
  Py_buffer view_{};
};

// The parser releases the GIL, so two Python threads could be in it at once: the lock lets them in
// one after the other.
struct Parser {
  explicit Parser(std::shared_ptr<const argus::Specification> specification)
      : parser(std::move(specification)) {}

  template <class Work>
  auto alone(const Work& work) {
    const nb::gil_scoped_release release;
    const std::lock_guard lock(mutex);
    return work(parser);
  }

  std::mutex mutex;
  argus::Parser parser;
};

struct Batch {
  argus::BatchPtr batch;
};

struct Specification {
  argus::Specification specification;
};

template <class Struct>
void release_capsule(PyObject* capsule) {
  auto* held = static_cast<Struct*>(PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule)));
  if (held == nullptr) return PyErr_WriteUnraisable(capsule);
  if (held->release != nullptr) held->release(held);
  delete held;
}

template <class Struct>
nb::object capsule(std::unique_ptr<Struct> held, const char* name) {
  PyObject* made = PyCapsule_New(held.get(), name, release_capsule<Struct>);
  if (made == nullptr) {
    held->release(held.get());
    throw nb::python_error();
  }
  static_cast<void>(held.release());
  return nb::steal(made);
}

nb::object schema_capsule(const Batch& self) {
  auto schema = std::make_unique<ArrowSchema>();
  argus::export_schema(*self.batch, schema.get());
  return capsule(std::move(schema), "arrow_schema");
}

nb::object array_capsules(const Batch& self, const nb::object& /*requested_schema*/) {
  auto array = std::make_unique<ArrowArray>();
  argus::export_array(self.batch, array.get());
  nb::object schema = schema_capsule(self);
  return nb::make_tuple(schema, capsule(std::move(array), "arrow_array"));
}

nb::bytes to_csv(const Batch& self, bool header, const std::string& delimiter,
                 const std::string& line_end) {
  if (delimiter.size() != 1 || delimiter == "\"" || delimiter == "\r" || delimiter == "\n") {
    throw nb::value_error("delimiter: expected one ASCII character other than a quote or line end");
  }
  if (line_end != "\r\n" && line_end != "\n") {
    throw nb::value_error("line_end: expected '\\r\\n' or '\\n'");
  }
  argus::Buffer out;
  {
    const nb::gil_scoped_release release;
    argus::write_csv(*self.batch, {header, delimiter[0], line_end}, out);
  }
  return nb::bytes(out.data(), out.size());
}

std::vector<Batch> take(Parser& self) {
  std::vector<Batch> taken;
  for (auto& batch : self.alone([](argus::Parser& p) { return p.take(); })) {
    taken.push_back({std::move(batch)});
  }
  return taken;
}

std::vector<std::tuple<std::uint64_t, std::uint64_t, std::string>> take_faults(Parser& self) {
  std::vector<std::tuple<std::uint64_t, std::uint64_t, std::string>> taken;
  for (auto& fault : self.alone([](argus::Parser& p) { return p.take_faults(); })) {
    taken.emplace_back(fault.offset, fault.length, std::move(fault.reason));
  }
  return taken;
}

std::optional<std::string> detect(nb::handle first_bytes) {
  const View view(first_bytes);
  argus::Parser parser;
  parser.feed(view.bytes());
  if (parser.format().empty()) parser.finish();
  if (parser.format().empty()) return {};
  return std::string(parser.format());
}

void feed(Parser& self, nb::handle data) {
  const View view(data);
  const bool late = self.alone([&view](argus::Parser& p) {
    if (p.finished()) return true;
    p.feed(view.bytes());
    return false;
  });
  if (late) throw std::runtime_error("feed() after finish(): a parser reads one recording");
}

}  // namespace

NB_MODULE(argus_native, m) {
  m.doc() = "The native parser of Argus: binary recordings in, Arrow columns and CSV out.";
  m.attr("__version__") = std::string(argus::version);
  m.def("detect", &detect, "first_bytes"_a);

  nb::class_<Specification>(m, "Specification")
      .def(
          "__init__",
          [](Specification* self, const std::string& text, const std::string& source) {
            new (self) Specification{argus::Specification::parse(text, source)};
          },
          "text"_a, nb::kw_only(), "source"_a = "<odvd>")
      .def(
          "merge",
          [](Specification& self, const Specification& other) {
            return self.specification.merge(other.specification);
          },
          "other"_a)
      .def_prop_ro("messages", [](const Specification& self) {
        std::vector<std::pair<std::int32_t, std::string>> messages;
        for (const auto& [id, message] : self.specification.messages()) {
          messages.emplace_back(id, message->name);
        }
        return messages;
      });

  nb::class_<Batch>(m, "Batch")
      .def_prop_ro("table", [](const Batch& self) { return self.batch->schema->table; })
      .def_prop_ro("rows", [](const Batch& self) { return self.batch->rows; })
      .def("__arrow_c_schema__", &schema_capsule)
      .def("__arrow_c_array__", &array_capsules, "requested_schema"_a = nb::none())
      .def("to_csv", &to_csv, nb::kw_only(), "header"_a = true, "delimiter"_a = ",",
           "line_end"_a = "\r\n")
      .def("__len__", [](const Batch& self) { return self.batch->rows; })
      .def("__repr__", [](const Batch& self) {
        return "<argus_native.Batch of " + std::to_string(self.batch->rows) + " rows of '" +
               self.batch->schema->table + "'>";
      });

  nb::class_<Parser>(m, "Parser")
      .def(
          "__init__",
          [](Parser* self, const Specification* specification) {
            // A copy: what is merged into the specification later does not reach this parser.
            new (self) Parser(
                specification == nullptr
                    ? nullptr
                    : std::make_shared<const argus::Specification>(specification->specification));
          },
          nb::kw_only(), "specification"_a = nb::none())
      .def("feed", &feed, "data"_a)
      .def("finish", [](Parser& self) { self.alone([](argus::Parser& p) { p.finish(); }); })
      .def("take", &take)
      .def("take_faults", &take_faults)
      .def_prop_ro("format",
                   [](Parser& self) {
                     return self.alone([](argus::Parser& p) {
                       return p.format().empty() ? std::optional<std::string>()
                                                 : std::optional(std::string(p.format()));
                     });
                   })
      .def_prop_ro(
          "bytes_in",
          [](Parser& self) { return self.alone([](argus::Parser& p) { return p.bytes_in(); }); })
      .def_prop_ro("decoded_bytes",
                   [](Parser& self) {
                     return self.alone([](argus::Parser& p) { return p.decoded_bytes(); });
                   })
      .def_prop_ro("quarantined_bytes",
                   [](Parser& self) {
                     return self.alone([](argus::Parser& p) { return p.quarantined_bytes(); });
                   })
      .def_prop_ro(
          "rows",
          [](Parser& self) { return self.alone([](argus::Parser& p) { return p.rows(); }); })
      .def_prop_ro(
          "fault_count",
          [](Parser& self) { return self.alone([](argus::Parser& p) { return p.fault_count(); }); })
      .def_prop_ro("undecoded", [](Parser& self) {
        return self.alone([](argus::Parser& p) {
          return std::map<std::string, std::uint64_t>(p.undecoded().begin(), p.undecoded().end());
        });
      });
}
