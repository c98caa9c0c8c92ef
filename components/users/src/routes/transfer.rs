//! /users-ms/import and /users-ms/export: users in bulk, from and to other systems.

use super::{Call, trace};
use crate::settings;
use crate::store::Store;
use crate::store::transfer::{self, Imported};
use api::users::operation::{ExportUsers, ImportUsers};
use api::users::{ExportedUser, ImportOutcome, ImportResult, ImportedLine};
use identity::{NO_PASSWORD_BYTES, PasswordHash, UserId};
use problem::{Kind, Problem};
use service_kit::{HandlerResult, Request, config, log, random};
use std::collections::BTreeMap;
use users_domain::{Actor, Caller, HashRules, ImportedUser, Trace, address_not_free, import_lines};

/// POST: creates users, in one statement, and answers each line by itself.
pub(super) fn import_users(call: &Call<'_, ImportUsers>) -> HandlerResult {
    let (request, guard) = (call.request, &call.caller);
    guard.authorize_administration(request)?;
    let lines = import_lines(call.raw_body()?)?;
    let peppers = config::peppers()?;
    let rules = HashRules { peppers: &peppers, cost: config::cost()?, max_memory: settings::import_hash_memory()? };
    let store = Store::open()?;
    guard.require_live_session(&store)?.require_recent(request)?;
    let (mut valid, mut refused) = (Vec::new(), BTreeMap::new());
    for (number, line) in lines {
        match ImportedUser::parse(line, &rules) {
            Ok(mut user) => {
                let hash = user.hash.take().unwrap_or_else(|| {
                    PasswordHash::of_no_password(&peppers, rules.cost, random::bytes::<NO_PASSWORD_BYTES>())
                });
                valid.push((number, user, hash));
            }
            Err(problem) => {
                refused.insert(number, problem);
            }
        }
    }
    let imported = transfer::import(&store, &valid, &administrators_trace(guard.caller(), request)?)?;
    let result = summary(imported, refused, request);
    let [created, existing, refused] = [result.created, result.existing, result.refused].map(|count| count.to_string());
    let counts = [("by", guard.by()), ("created", created), ("existing", existing), ("refused", refused)];
    log::audit(
        "users-imported",
        "success",
        &request.id,
        &counts.each_ref().map(|(name, value)| (*name, value.as_str())),
    );
    Ok(call.ok(&result))
}

/// The answer, in the order of the lines.
fn summary(imported: Vec<Imported>, refused: BTreeMap<u32, Problem>, request: &Request) -> ImportResult {
    let refuse = |line, problem: &Problem| {
        let problem = serde_json::from_slice(&problem.to_json(&request.id)).ok();
        ImportedLine { line, result: ImportOutcome::Refused, id: None, problem }
    };
    let mut lines: Vec<_> = refused.iter().map(|(line, problem)| refuse(*line, problem)).collect();
    lines.extend(imported.into_iter().map(|Imported { line, id, is_new }| match (id, is_new) {
        (None, _) => refuse(line, &address_not_free()),
        (id, true) => ImportedLine { line, result: ImportOutcome::Created, id, problem: None },
        (id, false) => ImportedLine { line, result: ImportOutcome::Exists, id, problem: None },
    }));
    lines.sort_by_key(|line| line.line);
    let count = |outcome| u32::try_from(lines.iter().filter(|line| line.result == outcome).count()).unwrap_or(u32::MAX);
    let (created, existing) = (count(ImportOutcome::Created), count(ImportOutcome::Exists));
    ImportResult { created, existing, refused: count(ImportOutcome::Refused), lines }
}

/// GET: streams all users, a page of the database at a time.
pub(super) fn export_users(call: &Call<'_, ExportUsers>) -> HandlerResult {
    let (request, guard) = (call.request, &call.caller);
    guard.authorize_administration(request)?;
    let fault = |name: &str, detail: &str| Problem::field(Kind::InvalidQuery, name, detail);
    let with_hashes = match call.query.get("hashes").map(String::as_str) {
        None | Some("omit") => false,
        Some("include") => true,
        Some(_) => return Err(fault("hashes", "hashes is omit or include.")),
    };
    let after = match call.query.get("after").map(|text| UserId::parse(text)).transpose() {
        Ok(after) => after.map_or(0, UserId::get),
        Err(error) => return Err(fault("after", &error.to_string())),
    };
    let store = Store::open()?;
    guard.require_live_session(&store)?.require_recent(request)?;
    transfer::begin_export(&store, with_hashes, &administrators_trace(guard.caller(), request)?)?;
    let action = if with_hashes { "users-exported-with-hashes" } else { "users-exported" };
    log::audit(action, "success", &request.id, &[("by", &guard.by())]);
    // The first page is there before the answer begins, so that a database that is away is a problem like any other.
    let first = transfer::export(&store, after, with_hashes)?;
    request.stream(Pages { store, with_hashes, next: Some(Ok(first)) });
    Ok(service_kit::lines())
}

/// The users that are left to export.
struct Pages {
    store: Store,
    with_hashes: bool,
    next: Option<Result<Vec<ExportedUser>, Problem>>,
}

impl Iterator for Pages {
    type Item = Result<Vec<u8>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        let page = match self.next.take()? {
            Ok(page) => page,
            Err(problem) => return Some(Err(problem)),
        };
        let last = page.last()?.id.get();
        let mut lines = Vec::new();
        for user in &page {
            if let Err(error) = serde_json::to_writer(&mut lines, user) {
                return Some(Err(Problem::internal(error.to_string())));
            }
            lines.push(b'\n');
        }
        self.next = Some(transfer::export(&self.store, last, self.with_hashes));
        Some(Ok(lines))
    }
}

/// What the audit log says about who does it: it is about nobody in particular.
fn administrators_trace(caller: Caller, request: &Request) -> Result<Trace, Problem> {
    trace::of_client(
        request,
        match caller {
            Caller::Admin(id) => Actor::Administrator(id),
            Caller::User(_) | Caller::Anyone => Actor::Nobody,
        },
    )
}
