//! A discrete-event model of an installation: pods with cores, hashing permits, a pool of connections, PostgreSQL. It knows what
//! requests cost, and answers how many there can be and how long they take. The calendar of events is NeXosim's.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use anyhow::{Result, anyhow};
use nexosim::model::{Context, Model, schedulable};
use nexosim::ports::{EventSinkReader as _, Output, SinkState, event_queue};
use nexosim::simulation::{Mailbox, SimInit};
use nexosim::time::MonotonicTime;
use serde::{Deserialize, Serialize};

/// How long a hash has a core while others wait for one, in microseconds (runtime/spindle/src/cpu.rs).
const SLICE: f64 = 20_000.0;
/// What somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// A user is read, with an access token.
    Read,
    /// A session is refreshed.
    Refresh,
    /// Somebody signs in.
    SignIn,
}

/// What one request costs, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// Of the services, but for the hash.
    pub(crate) app: f64,
    pub(crate) hash: f64,
    pub(crate) postgres: f64,
    pub(crate) redis: f64,
    /// Of the client; nothing where clients have machines of their own.
    pub(crate) client: f64,
    /// When nobody computes: the disk, the network, waking up.
    pub(crate) wait: f64,
}

/// What there is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Installation {
    /// Pods of the services, and cores of each.
    pub(crate) pods: u32,
    pub(crate) cores: u32,
    /// Cores of PostgreSQL and of the broker; none if all share those of the one pod.
    pub(crate) postgres_cores: u32,
    pub(crate) redis_cores: u32,
    /// Connections to PostgreSQL over all pods.
    pub(crate) connections: u32,
    /// Hashing permits over all pods.
    pub(crate) permits: u32,
    /// How long a sign-in waits for one, in microseconds.
    pub(crate) patience: f64,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Load {
    /// So many clients, each with its next request after the answer to the last.
    Clients(Kind, u32),
    /// So many requests a second, at random times.
    Rates(Vec<(Kind, f64)>),
}

/// What came of it, for one kind of requests.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Outcome {
    /// Answers a second.
    pub(crate) throughput: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Of all requests.
    pub(crate) refused: f64,
}

/// Runs the model for so many seconds, of which the first `warm_up` are not counted: queues fill then.
///
/// # Errors
/// If the calendar refuses an event.
pub(crate) fn simulate(
    installation: &Installation,
    costs: &HashMap<Kind, Cost>,
    load: &Load,
    (seconds, warm_up): (f64, f64),
) -> Result<HashMap<Kind, Outcome>> {
    let (sink, mut answers) = event_queue(SinkState::Enabled);
    let mut world = World::new(installation.clone(), costs.clone(), load.clone());
    world.answers.connect_sink(sink);
    let failed = |error: &dyn std::fmt::Display| anyhow!("the model stopped: {error}");
    // Threads would wait for each other: there is one model.
    let mut simulation = SimInit::with_num_threads(1)
        .add_model(world, Mailbox::new(), "installation")
        .init(MonotonicTime::EPOCH)
        .map_err(|error| failed(&error))?;
    simulation.step_until(Duration::from_secs_f64(seconds)).map_err(|error| failed(&error))?;
    let mut times: HashMap<Kind, (Vec<f64>, u32)> = HashMap::new();
    while let Some(answer) = answers.try_read() {
        if answer.at < warm_up * 1e6 {
            continue;
        }
        let (times, refused) = times.entry(answer.kind).or_default();
        if answer.is_refused { *refused += 1 } else { times.push(answer.time / 1e3) }
    }
    Ok(times
        .into_iter()
        .map(|(kind, (mut times, refused))| {
            times.sort_by(f64::total_cmp);
            let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
            let all = times.len() as f64 + f64::from(refused);
            let throughput = times.len() as f64 / (seconds - warm_up);
            (kind, Outcome { throughput, p50: at(0.5), p99: at(0.99), refused: f64::from(refused) / all.max(1.0) })
        })
        .collect())
}

/// A part of what a request does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Step {
    /// So many microseconds of a core of a station; what is long gives way to what is short.
    Compute {
        station: usize,
        time: f64,
        is_long: bool,
    },
    Wait(f64),
    Acquire(Pool),
    Release(Pool),
}

