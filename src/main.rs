//! Arguments in, exit status out; everything else is the library's.

use std::process::ExitCode;

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    partyline::cli::main()
}
