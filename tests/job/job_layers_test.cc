// What a job is made of beside its file: files that it includes, profiles, macros, variables, flags; and what each value says
// of where it comes from.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "job/job_reader.h"
#include "support/temporary_directory.h"

namespace fabric::job {
namespace {

using fabric::testing::TemporaryDirectory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kLeast = "name: x\nprogram: y.so\n";

class JobLayersTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(directory_.file(name)).parent_path());
    std::ofstream(directory_.file(name)) << text;
  }
  Result<ResolvedJob> read(const std::string& text, const JobInputs& inputs = {}) {
    return parse_job(text, "job.yaml", directory_.path().string(), inputs);
  }
  ResolvedJob good(const std::string& text, const JobInputs& inputs = {}) {
    auto job = read(text, inputs);
    EXPECT_TRUE(job.ok()) << job.status().message();
    return job.ok() ? *job : ResolvedJob();
  }
  std::string fault(const std::string& text, const JobInputs& inputs = {}) {
    const auto job = read(text, inputs);
    EXPECT_FALSE(job.ok());
    return job.status().message();
  }
  TemporaryDirectory directory_;
};

TEST_F(JobLayersTest, LaterFilesLieOverEarlierOnesAndTheIncludingOneOverAll) {
  write("one.yaml", "fabric: {devices: 1, num_nodes: 1, strategy: ddp}\nargs: {a: 1, b: 1, c: 1}\n");
  write("two.yaml", "fabric: {devices: 2}\nargs: {b: 2, c: 2}\n");

  const ResolvedJob job =
      good("include: [one.yaml, two.yaml]\n" + std::string(kLeast) + "args: {c: 3}\nfabric: {num_nodes: 3}\n");

  EXPECT_EQ(job.spec.fabric.devices, 2);
  EXPECT_EQ(job.spec.fabric.num_nodes, 3);
  EXPECT_EQ(job.spec.fabric.strategy, "ddp");
  EXPECT_EQ(job.spec.args,
            (Arguments{{"a", ArgScalar(int64_t{1})}, {"b", ArgScalar(int64_t{2})}, {"c", ArgScalar(int64_t{3})}}));
}

TEST_F(JobLayersTest, PathsAreRelativeToTheFileThatTheyStandIn) {
  write("sub/base.yaml", "include: more/deep.yaml\nprogram: build/y.so\n");
  write("sub/more/deep.yaml", "workdir: here\n");

  const ResolvedJob job = good("include: sub/base.yaml\nname: x\noutput: {directory: out}\n");

  EXPECT_EQ(job.spec.program, directory_.file("sub/build/y.so"));
  EXPECT_EQ(job.spec.workdir, directory_.file("sub/more/here"));
  EXPECT_EQ(job.spec.output.directory, directory_.file("out"));
  EXPECT_EQ(job.spec.directory, directory_.path().string());
  EXPECT_EQ(good("include: sub/base.yaml\nname: x\ndirectory: /all\n").spec.program, "/all/build/y.so")
      << "unless the job says what they are relative to";
}

TEST_F(JobLayersTest, MistakesAreNamedInTheFileThatHasThem) {
  write("base.yaml", "fabric: {devices: 0}\n");
  write("broken.yaml", "a: [\n");

  EXPECT_THAT(fault("include: base.yaml\n" + std::string(kLeast)), HasSubstr("base.yaml:1:19: 'fabric.devices' must"));
  EXPECT_THAT(fault("include: broken.yaml\n" + std::string(kLeast)),
              HasSubstr("broken.yaml:2:1: a job must be well-formed"));
}