/// What there are only so many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Pool {
    Connections,
    Permits,
}

/// A request under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Request {
    kind: Kind,
    steps: VecDeque<Step>,
    begun: f64,
}

/// Cores, and who waits for one.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Station {
    free: u32,
    short: VecDeque<u64>,
    long: VecDeque<u64>,
}

/// Places, and who waits for one.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Places {
    free: u32,
    waiting: VecDeque<u64>,
}

/// What happens next.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Event {
    /// A client comes, and the next one of its kind after it: the place in the list of rates.
    Arrival(usize),
    /// A request has had a core for a while.
    Computed(u64, usize),
    /// A request has waited.
    Waited(u64),
    /// A request waits for a permit no longer.
    Patience(u64),
}

/// An answer, or a refusal.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Answer {
    kind: Kind,
    /// When, and after how long, in microseconds.
    at: f64,
    time: f64,
    is_refused: bool,
}

#[derive(Serialize, Deserialize)]
struct World {
    installation: Installation,
    costs: HashMap<Kind, Cost>,
    load: Load,
    stations: Vec<Station>,
    connections: Places,
    permits: Places,
    requests: HashMap<u64, Request>,
    numbers: u64,
    random: u64,
    answers: Output<Answer>,
}

/// The station of PostgreSQL and that of the broker; those of pods follow.
const POSTGRES: usize = 0;
const REDIS: usize = 1;

#[Model]
impl World {
    #[nexosim(init)]
    async fn begin(&mut self, cx: &Context<Self>) {
        match self.load.clone() {
            Load::Clients(kind, clients) => {
                for _ in 0..clients {
                    self.enter(kind, cx).await;
                }
            }
            Load::Rates(rates) => (0..rates.len()).for_each(|place| self.plan_arrival(place, cx)),
        }
    }

    #[nexosim(schedulable)]
    async fn happen(&mut self, event: Event, cx: &Context<Self>) {
        match event {
            Event::Arrival(place) => {
                if let Load::Rates(rates) = &self.load
                    && let Some((kind, _)) = rates.get(place).copied()
                {
                    self.plan_arrival(place, cx);
                    self.enter(kind, cx).await;
                }
            }
            Event::Computed(request, station) => {
                self.stations[station].free += 1;
                self.go_on(request, cx).await;
                self.give_core(station, cx);
            }
            Event::Waited(request) => self.go_on(request, cx).await,
            Event::Patience(request) => {
                let waiting = &mut self.permits.waiting;
                if let Some(place) = waiting.iter().position(|waits| *waits == request) {
                    waiting.remove(place);
                    self.leave(request, true, cx).await;
                }
            }
        }
    }
}

impl World {
    fn new(installation: Installation, costs: HashMap<Kind, Cost>, load: Load) -> Self {
        let station = |free| Station { free, ..Station::default() };
        let stations = [station(installation.postgres_cores), station(installation.redis_cores)];
        let pods = (0..installation.pods).map(|_| station(installation.cores));
        Self {
            stations: stations.into_iter().chain(pods).collect(),
            connections: Places { free: installation.connections, ..Places::default() },
            permits: Places { free: installation.permits, ..Places::default() },
            installation,
            costs,
            load,
            requests: HashMap::new(),
            numbers: 0,
            random: 0x9e37_79b9_7f4a_7c15,
            answers: Output::default(),
        }
    }

