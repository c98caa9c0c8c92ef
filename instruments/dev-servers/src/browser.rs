//! A Chromium and the driver that goes with it: found, or installed from Debian.

use std::path::{Path, PathBuf};

use crate::install::{can_install, install_packages, program};
use crate::{Error, Result};

/// What Chromium is called here and there.
const CHROMIUM: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// What its driver is called everywhere.
const DRIVER: &str = "chromedriver";
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

/// The programs of a browser that can be driven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// The browser.
    pub chromium: PathBuf,
    /// Its driver, which speaks WebDriver.
    pub driver: PathBuf,
}

impl Programs {
    /// What to do on a machine that has none.
    pub const ADVICE: &str =
        "install Chromium and chromedriver (Debian: `apt-get install chromium chromium-driver` as root)";

    /// Those on the PATH.
    pub fn find() -> Option<Self> {
        Some(Self { chromium: CHROMIUM.into_iter().find_map(program)?, driver: program(DRIVER)? })
    }
}

/// Sees to it that there is one, by installing it if we are root on Debian. `say` hears what takes long; what the package
/// manager prints goes to `log`.
pub fn ensure(log: &Path, mut say: impl FnMut(&str)) -> Result<Programs> {
    if let Some(programs) = Programs::find() {
        return Ok(programs);
    }
    if can_install() {
        say(&format!("installing it from Debian (log: {})", log.display()));
        install_packages(&PACKAGES, log)?;
    }
    Programs::find().ok_or_else(|| Error::Advice(Programs::ADVICE.to_owned()))
}