TEST_F(JobLayersTest, IncludesMustEnd) {
  write("a.yaml", "include: b.yaml\n");
  write("b.yaml", "include: ./a.yaml\n");
  for (int i = 0; i < 10; ++i)
    write("d" + std::to_string(i) + ".yaml", "include: d" + std::to_string(i + 1) + ".yaml\n");

  EXPECT_EQ(fault("include: [a.yaml]\n" + std::string(kLeast)),
            "b.yaml:1:10: 'include' must not lead back to a file that includes it, but a.yaml includes b.yaml includes "
            "a.yaml; remove one of these includes");
  EXPECT_THAT(fault("include: job.yaml\n"), HasSubstr("job.yaml:1:10: 'include' must not lead back"));
  EXPECT_THAT(fault("include: d0.yaml\n"), HasSubstr("d6.yaml:1:10: 'include' must be nested at most 8 deep"));
}

TEST_F(JobLayersTest, TheSameFileMayBeIncludedByTwoOthers) {
  write("base.yaml", "args: {a: 1}\n");
  write("left.yaml", "include: base.yaml\nargs: {b: 2}\n");
  write("right.yaml", "include: base.yaml\nargs: {c: 3}\n");

  EXPECT_EQ(good("include: [left.yaml, right.yaml]\n" + std::string(kLeast)).spec.args.size(), 3u);
}

TEST_F(JobLayersTest, AProfileLiesOverTheFileAndUnderTheFlags) {
  const std::string text = std::string(kLeast) +
                           "fabric: {devices: 1}\nenv: {A: 1}\nprofiles:\n  laptop: {fabric: {devices: 2}}\n"
                           "  cluster: {fabric: {devices: 8, num_nodes: 4}, env: {B: 2}}\n";

  EXPECT_EQ(good(text).spec.fabric.devices, 1);
  EXPECT_THAT(good(text).profiles, ElementsAre("laptop", "cluster"));
  EXPECT_EQ(good(text, {.profile = "laptop"}).spec.fabric.devices, 2);
  const JobSpec cluster = good(text, {.overrides = {"fabric.devices=3"}, .profile = "cluster"}).spec;
  EXPECT_EQ(cluster.fabric.devices, 3);
  EXPECT_EQ(cluster.fabric.num_nodes, 4);
  EXPECT_EQ(cluster.env.set, (std::map<std::string, std::string>{{"A", "1"}, {"B", "2"}}));
  EXPECT_EQ(fault(text, {.profile = "clusters"}),
            "--profile:1:1: must be one of laptop and cluster, but is 'clusters'; did you mean 'cluster'?");
  EXPECT_THAT(fault(kLeast, {.profile = "a"}), HasSubstr("the job has none"));
}

TEST_F(JobLayersTest, MacrosPutVariablesIntoTexts) {
  const JobInputs inputs{
      .variables = {{"N", "5"}, {"HOME", "/home/me"}, {"ODD", "a: [${env:N}] 'q' # x"}, {"EMPTY", ""}}};

  const JobSpec spec =
      good(
          "name: x\nprogram: ${env:HOME}/y.so\nargs: {n: \"${env:N}\", m: '${env:ODD}', k: \"$${env:N} $5 $\",\n"
          "  l: ['${env:N}-${env:N}']}\nelastic:\n  max_restarts: ${env:N}\nenv: {E: \"<${env:EMPTY}>\"}\n",
          inputs)
          .spec;

  EXPECT_EQ(spec.program, "/home/me/y.so");
  EXPECT_EQ(spec.elastic.max_restarts, 5) << "it has the type that it would have if it stood there";
  EXPECT_EQ(spec.args[0].second, ArgValue(ArgScalar(std::string("5")))) << "in quotes it is text";
  EXPECT_EQ(spec.args[1].second, ArgValue(ArgScalar(std::string("a: [$${env:N}] 'q' # x"))))
      << "once, and never YAML; arguments are templates, in which this is a plain ${";
  EXPECT_EQ(spec.args[2].second, ArgValue(ArgScalar(std::string("$${env:N} $5 $"))));
  EXPECT_EQ(spec.args[3].second, ArgValue(std::vector<ArgScalar>{ArgScalar(std::string("5-5"))}));
  EXPECT_EQ(spec.env.set.at("E"), "<>");
}

