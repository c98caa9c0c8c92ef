//! The build script of the services' components: gives each a heap from the start.
//!
//! A memory that grows has to be made accessible, and inaccessible again for the next instance: two system calls that hold
//! up all threads of the runtime, at each growth of each request. Pages that are not used cost nothing.

fn main() {
    println!("cargo::rerun-if-changed=../heap.rs");
    // The stack takes the first MiB.
    if std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("wasm") {
        println!("cargo::rustc-link-arg=--initial-memory=2097152");
    }
}
