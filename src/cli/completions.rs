//! `partyline completions SHELL`.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

/// What `completions` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<()> {
    // Into memory first: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "partyline", &mut script);
    Ok(out.write_all(&script)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_a_script() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell, Shell::Elvish] {
            let mut script = Vec::new();
            run(&Args { shell }, &mut script).unwrap();
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains("completions") && script.contains("check"), "{shell}");
        }
    }
}
