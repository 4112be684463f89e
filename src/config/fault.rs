//! What is wrong with a configuration: every fault, each with its key and a remedy.

use std::fmt;
use std::path::PathBuf;

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the file, on this line, counted from 1.
    Line(usize),
    /// In this environment variable.
    Env(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Env(name) => f.write_str(name),
        }
    }
}

/// One thing that is wrong. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key, as `section.key`; empty where the file as a whole is meant.
    pub key: String,
    /// Where the value was given, if it was.
    pub origin: Option<Origin>,
    /// What is wrong with it.
    pub wrong: String,
    /// What to do now.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.key.is_empty() { "the file" } else { &self.key };
        match &self.origin {
            Some(origin) => writeln!(f, "{key} ({origin}): {}.", self.wrong)?,
            None => writeln!(f, "{key}: {}.", self.wrong)?,
        }
        write!(f, "    {}.", self.remedy)
    }
}

/// Everything that is wrong with a configuration, in the order of its sections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
    /// The faults; never empty.
    pub list: Vec<Fault>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.file {
            Some(file) => file.display().to_string(),
            None => "the configuration".to_owned(),
        };
        match self.list.len() {
            1 => writeln!(f, "{place} has a fault:")?,
            n => writeln!(f, "{place} has {n} faults:")?,
        }
        for fault in &self.list {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
