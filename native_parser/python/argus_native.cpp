// The Python module: the parser, its batches as Arrow capsules, and what recordings are read with.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <deque>
#include <mutex>
#include <system_error>
#include <tuple>

#include "argus/csv.hpp"
#include "argus/odvd.hpp"
#include "argus/parser.hpp"
#include "argus/reader.hpp"
#include "argus/scan.hpp"
#include "catalogue.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using argus::python::Catalogue;
using FaultTuple = std::tuple<std::uint64_t, std::uint64_t, std::string>;

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

// What strict mode ends with.
struct DamagedRecording : std::runtime_error {
  explicit DamagedRecording(const argus::Fault& fault)
      : std::runtime_error("byte " + std::to_string(fault.offset) + ": " + fault.reason) {}
};

struct Specification {
  argus::Specification specification;
};

struct Scan {
  std::shared_ptr<const argus::Scan> scan;
};

struct Batch {
  argus::BatchPtr batch;
  std::shared_ptr<argus::Buffer> csv;  // null where no thread wrote it
};

// What is merged into a specification later does not reach whoever reads by it already.
argus::Knowledge knowledge(const Specification* specification, Catalogue* catalogue,
                           const Scan* scan) {
  return {specification == nullptr
              ? nullptr
              : std::make_shared<const argus::Specification>(specification->specification),
          catalogue == nullptr ? nullptr : catalogue->share(),
          scan == nullptr ? nullptr : scan->scan};
}

// The parser releases the GIL, so two Python threads could be in it at once: the lock lets them in
// one after the other.
class Parser {
 public:
  Parser(argus::Knowledge knowledge, bool strict) : parser_(std::move(knowledge)), strict_(strict) {}

  template <class Work>
  auto alone(const Work& work) {
    const nb::gil_scoped_release release;
    const std::lock_guard lock(mutex_);
    return work(parser_);
  }
  void feed(nb::handle data) {
    const View view(data);
    alone([this, &view](argus::Parser& p) {
      if (p.finished()) throw std::runtime_error("feed() after finish(): a parser reads one recording");
      check(p);
      p.feed(view.bytes());
      check(p);
    });
  }
  void finish() {
    alone([this](argus::Parser& p) {
      p.finish();
      check(p);
    });
  }

 private:
  void check(const argus::Parser& p) const {
    if (!strict_) return;
    if (const argus::Fault* fault = p.first_fault(); fault != nullptr) throw DamagedRecording(*fault);
  }

  std::mutex mutex_;
  argus::Parser parser_;
  bool strict_;
};

// The first pass by itself.
class Scanner {
 public:
  void feed(nb::handle data) {
    const View view(data);
    const nb::gil_scoped_release release;
    const std::lock_guard lock(mutex_);
    if (parser_.finished()) throw std::runtime_error("feed() after finish()");
    parser_.feed(view.bytes());
  }
  Scan finish() {
    const nb::gil_scoped_release release;
    const std::lock_guard lock(mutex_);
    parser_.finish();
    if (!scan_) scan_ = builder_.finish();
    return {scan_};
  }

 private:
  std::mutex mutex_;
  argus::ScanBuilder builder_;
  argus::Parser parser_{builder_};
  std::shared_ptr<const argus::Scan> scan_;
};

class Reader {
 public:
  Reader(const std::string& path, argus::ReaderOptions options, bool strict)
      : reader_(path, std::move(options)), strict_(strict) {}

  Batch next() {
    std::optional<Batch> batch = take_next();
    if (!batch) throw nb::stop_iteration();
    return std::move(*batch);
  }
  std::vector<FaultTuple> take_faults() {
    std::vector<FaultTuple> taken;
    for (argus::Fault& fault : reader_.take_faults()) {
      taken.emplace_back(fault.offset, fault.length, std::move(fault.reason));
    }
    return taken;
  }
  [[nodiscard]] argus::Reader& reader() noexcept { return reader_; }

 private:
  std::optional<Batch> take_next() {
    const nb::gil_scoped_release release;
    const std::lock_guard lock(mutex_);
    if (pieces_.empty()) {
      for (argus::Piece& piece : reader_.next(handle_signals)) {
        pieces_.push_back(
            {std::move(piece.batch), std::make_shared<argus::Buffer>(std::move(piece.csv))});
      }
      const argus::FaultLedger& faults = reader_.totals().faults;
      if (strict_ && faults.count() > 0) throw DamagedRecording(faults.first());
      if (pieces_.empty()) return {};
    }
    Batch batch = std::move(pieces_.front());
    pieces_.pop_front();
    return batch;
  }
  // Ctrl-C ends a long reading.
  static void handle_signals() {
    const nb::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
  }