TEST_F(JobLayersTest, MacrosThatMeanNothingAreRefused) {
  const auto said = [&](const std::string& value, const Variables& variables = {}) {
    return fault(kLeast + ("args: {a: \"" + value + "\"}\n"), {.variables = variables});
  };

  EXPECT_EQ(
      said("${env:NONE}"),
      "job.yaml:3:11: 'args.a' needs the variable 'NONE', which must be set where fabric-run is started, but is not; "
      "set it; write $${ for a plain ${");
  EXPECT_THAT(said("x ${rang}"), HasSubstr("'args.a' must have no other macros than ${env:NAME}, ${rank}"));
  EXPECT_THAT(said("${env:A"), HasSubstr("must end the macro '${env:A' with a '}'"));
  EXPECT_THAT(said("${env:A}", {{"A", "\x01"}}), HasSubstr("printable UTF-8 text"));
}

TEST_F(JobLayersTest, AMacroThatALaterLayerReplacesNeedsNoVariable) {
  const std::string text =
      std::string(kLeast) + "args: {a: \"${env:NONE}\"}\nprofiles: {p: {args: {b: \"${env:NONE}\"}}}\n";

  EXPECT_TRUE(read(text, {.overrides = {"args.a=1"}}).ok());
  EXPECT_THAT(fault(text, {.overrides = {"args.a=1"}, .profile = "p"}), HasSubstr("'args.b' needs the variable"));
}

TEST_F(JobLayersTest, TheEnvironmentPassesSetsAndKeepsSecrets) {
  const JobInputs inputs{.variables = {{"TOKEN", "s3cret"}}};
  const EnvironmentOptions env =
      good(std::string(kLeast) + "env: {pass: [A, 'NCCL_*'], set: {B: 0.10}, secret: [TOKEN]}\n", inputs).spec.env;

  EXPECT_EQ(env.set, (std::map<std::string, std::string>{{"B", "0.10"}}));
  EXPECT_THAT(env.secret, ElementsAre("TOKEN"));
  for (const char* const name : {"A", "NCCL_DEBUG", "TOKEN", "PATH", "LC_ALL", "CUDA_VISIBLE_DEVICES"}) {
    EXPECT_TRUE(is_passed(env, name)) << name;
  }
  for (const char* const name : {"AB", "OTHER", "NCCL"}) EXPECT_FALSE(is_passed(env, name)) << name;
  EXPECT_TRUE(is_passed(good(kLeast).spec.env, "OTHER")) << "all, unless the job says which";
}

TEST_F(JobLayersTest, BothFormsOfTheEnvironmentMeetInFlags) {
  const JobInputs inputs{.overrides = {"env.A=1", "env.set.B=2", "env.C.D=3", "env.pass=[X]"}};

  EXPECT_THAT(fault(kLeast, inputs), HasSubstr("a variable's name must be letters, digits and '_'"));
  const EnvironmentOptions env =
      good(std::string(kLeast) + "env: {A: 0}\n", {.overrides = {"env.A=1", "env.set.B=2", "env.pass=[X]"}}).spec.env;
  EXPECT_EQ(env.set, (std::map<std::string, std::string>{{"A", "1"}, {"B", "2"}}));
  EXPECT_THAT(*env.pass, ElementsAre("X"));
  EXPECT_EQ(good(kLeast, {.overrides = {"env={Z: 1}"}}).spec.env.set.at("Z"), "1");
}

TEST_F(JobLayersTest, ASecretMustBeSetAndStandNowhereElse) {
  const auto said = [&](const std::string& env) { return fault(kLeast + env, {.variables = {{"TOKEN", "s3cret"}}}); };

  EXPECT_THAT(said("env: {secret: [NONE]}\n"),
              HasSubstr("job.yaml:3:16: a secret must be set where fabric-run is started, but 'NONE' is not"));
  EXPECT_THAT(said("env: {secret: [TOKEN], set: {TOKEN: a}}\n"), HasSubstr("must not stand in the job"));
  EXPECT_THAT(said("env: {secret: [TOKEN]}\nargs: {t: \"${env:TOKEN}\"}\n"),
              HasSubstr("must not have the value of a secret"));
  EXPECT_THAT(said("env: {secret: [FABRIC_X]}\n"), HasSubstr("must be left to Fabric"));
}

