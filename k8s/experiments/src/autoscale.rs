//! CPU load on users: the autoscaler adds pods, and takes them away when the load has gone. What auth takes to answer
//! meanwhile is measured beside it.

use crate::Report;
use crate::cluster::wait_for;
use crate::load::Load;
use crate::objects;
use crate::samples::number;
use crate::stage::Stage;
use anyhow::Result;
use experiments::plot::{self, Line};
use experiments::table::table;
use std::time::{Duration, Instant};

/// Each of these computes for about a tenth of a second.
const WORK: &str = "/users-ms/load-test?n=35";
/// How many a second: a core's work, more than three times what two pods ask for.
const RATE: u32 = 12;
/// How long the load lasts.
const LOADED: Duration = Duration::from_secs(240);
/// How long the way down may take: the autoscaler waits for five minutes before it believes that a load has gone.
const DOWN: Duration = Duration::from_secs(600);
const STEP: Duration = Duration::from_secs(5);

pub(crate) fn run(stage: &Stage) -> Result<Report> {
    stage.with_load_test(|| {
        let autoscaler = || stage.cluster.get("hpa users-ms");
        let least = objects::least_pods(&autoscaler()?);
        println!("Waiting until users has no more than {least} pods");
        let is_calm = || Ok((objects::autoscaler(&autoscaler()?).0 == least).then_some(()));
        wait_for("users to have as few pods as it may", DOWN, is_calm)?;
        let start = Instant::now();
        let mut seen = Vec::<(f64, u64, Option<u64>)>::new();
        // An API server that does not answer once is asked again at the next step.
        let mut look = || -> Option<u64> {
            let (pods, _, load) = objects::autoscaler(&autoscaler().ok()?);
            seen.push((start.elapsed().as_secs_f64(), pods, load));
            Some(pods)
        };
        look();
        let neighbour = stage.load("/auth-ms/healthcheck");
        neighbour.go_on(Duration::from_secs(20));
        let from = start.elapsed().as_secs_f64();
        println!("users has {least} pods; load for {} seconds", LOADED.as_secs());
        let work = Load::start(&format!("{}{WORK}", stage.url), RATE);
        let mut most = least;
        let mut grew = None;
        while start.elapsed().as_secs_f64() < from + LOADED.as_secs_f64() {
            std::thread::sleep(STEP);
            let Some(pods) = look() else { continue };
            most = most.max(pods);
            if pods > least && grew.is_none() {
                grew = Some(start.elapsed().as_secs_f64() - from);
            }
        }
        drop(work);
        let to = start.elapsed().as_secs_f64();
        let neighbour = neighbour.stop();
        println!("users has up to {most} pods; the load is over");
        let mut shrank = None;
        while shrank.is_none() && start.elapsed().as_secs_f64() < to + DOWN.as_secs_f64() {
            std::thread::sleep(STEP);
            if look().is_some_and(|pods| pods <= least) {
                shrank = Some(start.elapsed().as_secs_f64() - to);
            }
        }
        let seconds = |time: Option<f64>| time.map_or_else(|| "never".to_owned(), |time| format!("{time:.0} s"));
        let (idle, busy) =
            (neighbour.between(0.0, from).quantile_ms(0.99), neighbour.between(from, to).quantile_ms(0.99));
        let rows = [
            ["pods before", &least.to_string()],
            ["pods at most", &most.to_string()],
            ["first new pod after", &seconds(grew)],
            ["back after", &seconds(shrank)],
            ["p99 of auth, idle", &format!("{idle:.0} ms")],
            ["p99 of auth, meanwhile", &format!("{busy:.0} ms")],
        ];
        let pods = seen.iter().map(|(at, pods, _)| (*at, number(usize::try_from(*pods).unwrap_or(0)))).collect();
        let load = seen.iter().filter_map(|(at, _, load)| Some((*at, number(usize::try_from((*load)?).ok()?) / 60.0)));
        let lines = [Line::main("pods", pods), Line::other("load (1 is the target)", load.collect())];
        let mut marks = vec![(from, "the load begins".to_owned()), (to, "it ends".to_owned())];
        marks.extend(grew.map(|after| (from + after, "a new pod".to_owned())));
        marks.extend(shrank.map(|after| (to + after, "as few as before".to_owned())));
        Ok(Report {
            name: "autoscale",
            text: table(&["what", "value"], &rows.map(|row| row.map(str::to_owned).into())),
            svg: plot::lines("users under load", "pods", &lines, &marks)?,
            is_reached: most > least && shrank.is_some(),
        })
    })
}
