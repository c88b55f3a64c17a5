//! Tables of command lines: what is taken, what is refused, what it means.

use clap::CommandFactory;

use super::super::value::Mem;
use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

fn images(line: &str) -> ImagesArgs {
    match parse(line).unwrap_or_else(|e| panic!("{line}: {e}")).command {
        Command::Images(args) => *args,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_table_of_options_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn each_option_has_help() {
    fn check(command: &clap::Command) {
        for arg in command.get_arguments().filter(|a| a.get_id() != "help") {
            assert!(arg.get_help().is_some(), "{} {}", command.get_name(), arg.get_id());
        }
        command.get_subcommands().for_each(check);
    }
    check(&Cli::command());
}

#[test]
fn names_and_aliases() {
    for line in [
        "lumaloom images in -o out -f negate",
        "lumaloom image in -o out --filter negate",
        "lumaloom images in -o out --vf=negate",
        "lumaloom images -f negate --output out in",
    ] {
        let args = images(line);
        assert_eq!(args.pixels.chain.filter.as_deref(), Some("negate"), "{line}");
        assert_eq!(args.inputs, [PathBuf::from("in")], "{line}");
        assert_eq!(args.output, PathBuf::from("out"), "{line}");
    }
}

#[test]
fn defaults() {
    let args = images("lumaloom images in -o out");
    assert_eq!(args.run.stages.mode(), ModeArg::Threads);
    assert_eq!(args.memory.mem, Mem::Auto);
    assert_eq!(args.pool.split, SplitArg::Auto);
    assert_eq!(args.say.progress, ProgressArg::Auto);
    assert_eq!(args.run.on_error, OnErrorArg::Continue);
    assert_eq!(args.pixels.shrink_on_load, ShrinkArg::Auto);
}

#[test]
fn every_option_of_the_contract_is_taken() {
    images(
        "lumaloom images a b -o out -f eq --recipe r.toml --mode inline -j 1 --split bands \
         --io-threads 3 --mem 512M --progress jsonl -v --report r.json --trace t.json -y -n \
         --explain --format png --quality 85 --subsampling 4:2:0 --progressive \
         --compression best --strip-metadata --name {stem}.{ext} --base . --include *.jpg \
         --include *.png --exclude x --on-error stop --max-pixels 10M --timeout 5s \
         --shard 1/4 --resume --retry-failed --durable --shrink-on-load off",
    );
    images("lumaloom images a -o out --processes -q --threads 4 --overwrite --dry-run");
}

#[test]
fn wrong_usage_is_exit_2() {
    for line in [
        "lumaloom images in",
        "lumaloom images -o out",
        "lumaloom images in -o out -j 0",
        "lumaloom images in -o out --quality 0",
        "lumaloom images in -o out --quality 101",
        "lumaloom images in -o out --mem lots",
        "lumaloom images in -o out --shard 3/2",
        "lumaloom images in -o out --mode fibers",
        "lumaloom images in -o out --mode threads --processes",
        "lumaloom images in -o out -q -v",
        "lumaloom images in -o out --fliter negate",
        "lumaloom stage read images",
        "lumaloom stage read photos",
        "lumaloom stage write images",
        "lumaloom stage read images --manifest m in",
        "lumaloom stage work --events-fd 1",
        "lumaloom filters --json --markdown",
        "lumaloom video in",
        "lumaloom",
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}: {error}");
    }
    let error = parse("lumaloom images in -o out --fliter negate").unwrap_err().to_string();
    assert!(error.contains("--filter"), "did you mean: {error}");
}

#[test]
fn stages() {
    let stage = |line: &str| match parse(line).unwrap().command {
        Command::Stage(StageArgs { stage }) => stage,
        other => panic!("{other:?}"),
    };
    assert!(matches!(stage("lumaloom stage work -f negate"), StageCommand::Work(_)));
    assert!(matches!(stage("lumaloom stage work images -f negate"), StageCommand::Work(_)));
    let StageCommand::Read(read) = stage("lumaloom stage read images --manifest m --events-fd 3")
    else {
        panic!("read")
    };
    let ReadJob::Images(read) = read.job else { panic!("of images") };
    assert_eq!(read.events.events_fd, Some(3));
}
