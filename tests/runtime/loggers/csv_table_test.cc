#include "runtime/loggers/csv_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "fabric/error.h"

namespace fabric {
namespace {

TEST(CsvTableTest, WritesNumbersInTheirShortestExactForm) {
  EXPECT_EQ(shortest(0.1), "0.1");
  EXPECT_EQ(shortest(static_cast<double>(0.1f)), "0.10000000149011612");
  EXPECT_EQ(shortest(1e-8), "1e-08");
  EXPECT_EQ(shortest(std::numeric_limits<double>::quiet_NaN()), "nan");
}

TEST(CsvTableTest, ReadsWhatItWrote) {
  const std::vector<std::string> columns{"a,b", "q\"uote", "z"};
  const CsvRow row{.step = 3, .metrics = {{"a,b", 0.1}, {"z", -std::numeric_limits<double>::infinity()}}};

  const CsvTable table = parse_csv(csv_header(columns) + csv_line(row, columns), "here");

  EXPECT_EQ(table.columns, columns);
  ASSERT_EQ(table.rows.size(), 1u);
  EXPECT_EQ(table.rows[0].step, 3);
  EXPECT_EQ(table.rows[0].metrics, row.metrics);
}

TEST(CsvTableTest, DropsALastLineThatWasCutShort) {
  EXPECT_EQ(parse_csv("step,loss\n0,1\n1,0.", "here").rows.size(), 1u);
  EXPECT_TRUE(parse_csv("step,lo", "here").columns.empty());
}

TEST(CsvTableTest, RefusesAnotherTable) {
  EXPECT_THROW(parse_csv("time,loss\n", "here"), UsageError);
  EXPECT_THROW(parse_csv("step,loss\n0,1,2\n", "here"), UsageError);
  EXPECT_THROW(parse_csv("step,loss\n0,high\n", "here"), UsageError);
}

}  // namespace
}  // namespace fabric