TEST_F(JobLayersTest, LightningsVariablesDecideWhatTheJobLeavesOpen) {
  const Variables variables{{"LT_ACCELERATOR", "cpu"}, {"LT_STRATEGY", "DDP"}, {"LT_DEVICES", "2"},
                            {"LT_NUM_NODES", "3"},     {"LT_PRECISION", "32"}, {"LT_CLI_USED", "1"}};

  const FabricOptions all = good(kLeast, {.variables = variables}).spec.fabric;
  EXPECT_EQ(all, (FabricOptions{"cpu", "ddp", 2, 3, "32-true", {}}));
  const FabricOptions open =
      good(std::string(kLeast) + "fabric: {accelerator: auto, devices: auto}\n", {.variables = variables}).spec.fabric;
  EXPECT_EQ(open.devices, 2) << "auto leaves it open";
  const auto same =
      read(std::string(kLeast) + "fabric: {devices: 2, strategy: ddp, precision: 32-true}\n", {.variables = variables});
  EXPECT_TRUE(same.ok()) << same.status().message();
  EXPECT_EQ(good(kLeast, {.variables = {{"LT_DEVICES", ""}}}).spec.fabric.devices, std::nullopt) << "empty is not set";
}

TEST_F(JobLayersTest, AJobAndAVariableThatDifferAreRefusedWithBothPlaces) {
  const JobInputs inputs{.variables = {{"LT_DEVICES", "4"}}};

  EXPECT_EQ(fault(std::string(kLeast) + "fabric: {devices: 2}\n", inputs),
            "job.yaml:3:19: 'fabric.devices' must be the same wherever it is said, but is '2' here and '4' in the "
            "environment's LT_DEVICES; change one of them, or unset LT_DEVICES");
  EXPECT_THAT(fault(kLeast, {.overrides = {"fabric.devices=2"}, .variables = inputs.variables}),
              HasSubstr("--set fabric.devices:1:1: 'fabric.devices' must be the same"));
  EXPECT_THAT(fault(kLeast, {.variables = {{"LT_DEVICES", "x"}}}), HasSubstr("LT_DEVICES:1:1: 'fabric.devices' must"));
}

TEST_F(JobLayersTest, EveryValueRemembersItsSource) {
  write("base.yaml", "fabric: {strategy: ddp}\nargs: {a: 1}\n");
  const JobInputs inputs{.overrides = {"args.b=2"}, .variables = {{"LT_DEVICES", "2"}, {"HOME", "/me"}}};

  const Provenance sources =
      good("include: base.yaml\nname: x\nprogram: \"${env:HOME}/y.so\"\nenv: {E: 1}\n", inputs).sources;

  EXPECT_EQ(source_of(sources, "fabric.strategy"),
            (ValueSource{ValueSource::Kind::kFile, "base.yaml:1:20", "", "base.yaml:1:20"}));
  EXPECT_EQ(source_of(sources, "args.a").text, "base.yaml:2:11");
  EXPECT_EQ(source_of(sources, "args.b"),
            (ValueSource{ValueSource::Kind::kFlag, "--set args.b", "", "--set args.b:1:1"}));
  EXPECT_EQ(source_of(sources, "fabric.devices"),
            (ValueSource{ValueSource::Kind::kEnvironment, "LT_DEVICES", "", "LT_DEVICES:1:1"}));
  EXPECT_EQ(source_of(sources, "program"),
            (ValueSource{ValueSource::Kind::kFile, "job.yaml:3:10", "${env:HOME}", "job.yaml:3:10"}));
  EXPECT_EQ(source_of(sources, "env.set.E").text, "job.yaml:4:10");
  EXPECT_EQ(source_of(sources, "elastic.grace"),
            (ValueSource{ValueSource::Kind::kDefault, "default", "", "job.yaml:1:1"}));
}

