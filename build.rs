//! How the program is linked: with its relocations packed, and the release with what is run at a start side
//! by side.
//!
//! Both are for the memory of an idle daemon. The relocations (RELR, glibc 2.36) are 2.6 MiB that are read
//! at a start otherwise, and stay. The kernel maps a program in pieces of 64 KiB around what is run, and
//! what a start runs lies in pieces all over the file by itself (`benches/order/take`).

use std::env::var;
use std::path::Path;

/// The functions that lie side by side, a pattern of their names each.
const ORDER: &str = "benches/order/functions.txt";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={ORDER}");
    let target = |key: &str| var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    if target("OS") != "linux" || target("ENV") != "gnu" {
        return;
    }
    println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    // Linkers that are chosen by somebody may know no such scripts.
    let chosen = var("RUSTC_LINKER").is_ok()
        || var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.contains("link"));
    let release = var("OPT_LEVEL").is_ok_and(|level| level != "0");
    if release && !chosen && target("ARCH") == "x86_64" {
        let script = Path::new(&var("OUT_DIR").unwrap_or_default()).join("order.ld");
        let names = std::fs::read_to_string(ORDER).expect("benches/order/functions.txt is there");
        std::fs::write(&script, order(&names)).expect("the folder of the build can be written to");
        println!("cargo:rustc-link-arg-bins=-Wl,-T,{}", script.display());
    }
}

/// A linker script that puts these functions before all others.
fn order(names: &str) -> String {
    let sections: String = names.lines().map(|name| format!("*(.text.{name})\n")).collect();
    format!("SECTIONS {{ .text.first : {{\n{sections}}} }}\nINSERT BEFORE .text;\n")
}
