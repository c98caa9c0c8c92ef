//! `spindle time-instances`: what an instance costs by itself, for the benchmark.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;

use crate::app::{App, Options};
use crate::manifest::{self, Assets, Source};
use crate::runtime_config::RuntimeConfig;
use crate::stdio::{Destinations, Follow};

/// Instances that are made before the clock starts, and then.
const WARM_UP: u32 = 500;
const COUNT: u32 = 5000;

#[derive(Debug, Args)]
pub(crate) struct TimeInstances {
    /// The application's manifest
    #[arg(short = 'f', long = "from", default_value = "spin.toml")]
    from: PathBuf,

    /// Directory for compiled components
    #[arg(long)]
    cache: Option<PathBuf>,
}

impl TimeInstances {
    /// Prints the microseconds that one instance of each component takes from nothing to nothing, without a call.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let mut assets = Assets::default();
        let locked = Source::read(&manifest::locate(&self.from))?.lock(&mut assets)?;
        let output = Destinations { follow: Follow::Nobody, ..Destinations::default() };
        let options = Options { cache_dir: self.cache, output, ..Options::default() };
        let app = App::prepare(locked, &RuntimeConfig::default(), options).await?;
        let mut times = BTreeMap::new();
        for id in app.locked.components.iter().map(|component| component.id.clone()) {
            let Some(component) = app.component(&id) else { continue };
            let Some(handler) = component.http.clone() else { continue };
            let mut begun = Instant::now();
            for n in 0..WARM_UP + COUNT {
                if n == WARM_UP {
                    begun = Instant::now();
                }
                let (mut store, _share) = app.store(&component, Arc::<App>::clone(&app), 0)?;
                handler.instantiate_async(&mut store).await?;
            }
            times.insert(id, begun.elapsed().as_secs_f64() * 1e6 / f64::from(COUNT));
        }
        println!("{}", serde_json::to_string(&times)?);
        Ok(())
    }
}
