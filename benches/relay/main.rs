//! How fast the daemon is: the real binary between simulated platforms, all on this machine.
//!
//! `cargo bench --bench relay` prints a table and takes under two minutes after the build.
//! Arguments go behind `--`: `cargo bench --bench relay -- --groups 10000 --contacts 1000000`.
//! The platforms and the load generator share the machine's cores with the daemon, so the figures
//! are lower bounds of what it does alone. At the end every message is looked up: a figure of a
//! daemon that loses or doubles one is worth nothing, and there is none.
//!
//! | file | what is in it |
//! |---|---|
//! | `world` | the simulated platforms and the groups |
//! | `daemon` | the real binary, its memory and its processor time |
//! | `hooks` | webhooks posted by hand over connections that stay open |
//! | `traffic` | messages through the simulators, and how long they take |
//! | `phases` | what is measured, one function each |
//! | `figures` | percentiles, the table, the JSON |

#![allow(clippy::print_stdout)] // it is made to be read in a terminal

mod daemon;
mod figures;
mod hooks;
mod phases;
mod traffic;
mod world;

use std::path::PathBuf;

use clap::Parser;

use figures::Figures;
use world::World;

/// Measures the real daemon between simulated platforms.
#[derive(Debug, Parser)]
struct Arguments {
    /// Linked groups. Those beyond the ones that are spoken in do nothing but be there.
    #[arg(long, default_value_t = 164)]
    groups: usize,
    /// Contacts in the store, beside those of the groups' members.
    #[arg(long, default_value_t = 0)]
    contacts: usize,
    /// Webhooks of each of the two phases that count acknowledgements.
    #[arg(long, default_value_t = 30_000)]
    hooks: usize,
    /// Messages of each of the two phases that go through the simulators.
    #[arg(long, default_value_t = 10_000)]
    messages: usize,
    /// How long the phases at 50 messages a second take, in seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Writes the figures to this file as well, as one line of JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Cargo says so when it is a bench that is wanted. Without it (`cargo test --benches`) a run
    /// of a few seconds shows that the bench works.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    fn read() -> Self {
        let given = Self::parse();
        if given.bench {
            return given;
        }
        Self { hooks: 640, messages: 200, seconds: 2, ..given }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read();
    let mut world = World::new(arguments.groups, arguments.contacts).await?;
    let mut figures = Figures::default();

    phases::start(&mut world, &mut figures).await?;
    phases::hooks_at_leisure(&mut world, arguments.seconds, &mut figures).await?;
    phases::channels_at_leisure(&mut world, arguments.seconds, &mut figures).await?;
    phases::hooks_while_relaying(&mut world, arguments.hooks, &mut figures).await?;
    phases::phones_saturated(&mut world, arguments.messages, &mut figures).await?;
    phases::channels_saturated(&mut world, arguments.messages, &mut figures).await?;
    phases::hooks_while_slack_refuses(&mut world, arguments.hooks, &mut figures).await?;
    phases::killed_with_a_backlog(&mut world, &mut figures).await?;
    figures.note("memory, most of all phases", world.daemon.most_mib()?, "MiB");
    let checked = world.check()?;

    println!("{}", figures.table());
    println!("All {checked} messages were at their destinations once, in order.");
    if let Some(file) = arguments.json {
        std::fs::write(file, figures.json())?;
    }
    Ok(())
}