  std::mutex mutex_;
  argus::Reader reader_;
  std::deque<Batch> pieces_;
  bool strict_;
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

argus::CsvOptions csv_options(bool header, const std::string& delimiter,
                              const std::string& line_end) {
  if (delimiter.size() != 1 || delimiter == "\"" || delimiter == "\r" || delimiter == "\n") {
    throw nb::value_error("delimiter: expected one ASCII character other than a quote or line end");
  }
  if (line_end != "\r\n" && line_end != "\n") {
    throw nb::value_error("line_end: expected '\\r\\n' or '\\n'");
  }
  return {header, delimiter[0], line_end};
}

nb::bytes to_csv(const Batch& self, bool header, const std::string& delimiter,
                 const std::string& line_end) {
  const argus::CsvOptions options = csv_options(header, delimiter, line_end);
  argus::Buffer out;
  {
    const nb::gil_scoped_release release;
    argus::write_csv(*self.batch, options, out);
  }
  return nb::bytes(out.data(), out.size());
}

nb::bytes csv_header(const Batch& self, const std::string& delimiter, const std::string& line_end) {
  argus::Batch no_rows;
  no_rows.schema = self.batch->schema;
  no_rows.columns.resize(no_rows.schema->fields.size());
  argus::Buffer out;
  argus::write_csv(no_rows, csv_options(true, delimiter, line_end), out);
  return nb::bytes(out.data(), out.size());
}

// The rows as CSV that a reader's thread wrote, without a copy.
nb::object csv_rows(const Batch& self) {
  if (!self.csv || self.csv->empty()) return nb::none();
  auto keeper = std::make_unique<std::shared_ptr<argus::Buffer>>(self.csv);
  const nb::capsule owner(keeper.get(), [](void* held) noexcept {
    delete static_cast<std::shared_ptr<argus::Buffer>*>(held);
  });
  static_cast<void>(keeper.release());
  return nb::cast(nb::ndarray<nb::memview, const std::uint8_t, nb::ndim<1>>(
      self.csv->data(), {self.csv->size()}, owner));
}

std::vector<Batch> batches(std::vector<argus::BatchPtr> taken) {
  std::vector<Batch> made;
  made.reserve(taken.size());
  for (argus::BatchPtr& batch : taken) made.push_back({std::move(batch), nullptr});
  return made;
}

std::optional<std::string> format_name(const argus::Format* format) {
  return format == nullptr ? std::optional<std::string>() : std::optional(std::string(format->name));
}

std::map<std::string, std::uint64_t> kinds(const argus::Output& output) {
  return {output.undecoded.begin(), output.undecoded.end()};
}

std::optional<std::string> detect(nb::handle first_bytes) {
  const View view(first_bytes);
  argus::Parser parser;
  parser.feed(view.bytes());
  if (parser.format() == nullptr) parser.finish();
  return format_name(parser.format());
}

void bind_batch(nb::module_& m) {
  nb::class_<Batch>(m, "Batch")
      .def_prop_ro("table", [](const Batch& self) { return self.batch->schema->table; })
      .def_prop_ro("rows", [](const Batch& self) { return self.batch->rows; })
      .def("__arrow_c_schema__", &schema_capsule)
      .def("__arrow_c_array__", &array_capsules, "requested_schema"_a = nb::none())
      .def("to_csv", &to_csv, nb::kw_only(), "header"_a = true, "delimiter"_a = ",",
           "line_end"_a = "\r\n")
      .def("csv_header", &csv_header, nb::kw_only(), "delimiter"_a = ",", "line_end"_a = "\r\n")
      .def_prop_ro("csv_rows", &csv_rows)
      .def("__len__", [](const Batch& self) { return self.batch->rows; })
      .def("__repr__", [](const Batch& self) {
        return "<argus_native.Batch of " + std::to_string(self.batch->rows) + " rows of '" +
               self.batch->schema->table + "'>";
      });
}

void bind_specification(nb::module_& m) {
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
}

void bind_parser(nb::module_& m) {
  nb::class_<Parser>(m, "Parser")
      .def(
          "__init__",
          [](Parser* self, const Specification* specification, Catalogue* catalogue,
             const Scan* scan, bool strict) {
            new (self) Parser(knowledge(specification, catalogue, scan), strict);
          },
          nb::kw_only(), "specification"_a = nb::none(), "catalogue"_a = nb::none(),
          "scan"_a = nb::none(), "strict"_a = false)
      .def("feed", &Parser::feed, "data"_a)
      .def("finish", &Parser::finish)
      .def("take",
           [](Parser& self) {
             return batches(self.alone([](argus::Parser& p) { return p.take(); }));
           })
      .def("take_faults",
           [](Parser& self) {
             std::vector<FaultTuple> taken;
             for (auto& fault : self.alone([](argus::Parser& p) { return p.take_faults(); })) {
               taken.emplace_back(fault.offset, fault.length, std::move(fault.reason));
             }
             return taken;
           })
      .def_prop_ro("format",
                   [](Parser& self) {
                     return format_name(self.alone([](argus::Parser& p) { return p.format(); }));
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

void bind_scan(nb::module_& m) {
  nb::class_<Scan>(m, "Scan").def("tables",
                                  [](const Scan& self) { return batches(self.scan->tables()); });
  nb::class_<Scanner>(m, "Scanner")
      .def(nb::init<>())
      .def("feed", &Scanner::feed, "data"_a)
      .def("finish", &Scanner::finish);
}

void bind_reader(nb::module_& m) {
  nb::class_<Reader>(m, "Reader")
      .def(
          "__init__",
          [](Reader* self, const std::filesystem::path& path,
             const Specification* specification, Catalogue* catalogue, unsigned threads, bool csv, const std::string& delimiter,
             const std::string& line_end, bool strict) {
            argus::ReaderOptions options;
            options.knowledge = knowledge(specification, catalogue, nullptr);
            options.threads = threads;
            if (csv) options.csv = csv_options(false, delimiter, line_end);
            new (self) Reader(path.string(), std::move(options), strict);
          },
          "path"_a, nb::kw_only(), "specification"_a = nb::none(), "catalogue"_a = nb::none(),
          "threads"_a = 0, "csv"_a = false, "delimiter"_a = ",", "line_end"_a = "\r\n",
          "strict"_a = false)
      .def("__iter__", [](nb::handle self) { return nb::borrow(self); })
      .def("__next__", &Reader::next)
      .def("cancel", [](Reader& self) { self.reader().cancel(); })
      .def("take_faults", &Reader::take_faults)
      .def_prop_ro("format", [](Reader& self) { return format_name(self.reader().format()); })
      .def_prop_ro("bytes_in", [](Reader& self) { return self.reader().size(); })
      .def_prop_ro("bytes_done", [](Reader& self) { return self.reader().done(); })
      .def_prop_ro("bytes_to_do", [](Reader& self) { return self.reader().work(); })
      .def_prop_ro("decoded_bytes",
                   [](Reader& self) { return self.reader().totals().decoded_bytes; })
      .def_prop_ro("quarantined_bytes",
                   [](Reader& self) { return self.reader().totals().faults.bytes(); })
      .def_prop_ro("rows", [](Reader& self) { return self.reader().totals().rows; })
      .def_prop_ro("fault_count",
                   [](Reader& self) { return self.reader().totals().faults.count(); })
      .def_prop_ro("undecoded", [](Reader& self) { return kinds(self.reader().totals()); });
}

}  // namespace

NB_MODULE(argus_native, m) {
  m.doc() = "The native parser of Argus: binary recordings in, Arrow columns and CSV out.";
  m.attr("__version__") = std::string(argus::version);
  nb::exception<DamagedRecording>(m, "DamagedRecording", PyExc_ValueError);
  nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::system_error& error) {
      nb::object instance =
          nb::borrow(PyExc_OSError)(error.code().value(), std::string(error.what()));
      PyErr_SetObject(PyExc_OSError, instance.ptr());
    }
  });
  m.def("detect", &detect, "first_bytes"_a);
  bind_specification(m);
  argus::python::bind_catalogue(m);
  bind_batch(m);
  bind_parser(m);
  bind_scan(m);
  bind_reader(m);
}
