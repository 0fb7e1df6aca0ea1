//! `bench-compute [--check FILE] [--write FILE]`: measures, prints a table against the goals and writes
//! `target/bench/compute.json`. With `--check` it fails when an operation costs over 5% more than in FILE.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use plimsoll_tests::bench;

/// What the command line asks for.
#[derive(Default)]
struct Options {
    check: Option<PathBuf>,
    write: Option<PathBuf>,
}

fn options() -> Result<Options, String> {
    let mut options = Options::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let place = match word.as_str() {
            "--check" => &mut options.check,
            "--write" => &mut options.write,
            _ => return Err(format!("unknown option {word}")),
        };
        let file = words
            .next()
            .ok_or_else(|| format!("{word} asks for a file"))?;
        *place = Some(file.into());
    }
    Ok(options)
}

fn target() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."));
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}

fn run() -> Result<(), String> {
    let options = options()?;
    println!(
        "compute units of {}",
        plimsoll_testkit::program_path().display()
    );
    let report = bench::measure_all();
    println!("\n{report}");
    let figures = report.figures();
    let json = bench::to_json(&figures);
    write(&target().join("bench/compute.json"), &json)?;
    if let Some(path) = &options.write {
        write(path, &json)?;
    }
    if let Some(path) = &options.check {
        let baseline = bench::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let problems = bench::compare(&figures, &baseline);
        if !problems.is_empty() {
            return Err(problems.join("\n"));
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("bench-compute: {problem}");
            ExitCode::FAILURE
        }
    }
}
