//! The statements that list users.

use super::{Store, User};
use identity::{Role, RoleName};
use problem::Problem;
use serde::Deserialize;
use spin_sdk::pg4::ParameterValue;
use users_domain::{PageRequest, SortBy};

/// What is searched in: what the index `users_search_by_part` has.
const SEARCHED: &str = "lower(name || ' ' || surname || ' ' || email)";
/// How many users of a list are looked at one by one before the index is asked.
const NEAR: usize = 500;

/// A user of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    pub(crate) user: User,
    /// What the list is ordered by; `None` if it is the id.
    pub(crate) key: Option<String>,
}

/// The order of a list: what comes first, and what a cursor needs of it.
struct Ordered {
    /// For `ORDER BY`.
    order: String,
    /// What a list is ordered by but the id.
    key: &'static str,
    /// Whatever comes after the cursor, if there is one.
    beyond: String,
}

/// Conditions of a statement, and their parameters.
#[derive(Default)]
struct Conditions {
    conditions: Vec<String>,
    parameters: Vec<ParameterValue>,
}

impl Conditions {
    /// Adds a parameter; gives its place.
    fn parameter(&mut self, value: ParameterValue) -> String {
        self.parameters.push(value);
        format!("${}", self.parameters.len())
    }

    /// Adds a condition on a value, whose place is at `?`, if there is one.
    fn add(&mut self, condition: &str, value: Option<ParameterValue>) {
        if let Some(value) = value {
            let place = self.parameter(value);
            self.conditions.push(condition.replace('?', &place));
        }
    }

    fn text(&self) -> String {
        if self.conditions.is_empty() { "true".to_owned() } else { self.conditions.join(" AND ") }
    }
}

fn text(value: &str) -> ParameterValue {
    ParameterValue::Str(value.to_owned())
}

/// A page of users, and one more if there is a next page.
pub(crate) fn list(store: &Store, page: &PageRequest) -> Result<Vec<Listed>, Problem> {
    // The statement has only the conditions of the query, so that each combination gets a plan with its own index.
    let mut filters = Conditions::default();
    if let Some(is_verified) = page.email_verified {
        filters.conditions.push(format!("email_verified_at IS {}NULL", if is_verified { "NOT " } else { "" }));
    }
    filters.add("email_key = ?", page.email.as_ref().map(|email| text(email.key())));
    filters.add("lower(name) = lower(?)", page.name.as_deref().map(text));
    filters.add("lower(surname) = lower(?)", page.surname.as_deref().map(text));
    let role = page.role.as_ref().map(RoleName::as_str);
    let admin = role.filter(|role| *role == Role::Admin.name());
    filters.add("role = ?", admin.map(text));
    filters.add("roles @> ARRAY[?::text] AND roles <> '{}'", role.filter(|_| admin.is_none()).map(text));
    let ordered = ordered(page, &mut filters);
    let count = page.limit + 1;
    let rows = match page.search_pattern() {
        Some(pattern) => searched(page, &pattern, &mut filters, &ordered),
        None => {
            let Ordered { order, beyond, .. } = &ordered;
            format!("SELECT * FROM users WHERE {} AND {beyond} ORDER BY {order} LIMIT {count}", filters.text())
        }
    };
    let (key, order) = (ordered.key, &ordered.order);
    let statement = format!(
        "SELECT coalesce(jsonb_agg(jsonb_build_object('user', user_json(u), 'key', {key}) ORDER BY {order}), '[]')
         FROM ({rows}) u"
    );
    store.read(|store| store.one(&statement, &filters.parameters))
}

/// The order of a page, and where it begins.
fn ordered(page: &PageRequest, parameters: &mut Conditions) -> Ordered {
    let (beyond, direction) = if page.order.is_descending { ("<", "DESC") } else { (">", "ASC") };
    // Addresses are unique; of equal names the older user comes first.
    let (key, order) = match page.order.by {
        SortBy::Created => ("NULL::text", format!("id {direction}")),
        SortBy::Name => ("lower(name)", format!("lower(name) {direction}, id {direction}")),
        SortBy::Surname => ("lower(surname)", format!("lower(surname) {direction}, id {direction}")),
        SortBy::Email => ("email_key", format!("email_key {direction}")),
    };
    let beyond = page.after.as_ref().map_or("true".to_owned(), |after| {
        let id = after.id.get();
        let last = match page.order.by {
            SortBy::Created => parameters.parameter(ParameterValue::Int64(id)),
            SortBy::Name | SortBy::Surname | SortBy::Email => parameters.parameter(text(&after.key)),
        };
        match page.order.by {
            SortBy::Created => format!("id {beyond} {last}"),
            SortBy::Name | SortBy::Surname => format!("({key}, id) {beyond} ({last}, {id})"),
            SortBy::Email => format!("{key} {beyond} {last}"),
        }
    });
    Ordered { order, key, beyond }
}

/// The rows of a page of what is searched for. PostgreSQL cannot know how many users have a part of a name, and which of two ways
/// is short depends on it: what many have is soon found by looking at one user after the other, what few have by the index. So the
/// next [`NEAR`] users are looked at, then the index is asked, which gives up where there are many, and if it did, one user after the
/// other is looked at all the same. In the order of ids the index is asked for those who come next (`find_next_users`), and in
/// others for all (`find_users`).
fn searched(page: &PageRequest, pattern: &str, filters: &mut Conditions, ordered: &Ordered) -> String {
    let pattern = format!("lower({})", filters.parameter(text(pattern)));
    let (count, Ordered { order, beyond, .. }) = (page.limit + 1, ordered);
    // Whoever comes first is known from the ids alone, if all of them are wanted in the order of their ids.
    let (find, found_ids) = if filters.conditions.is_empty() && page.order.by == SortBy::Created {
        let is_descending = page.order.is_descending;
        let after = match &page.after {
            Some(after) => filters.parameter(ParameterValue::Int64(after.id.get())),
            None if is_descending => "(SELECT coalesce(max(id), 0) + 1 FROM users)".to_owned(),
            None => "0".to_owned(),
        };
        let find = format!("find_next_users({pattern}, {after}, {is_descending}, {count})");
        let first = format!("WHERE {beyond} ORDER BY {order} LIMIT {count}");
        (find, format!("SELECT id FROM (SELECT unnest(ids) AS id FROM found) f {first}"))
    } else {
        (format!("find_users({pattern})"), "SELECT unnest(ids) FROM found".to_owned())
    };
    let filters = filters.text();
    // Not the expression of the index, which is not to be asked once more.
    let walked = format!("{SEARCHED} || '' LIKE {pattern}");
    format!(
        "WITH near AS MATERIALIZED (
            SELECT * FROM (SELECT * FROM users WHERE {beyond} ORDER BY {order} LIMIT {NEAR}) n
            WHERE {filters} AND {walked} LIMIT {count}
        ), is_near AS MATERIALIZED (
            SELECT count(*) = {count} AS enough FROM near
        ), found AS MATERIALIZED (
            SELECT CASE WHEN NOT enough THEN {find} END AS ids FROM is_near
        ), by_index AS (
            SELECT * FROM users WHERE id IN ({found_ids}) AND {filters} AND {beyond}
            ORDER BY {order} LIMIT {count}
        ), walked AS (
            SELECT * FROM users
            WHERE (SELECT ids IS NULL AND NOT enough FROM found, is_near) AND {filters} AND {beyond} AND {walked}
            ORDER BY {order} LIMIT {count}
        )
        SELECT * FROM near WHERE (SELECT enough FROM is_near)
        UNION ALL SELECT * FROM by_index UNION ALL SELECT * FROM walked"
    )
}
