//! Writes the OpenAPI files into a folder, or with `--check` fails if they are not current. `cargo xtask openapi` runs it.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "openapi".to_owned()));
    let only_checks = arguments.next().as_deref() == Some("--check");
    let mut outdated = Vec::new();
    for (service, text) in api::openapi::files() {
        let file = folder.join(format!("{service}.yaml"));
        // One that cannot be read is not current.
        if std::fs::read_to_string(&file).is_ok_and(|current| current == text) {
            continue;
        }
        outdated.push(format!("openapi/{service}.yaml"));
        if !only_checks && let Err(error) = std::fs::write(&file, text) {
            eprintln!("cannot write {}: {error}", file.display());
            return ExitCode::FAILURE;
        }
    }
    match (outdated.is_empty(), only_checks) {
        (true, _) => println!("The OpenAPI files are current."),
        (false, false) => println!("Written: {}", outdated.join(", ")),
        (false, true) => {
            eprintln!(
                "Not current: {}. `cargo xtask openapi` writes them from the operations in api/.",
                outdated.join(", ")
            );
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
