//! How evenly the pods of notification share the work: one person signs in many times, and the delivery log says which
//! pod has told them.

use crate::Report;
use crate::cluster::wait_for;
use crate::samples::number;
use crate::stage::Stage;
use anyhow::{Context as _, Result, bail};
use experiments::plot;
use experiments::table::table;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many times somebody signs in; each time is a mail.
const SIGN_INS: usize = 120;
/// How much more the busiest may have done than the idlest.
const PROMISED: f64 = 1.2;
const PASSWORD: &str = "a machine that weaves";

pub(crate) fn run(stage: &Stage) -> Result<Report> {
    let email = format!("split-{}@experiments.example", std::process::id());
    let post = |path: &str, body: &Value| -> Result<u16> {
        let request = ureq::post(format!("{}{path}", stage.url)).content_type("application/json");
        Ok(request.config().http_status_as_error(false).build().send(body.to_string())?.status().as_u16())
    };
    let person = json!({
        "name": "Split", "surname": "Experiment", "email": email, "password": PASSWORD,
    });
    if !matches!(post("/users-ms/users", &person)?, 201 | 202) {
        bail!("nobody can sign up");
    }
    println!("Signing in {SIGN_INS} times");
    for _ in 0..SIGN_INS {
        let status = post("/auth-ms/auth/login", &json!({ "username": email, "password": PASSWORD }))?;
        if status != 200 {
            bail!("a sign-in was answered with {status}");
        }
    }
    let token = stage.secret("operator_credential")?;
    let expected = SIGN_INS;
    let all = || -> Result<Option<BTreeMap<String, usize>>> {
        let counts = deliveries(stage, &token, &email)?;
        Ok((counts.values().sum::<usize>() >= expected).then_some(counts))
    };
    let (counts, _) = wait_for("all deliveries", Duration::from_secs(300), all)?;
    let (most, least) = (counts.values().max().copied().unwrap_or(0), counts.values().min().copied().unwrap_or(0));
    let ratio = number(most) / number(least.max(1));
    let rows: Vec<_> = counts.iter().map(|(pod, count)| vec![pod.clone(), count.to_string()]).collect();
    let bars: Vec<_> = counts.iter().map(|(pod, count)| (pod.clone(), number(*count))).collect();
    Ok(Report {
        name: "split",
        text: format!("{}\nmost / least: {ratio:.3}\n", table(&["pod", "messages"], &rows)),
        svg: plot::bars("Messages handled by each pod", "messages", &bars)?,
        is_reached: counts.len() > 1 && ratio <= PROMISED,
    })
}

/// How many sign-in messages each pod has sent. A person's own log has 100 entries at most, so it is read all.
fn deliveries(stage: &Stage, token: &str, email: &str) -> Result<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    let mut cursor = String::new();
    // The log has 10,000 entries at most.
    for _ in 0..100 {
        let url = format!("{}/notification-ms/notifications?limit=100{cursor}", stage.url);
        let mut answer = ureq::get(url).header("authorization", format!("Bearer {token}")).call()?;
        let page: Value = serde_json::from_str(&answer.body_mut().read_to_string()?).context("the log is no JSON")?;
        for item in page["items"].as_array().into_iter().flatten() {
            let is_ours = item["to"] == email && item["event_type"].as_str().is_some_and(|kind| kind.contains("login"));
            if is_ours {
                *counts.entry(item["consumer"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
            }
        }
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    Ok(counts)
}
