//! How fast the daemon is: the real binary between simulated platforms, all on this machine.
//!
//! `cargo bench --bench relay` prints a table and takes under three minutes after the build.
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
//! | `rooms` | the same beside a real homeserver (`--matrix`) |
//! | `figures` | percentiles, the table, the JSON |

#![allow(clippy::print_stdout)] // it is made to be read in a terminal

mod daemon;
mod figures;
mod hooks;
mod phases;
mod rooms;
#[path = "../../tests/it/support/synapse.rs"]
#[allow(dead_code, unreachable_pub)] // shared with the tests
mod synapse;
mod traffic;
mod world;

use std::path::PathBuf;

use clap::Parser;

use figures::Figures;
use rooms::Rooms;
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
    /// Webhooks a second of the phase that offers them at a rate.
    #[arg(long, default_value_t = 10_000)]
    rate: u32,
    /// Messages that wait for the one room that is stalled.
    #[arg(long, default_value_t = 10_000)]
    waiting: usize,
    /// Measures the way to and from a Synapse instead, which `tests/run` gets ready.
    #[arg(long)]
    matrix: bool,
    /// Measures this program (`target/release/partyline`) and not the one that cargo built with
    /// the bench, which is larger and has the points at which tests end it.
    #[arg(long)]
    binary: Option<PathBuf>,
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
        Self { hooks: 640, messages: 200, seconds: 4, rate: 500, waiting: 3000, ..given }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read();
    let mut figures = Figures::default();
    let binary = arguments.binary.as_deref();
    if arguments.matrix {
        Rooms::new(binary).await?.measure(arguments.messages / 4, &mut figures).await?;
    } else {
        between_simulators(&arguments, &mut figures).await?;
    }
    println!("{}", figures.table());
    if let Some(file) = arguments.json {
        std::fs::write(file, figures.json())?;
    }
    Ok(())
}

async fn between_simulators(arguments: &Arguments, figures: &mut Figures) -> anyhow::Result<()> {
    let mut world =
        World::new(arguments.binary.as_deref(), arguments.groups, arguments.contacts).await?;
    phases::start(&mut world, figures).await?;
    phases::hooks_at_leisure(&mut world, arguments.seconds, figures).await?;
    phases::channels_at_leisure(&mut world, arguments.seconds, figures).await?;
    phases::hooks_at_rate(&mut world, arguments.rate, arguments.seconds / 4, figures).await?;
    phases::hooks_while_relaying(&mut world, arguments.hooks, figures).await?;
    phases::phones_saturated(&mut world, arguments.messages, figures).await?;
    phases::channels_saturated(&mut world, arguments.messages, figures).await?;
    let seconds = arguments.seconds / 4;
    phases::one_room_stalled(&mut world, arguments.waiting, seconds, figures).await?;
    phases::hooks_while_slack_refuses(
        &mut world,
        arguments.hooks,
        arguments.rate,
        arguments.seconds / 4,
        figures,
    )
    .await?;
    phases::killed_with_a_backlog(&mut world, figures).await?;
    figures.note("memory, most of all phases", world.daemon.most_mib()?, "MiB");
    let checked = world.check()?;
    println!("All {checked} messages were at their destinations once, in order.");
    Ok(())
}