TEST_F(JobLayersTest, TheCommandLineIsToBlameOnlyIfNothingElseIs) {
  write("job.yaml", kLeast);
  write("bad.yaml", "name: a b\nprogram: y.so\n");
  const auto is_usage = [&](const std::string& name, const JobInputs& inputs) {
    Diagnostics diagnostics;
    EXPECT_FALSE(read_job(directory_.file(name), inputs, diagnostics).ok());
    return diagnostics.is_usage_error();
  };

  EXPECT_TRUE(is_usage("job.yaml", {.overrides = {"fabric.devices=0"}}));
  EXPECT_TRUE(is_usage("job.yaml", {.profile = "none"}));
  EXPECT_FALSE(is_usage("bad.yaml", {.profile = "none"}));
  EXPECT_FALSE(is_usage("none.yaml", {}));
}

TEST_F(JobLayersTest, NoMessageAndNoPlaceShowsWhatAnIncludesMacroStandsFor) {
  write("s3cret/base.yaml", "fabric: {devices: 0}\n");
  write("s3cret/broken.yaml", "a: [\n");
  write("s3cret/nested.yaml", "include: none.yaml\n");
  const JobInputs inputs{.variables = {{"PLACE", "s3cret"}, {"ROOT", directory_.file("s3cret")}}};
  const auto said = [&](const std::string& include, const std::string& more = "") {
    std::string message = fault("include: \"" + include + "\"\n" + kLeast + more, inputs);
    EXPECT_THAT(message, ::testing::Not(HasSubstr("s3cret"))) << include;
    return message;
  };

  EXPECT_THAT(said("${env:PLACE}/base.yaml"), HasSubstr("${env:PLACE}/base.yaml:1:19: 'fabric.devices' must"));
  EXPECT_THAT(said("${env:PLACE}/broken.yaml"), HasSubstr("${env:PLACE}/broken.yaml:2:1: a job must be"));
  EXPECT_THAT(said("${env:ROOT}/nested.yaml"), HasSubstr("${env:ROOT}/nested.yaml:1:10: 'include' names 'none.yaml'"));
  EXPECT_THAT(said("${env:PLACE}/base.yaml", "fabric: {devices: 1}\nenv: {secret: [PLACE]}\n"),
              HasSubstr("job.yaml:1:10: 'include' must not have the value of a secret, but has '${env:PLACE}'"));
}

TEST_F(JobLayersTest, FilesThatAreIncludedAreCounted) {
  std::string list;
  for (size_t i = 1; i < kMaxIncludedFiles + 1; ++i) {
    const std::string name = "f" + std::to_string(i) + ".yaml";
    write(name, "args: {a: " + std::to_string(i) + "}\n");
    list += (list.empty() ? "" : ", ") + name;
    if (i + 1 == kMaxIncludedFiles) {
      EXPECT_TRUE(read("include: [" + list + "]\n" + kLeast).ok()) << "the job's own file counts too";
    }
  }

  EXPECT_THAT(fault("include: [" + list + "]\n" + kLeast),
              HasSubstr("'include' must lead to at most 64 files, but leads to more; include fewer"));
}

TEST_F(JobLayersTest, MacrosWithoutQuotesMayStandForNull) {
  const JobInputs inputs{.variables = {{"NONE", ""}, {"TILDE", "~"}, {"NULL", "null"}}};
  const ArgValue null{ArgScalar(std::monostate())};

  const JobSpec spec = good(std::string(kLeast) + "args:\n  a: ${env:NONE}\n  b: ${env:TILDE}\n  c: ${env:NULL}\n" +
                                "  d: '${env:NONE}'\nfabric:\n  precision: ${env:NONE}\n",
                            inputs)
                           .spec;

  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(spec.args[i].second, null) << i;
  EXPECT_EQ(spec.args[3].second, ArgValue(ArgScalar(std::string())));
  EXPECT_EQ(spec.fabric.precision, "32-true");
}