    /// A number between 0 and 1, the same in each run: xorshift64* is enough for times between arrivals.
    fn random(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn plan(&self, microseconds: f64, event: Event, cx: &Context<Self>) {
        // At once is a nanosecond later: the calendar takes no event of now.
        let later = Duration::from_nanos((microseconds * 1e3).max(1.0) as u64);
        if let Err(error) = cx.schedule_event(later, schedulable!(Self::happen), event) {
            eprintln!("the model loses an event: {error}");
        }
    }

    fn plan_arrival(&mut self, place: usize, cx: &Context<Self>) {
        let rate = match &self.load {
            Load::Rates(rates) => rates.get(place).map_or(0.0, |(_, rate)| *rate),
            Load::Clients(..) => 0.0,
        };
        if rate > 0.0 {
            let pause = -(1.0 - self.random()).ln() / rate * 1e6;
            self.plan(pause, Event::Arrival(place), cx);
        }
    }

    fn now(cx: &Context<Self>) -> f64 {
        cx.time().duration_since(MonotonicTime::EPOCH).as_secs_f64() * 1e6
    }

    async fn enter(&mut self, kind: Kind, cx: &Context<Self>) {
        self.numbers += 1;
        let request = Request { kind, steps: self.steps(kind), begun: Self::now(cx) };
        self.requests.insert(self.numbers, request);
        self.go_on(self.numbers, cx).await;
    }

    /// What a request does, in its order.
    fn steps(&mut self, kind: Kind) -> VecDeque<Step> {
        let cost = self.costs.get(&kind).copied().unwrap_or_default();
        let is_together = self.installation.postgres_cores == 0;
        let pods = f64::from(self.installation.pods);
        let pod = 2 + ((self.random() * pods) as usize).min(self.installation.pods.saturating_sub(1) as usize);
        let at = |station: usize| if is_together { pod } else { station };
        let short = |station: usize, time: f64| Step::Compute { station, time, is_long: false };
        let statement = |share: f64| {
            [
                Step::Acquire(Pool::Connections),
                short(at(POSTGRES), cost.postgres * share),
                Step::Wait(cost.wait * share),
                Step::Release(Pool::Connections),
            ]
        };
        let mut steps = VecDeque::from([short(pod, cost.client + cost.app / 2.0)]);
        if cost.hash > 0.0 {
            steps.extend(statement(0.5));
            steps.push_back(Step::Acquire(Pool::Permits));
            steps.push_back(Step::Compute { station: pod, time: cost.hash, is_long: true });
            steps.extend(statement(0.5));
            steps.push_back(Step::Release(Pool::Permits));
        } else {
            steps.extend(statement(1.0));
        }
        steps.push_back(short(at(REDIS), cost.redis));
        steps.push_back(short(pod, cost.app / 2.0));
        steps.retain(|step| !matches!(step, Step::Compute { time, .. } | Step::Wait(time) if *time <= 0.0));
        steps
    }

    /// Has a request do its next steps, up to the first that takes time.
    async fn go_on(&mut self, number: u64, cx: &Context<Self>) {
        loop {
            let Some(step) = self.requests.get(&number).map(|request| request.steps.front().copied()) else { return };
            match step {
                None => return self.leave(number, false, cx).await,
                Some(Step::Compute { station, is_long, .. }) => {
                    let queue = &mut self.stations[station];
                    if is_long { &mut queue.long } else { &mut queue.short }.push_back(number);
                    return self.give_core(station, cx);
                }
                Some(Step::Wait(time)) => {
                    self.done(number);
                    return self.plan(time, Event::Waited(number), cx);
                }
                Some(Step::Acquire(pool)) => {
                    let places = self.places(pool);
                    if places.free == 0 {
                        places.waiting.push_back(number);
                        if pool == Pool::Permits {
                            self.plan(self.installation.patience, Event::Patience(number), cx);
                        }
                        return;
                    }
                    places.free -= 1;
                    self.done(number);
                }
                Some(Step::Release(pool)) => {
                    self.done(number);
                    let places = self.places(pool);
                    match places.waiting.pop_front() {
                        None => places.free += 1,
                        Some(next) => {
                            self.done(next);
                            // After what happens now.
                            self.plan(0.0, Event::Waited(next), cx);
                        }
                    }
                }
            }
        }
    }

    fn done(&mut self, number: u64) {
        if let Some(request) = self.requests.get_mut(&number) {
            request.steps.pop_front();
        }
    }

    fn places(&mut self, pool: Pool) -> &mut Places {
        match pool {
            Pool::Connections => &mut self.connections,
            Pool::Permits => &mut self.permits,
        }
    }

    /// Gives free cores of a station to those who wait, the short ones first. A long one has a slice, and then waits again.
    fn give_core(&mut self, station: usize, cx: &Context<Self>) {
        while self.stations[station].free > 0 {
            let queue = &mut self.stations[station];
            let Some(number) = queue.short.pop_front().or_else(|| queue.long.pop_front()) else { return };
            let Some(Step::Compute { time, is_long, .. }) =
                self.requests.get_mut(&number).and_then(|request| request.steps.front_mut())
            else {
                continue;
            };
            let slice = if *is_long { time.min(SLICE) } else { *time };
            *time -= slice;
            let is_over = *time <= 0.0;
            if is_over {
                self.done(number);
            }
            self.stations[station].free -= 1;
            self.plan(slice, Event::Computed(number, station), cx);
        }
    }

    async fn leave(&mut self, number: u64, is_refused: bool, cx: &Context<Self>) {
        let Some(request) = self.requests.remove(&number) else { return };
        let at = Self::now(cx);
        self.answers.send(Answer { kind: request.kind, at, time: at - request.begun, is_refused }).await;
        if let Load::Clients(kind, _) = self.load {
            Box::pin(self.enter(kind, cx)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laptop() -> Installation {
        Installation {
            pods: 1,
            cores: 2,
            postgres_cores: 0,
            redis_cores: 0,
            connections: 64,
            permits: 16,
            patience: 300_000.0,
        }
    }

    fn of(kind: Kind, cost: Cost) -> HashMap<Kind, Cost> {
        HashMap::from([(kind, cost)])
    }

    #[test]
    fn one_client_waits_for_the_sum_of_what_its_request_costs() {
        let cost = Cost { app: 100.0, postgres: 200.0, wait: 300.0, client: 400.0, ..Cost::default() };
        let outcome = simulate(&laptop(), &of(Kind::Read, cost), &Load::Clients(Kind::Read, 1), (2.0, 0.4)).unwrap();
        let read = &outcome[&Kind::Read];
        assert!((read.p50 - 1.0).abs() < 0.01 && (read.throughput - 1_000.0).abs() < 10.0, "{read:?}");
    }

    #[test]
    fn many_clients_share_the_cores() {
        let cost = Cost { app: 500.0, postgres: 500.0, ..Cost::default() };
        let outcome = simulate(&laptop(), &of(Kind::Read, cost), &Load::Clients(Kind::Read, 16), (2.0, 0.4)).unwrap();
        let read = &outcome[&Kind::Read];
        assert!((read.throughput - 2_000.0).abs() < 20.0 && (read.p50 - 8.0).abs() < 0.5, "{read:?}");
    }

    #[test]
    fn connections_permits_and_patience_are_limits() {
        let waits = Cost { wait: 10_000.0, ..Cost::default() };
        let few = Installation { connections: 5, ..laptop() };
        let outcome = simulate(&few, &of(Kind::Read, waits), &Load::Clients(Kind::Read, 50), (2.0, 0.4)).unwrap();
        assert!((outcome[&Kind::Read].throughput - 500.0).abs() < 10.0, "{outcome:?}");
        let hashes = Cost { hash: 100_000.0, ..Cost::default() };
        let many = Installation { cores: 64, permits: 4, ..laptop() };
        let load = Load::Rates(vec![(Kind::SignIn, 80.0)]);
        let outcome = simulate(&many, &of(Kind::SignIn, hashes), &load, (20.0, 4.0)).unwrap();
        let sign_in = &outcome[&Kind::SignIn];
        assert!((sign_in.throughput - 40.0).abs() < 3.0 && (sign_in.refused - 0.5).abs() < 0.05, "{sign_in:?}");
        assert!(sign_in.p99 < 410.0, "{sign_in:?}");
    }

    #[test]
    fn what_is_short_goes_before_what_is_long() {
        let costs = HashMap::from([
            (Kind::Read, Cost { app: 100.0, ..Cost::default() }),
            (Kind::SignIn, Cost { hash: 200_000.0, ..Cost::default() }),
        ]);
        let load = Load::Rates(vec![(Kind::Read, 100.0), (Kind::SignIn, 9.5)]);
        let outcome = simulate(&laptop(), &costs, &load, (30.0, 6.0)).unwrap();
        let read = &outcome[&Kind::Read];
        // A slice at most.
        assert!(read.p50 < 20.0 && read.p99 < 21.0, "{read:?}");
        assert!(outcome[&Kind::SignIn].throughput > 8.5, "{outcome:?}");
    }
}
