//! `experiment`: the report's experiments with queues. What they need is built first; the rest is the program
//! `experiments`.

use anyhow::Result;

use crate::folder::Folder;
use crate::{compile, program, setup};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// `split`, `kill-consumer`, `broker-restart`, `crash` or `poison`, and its options; `--help` tells them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "EXPERIMENT")]
    arguments: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = Folder::find()?;
    let compiler = setup::compiler(&folder)?;
    setup::servers(&folder)?;
    compile::components(&folder, &compiler, false)?;
    compile::spindle(&folder)?;
    let mut cargo = program::cargo(folder.root());
    cargo.args(["run", "--quiet", "--package", "experiments", "--"]).args(&arguments.arguments);
    program::show("the experiment", cargo)
}
