//! The `trigger-amqp` command: a trigger plugin of Spin.

use std::process::ExitCode;

fn main() -> ExitCode {
    spindle::cli::plugin_main()
}
