//! Every check on the base and on every overlay.

use k8s_checks::app::App;
use k8s_checks::checks::{CHECKS, manifest_of};
use k8s_checks::render::overlays;

#[test]
fn every_overlay_keeps_every_invariant() {
    let mut faults = Vec::new();
    for manifests in overlays() {
        let app = App::read(manifest_of(manifests));
        for (name, check) in CHECKS {
            faults
                .extend(check(manifests, &app).into_iter().map(|fault| format!("{}: {name}: {fault}", manifests.name)));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
