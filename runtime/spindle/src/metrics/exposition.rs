//! What a scrape gets.

use std::sync::Arc;

use metrics::{Exposition, Histogram, Metric, number, spindle};

use crate::amqp_trigger::Listener;
use crate::app::App;
use crate::counters::{BOUNDS, Count, Counters};
use crate::http::HttpTrigger;
use crate::pool::Usage;

/// What the runtime itself is called among the components.
const OWN: &str = "spindle";

/// What is read for a scrape.
pub(crate) struct Sources {
    pub(crate) app: Arc<App>,
    /// None where nothing is served by HTTP.
    pub(crate) http: Option<Arc<HttpTrigger>>,
    pub(crate) listeners: Vec<Arc<Listener>>,
}

impl Sources {
    /// The text.
    pub(super) fn read(&self) -> String {
        let mut all = Exposition::new().with_facts(&spindle::BUILD, &[env!("CARGO_PKG_VERSION")]);
        all = self.of_requests(all);
        all = self.of_limits(all);
        for component in self.app.components() {
            let (id, resources) = (component.id(), &component.resources);
            for (kind, count) in component.counters().outgoing() {
                all = all.with(&spindle::OUTGOING, &[id, kind], number(count));
            }
            let pools = [
                ("postgres", resources.postgres.usage()),
                ("redis", resources.redis.usage()),
                ("mqtt", resources.mqtt.usage()),
            ];
            for (kind, usage) in pools.into_iter().filter(|(_, usage)| usage.used + usage.idle > 0 || usage.waits > 0) {
                all = of_pool(all, &[id, kind], usage);
            }
        }
        for listener in &self.listeners {
            all = of_queue(all, listener);
        }
        of_process(all).into_text()
    }

    fn of_requests(&self, mut all: Exposition) -> Exposition {
        let components = self.app.components().map(|component| (component.id(), component.counters()));
        let with_own: Vec<(&str, &Arc<Counters>)> = components.chain([(OWN, &self.app.counters.own)]).collect();
        for (id, counters) in with_own {
            for ([source, method, class], count) in counters.requests() {
                all = all.with(&spindle::REQUESTS, &[id, source, method, class], number(count));
            }
            if id == OWN {
                continue;
            }
            let (counts, microseconds) = counters.times().read();
            let histogram =
                Histogram::new(&BOUNDS, &counts.into_iter().enumerate().collect(), number(microseconds) / 1e6);
            all = all
                .with_histogram(&spindle::REQUEST_SECONDS, &[id], histogram)
                .with(&spindle::REQUESTS_IN_FLIGHT, &[id], number(counters.in_flight()))
                .with(&spindle::INSTANCES, &[id], number(counters.instances.get()));
            for (cause, count) in counters.failures() {
                all = all.with(&spindle::FAILURES, &[id, cause], number(count));
            }
        }
        for (reason, count) in self.app.counters.refusals() {
            all = all.with(&spindle::REFUSED, &[reason], number(count));
        }
        all
    }

    fn of_limits(&self, mut all: Exposition) -> Exposition {
        let (app, limits) = (&self.app, &self.app.limits);
        let (cores_in_use, cores) = app.cores();
        if let Some(http) = &self.http {
            let [in_use, places, waiting] = http.places();
            let gauges: [(&'static Metric, usize); 5] = [
                (&spindle::CONNECTIONS, http.connections()),
                (&spindle::CONNECTIONS_LIMIT, limits.connections.0),
                (&spindle::PLACES, places),
                (&spindle::PLACES_IN_USE, in_use),
                (&spindle::PLACES_WAITING, waiting),
            ];
            all = gauges.into_iter().fold(all, |all, (metric, value)| all.with(metric, &[], size(value)));
        }
        all.with(&spindle::INSTANCES_LIMIT, &[], size(limits.instances.0))
            .with(&spindle::CORES, &[], size(cores))
            .with(&spindle::CORES_IN_USE, &[], size(cores_in_use))
            .with(&spindle::CORE_WAITS, &[], number(app.counters.queued.get()))
            .with(&spindle::MOVED, &[], number(app.counters.moved.get()))
    }
}

fn of_pool(all: Exposition, labels: &[&str], usage: Usage) -> Exposition {
    all.with(&spindle::POOL_USED, labels, size(usage.used))
        .with(&spindle::POOL_IDLE, labels, size(usage.idle))
        .with(&spindle::POOL_LIMIT, labels, size(usage.limit))
        .with(&spindle::POOL_WAITS, labels, number(usage.waits))
}

fn of_queue(all: Exposition, listener: &Listener) -> Exposition {
    let (queue, counters) = listener.counters();
    let counts: [(&'static Metric, &Count); 5] = [
        (&spindle::DELIVERED, &counters.delivered),
        (&spindle::ACKNOWLEDGED, &counters.acknowledged),
        (&spindle::REQUEUED, &counters.requeued),
        (&spindle::DEAD_LETTERED, &counters.dead_lettered),
        (&spindle::SESSIONS, &counters.sessions),
    ];
    let all = counts.into_iter().fold(all, |all, (metric, count)| all.with(metric, &[queue], number(count.get())));
    all.with(&spindle::IN_HAND, &[queue], number(counters.in_hand.get()))
}

fn of_process(all: Exposition) -> Exposition {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = number(time.tv_sec.try_into().unwrap_or(0)) + number(time.tv_nsec.try_into().unwrap_or(0)) / 1e9;
    all.with_known(&spindle::MEMORY, &[], resident_memory()).with(&spindle::CPU, &[], seconds)
}

/// Resident memory in bytes, where the system has Linux's `/proc`.
fn resident_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib: u64 =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()?;
    Some(number(kib * 1024))
}

fn size(value: usize) -> f64 {
    number(u64::try_from(value).unwrap_or(u64::MAX))
}
