// job_docs DOCS: writes what is made from the table of keys into DOCS/job-file.md and DOCS/job.schema.json.

#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>

#include "job/job_schema.h"
#include "job/key_tables.h"
#include "support/file_text.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("job_docs: must be called with the directory docs/\n", stderr);
    return 2;
  }
  const std::string docs = argv[1];
  try {
    const std::string text = fabric::job::with_key_tables(fabric::testing::file_text(docs + "/job-file.md"));
    if (text.empty()) throw std::runtime_error("cannot read " + docs + "/job-file.md");
    std::ofstream(docs + "/job-file.md") << text;
    std::ofstream(docs + "/job.schema.json") << fabric::job::json_schema();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "job_docs: %s\n", error.what());
    return 1;
  }
  return 0;
}
