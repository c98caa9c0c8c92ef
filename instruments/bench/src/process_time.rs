//! What a process and its children have had of the processor and of memory, as Linux tells it.

use std::path::PathBuf;

/// Ticks of the kernel's accounts in a second: the same on every Linux that this runs on.
const TICKS: f64 = 100.0;

/// The processor time of a process and its children, in microseconds, system calls included.
pub(crate) fn microseconds(pid: u32) -> f64 {
    let of = |pid: u32| {
        let fields = stat(pid).unwrap_or_default();
        let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or_default();
        // utime and stime, fields 14 and 15 of proc_pid_stat(5); the first two are cut off.
        (ticks(11) + ticks(12)) * 1e6 / TICKS
    };
    with_children(pid).into_iter().map(of).sum()
}

/// The resident memory of a process and its children, in megabytes.
pub(crate) fn megabytes(pid: u32) -> f64 {
    with_children(pid).into_iter().map(resident).sum::<f64>() / 1e6
}

fn resident(pid: u32) -> f64 {
    let status = std::fs::read_to_string(file(pid, "status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()).unwrap_or_default() * 1024.0
}

/// A process and its children: Spin starts one for each kind of trigger.
fn with_children(pid: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |id: &u32| stat(*id).and_then(|fields| fields.get(1)?.parse::<u32>().ok()) == Some(pid);
    std::iter::once(pid).chain(ids.filter(is_child)).collect()
}

/// What follows the name in proc_pid_stat(5): the name may have spaces, and the rest has none.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(file(pid, "stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}

fn file(pid: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn what_a_process_computes_is_counted() {
        let pid = std::process::id();
        let (before, begun) = (microseconds(pid), Instant::now());
        while begun.elapsed() < Duration::from_secs(10) && microseconds(pid) < before + 5e4 {
            std::hint::black_box((0..10_000).sum::<u64>());
        }
        assert!(microseconds(pid) >= before + 5e4);
        assert!(megabytes(pid) > 0.5);
    }

    #[test]
    fn children_are_counted_with_their_parent() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(with_children(std::process::id()).contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