TEST_F(JobLayersTest, MacrosOfRanksStayInArgumentsAndVariables) {
  const JobInputs inputs{.variables = {{"A", "${rank}"}, {"B", "x$"}, {"C", "{rank}"}}};

  const JobSpec spec =
      good(std::string(kLeast) +
               "args:\n  a: ${rank}\n  b: [\"${run_dir}/${env:A}\", '$${rank}']\n  c: \"$${env:C}\"\n" +
               "  d: \"$ ${env:C} $${env:B}\"\n  e: \"${env:B}${env:C}\"\nenv: {E: \"r${local_rank}-${env:A}\"}\n",
           inputs)
          .spec;

  const auto text = [](const char* words) { return ArgScalar(std::string(words)); };
  EXPECT_EQ(spec.args[0].second, ArgValue(text("${rank}"))) << "always text";
  EXPECT_EQ(spec.args[1].second, ArgValue(std::vector<ArgScalar>{text("${run_dir}/$${rank}"), text("$${rank}")}))
      << "what a variable holds is no macro";
  EXPECT_EQ(spec.args[2].second, ArgValue(text("$${env:C}")));
  EXPECT_EQ(spec.args[4].second, ArgValue(text("x$${rank}"))) << "nor do pieces become one together";
  EXPECT_EQ(spec.env.set.at("E"), "r${local_rank}-$${rank}");
}

TEST_F(JobLayersTest, ThreadsComeFromTheEnvironmentThatRanksInherit) {
  const auto threads = [&](const std::string& more, const std::string& value = "3,2") {
    return good(kLeast + more, {.variables = {{"OMP_NUM_THREADS", value}}});
  };

  EXPECT_EQ(threads("").spec.threads, 3);
  EXPECT_EQ(source_of(threads("").sources, "threads").kind, ValueSource::Kind::kEnvironment);
  EXPECT_EQ(source_of(threads("").sources, "threads").text, "OMP_NUM_THREADS");
  EXPECT_EQ(threads("env: {pass: ['OMP_*']}\n").spec.threads, 3);
  EXPECT_EQ(threads("threads: 5\n").spec.threads, 5) << "the job wins";
  EXPECT_EQ(threads("env: {OMP_NUM_THREADS: 2}\n").spec.threads, std::nullopt) << "said in another way";
  EXPECT_EQ(threads("env: {pass: [A]}\n").spec.threads, std::nullopt) << "ranks do not inherit it";
  for (const char* const other : {"", "x", "0", "5000"}) EXPECT_EQ(threads("", other).spec.threads, std::nullopt);
}

TEST_F(JobLayersTest, DevicesAreComparedByWhatTheyMean) {
  const auto said = [&](const std::string& devices, const std::string& variable) {
    return read(kLeast + ("fabric: {devices: " + devices + "}\n"), {.variables = {{"LT_DEVICES", variable}}})
        .status()
        .message();
  };

  EXPECT_THAT(said("'0, 1'", "0,1"), HasSubstr("which the CPU does not have")) << "the same, and refused for that only";
  EXPECT_THAT(said("[0, 1]", "0,1"), ::testing::Not(HasSubstr("must be the same")));
  EXPECT_THAT(said("[0, 1]", "1,0"), HasSubstr("must be the same"));
  EXPECT_EQ(said("'2'", "2"), "");
  EXPECT_EQ(said("AUTO", "2"), "") << "capitals do not count";
  EXPECT_EQ(said("AUTO", "Auto"), "");
  EXPECT_THAT(said("2", "1"), HasSubstr("must be the same wherever it is said, but is '2' here and '1' in the"))
      << "5.2 #5 of the reference: neither wins silently";
}

}  // namespace
}  // namespace fabric::job
