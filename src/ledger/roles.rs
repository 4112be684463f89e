//! Roles that were granted by command.

use jiff::Timestamp;
use partyline_core::{PersonId, Place};
use rusqlite::params;

use super::threads::Writing;
use super::{Ledger, LedgerError, timestamp};

/// What somebody can be granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// May give every command, on every group.
    Admin,
    /// May run this group.
    Manager(Place),
}

impl Role {
    const fn columns(&self) -> (&'static str, Option<&Place>) {
        match self {
            Self::Admin => ("admin", None),
            Self::Manager(group) => ("manager", Some(group)),
        }
    }

    /// The role of a row; `None` for one that a later program wrote.
    pub(super) fn read(role: &str, conversation: &str) -> Option<Self> {
        match role {
            "admin" => Some(Self::Admin),
            "manager" => conversation.parse().ok().map(Self::Manager),
            _ => None,
        }
    }
}

/// A role that somebody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRole {
    /// Who has it.
    pub person: PersonId,
    /// Administrator, or manager of one group.
    pub role: Role,
    /// Who granted it: a person's id.
    pub by: String,
    /// When it was granted.
    pub at: Timestamp,
}

/// A change of the roles that a command or a new group brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleChange {
    /// Grants a role; granted already, it stays as it was.
    Grant {
        /// To whom.
        person: PersonId,
        /// What.
        role: Role,
        /// Who does it.
        by: String,
    },
    /// Takes a role away.
    Revoke {
        /// From whom.
        person: PersonId,
        /// What.
        role: Role,
    },
}

pub(super) fn apply(
    writing: &Writing<'_>,
    change: &RoleChange,
    now: i64,
) -> Result<(), rusqlite::Error> {
    let (RoleChange::Grant { person, role, .. } | RoleChange::Revoke { person, role }) = change;
    let (role, group) = role.columns();
    let group = group.map(ToString::to_string).unwrap_or_default();
    let person = person.to_string();
    match change {
        RoleChange::Grant { by, .. } => writing
            .connection
            .prepare_cached(
                "INSERT INTO roles (person, role, conversation, by, at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![person, role, group, by, now]),
        RoleChange::Revoke { .. } => writing
            .connection
            .prepare_cached(
                "DELETE FROM roles WHERE person = ?1 AND role = ?2 AND conversation = ?3",
            )?
            .execute(params![person, role, group]),
    }
    .map(drop)
}

impl Ledger {
    /// Whether somebody was granted this role.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn has_role(&self, person: &PersonId, role: &Role) -> Result<bool, LedgerError> {
        let (role, group) = role.columns();
        let group = group.map(ToString::to_string).unwrap_or_default();
        let person = person.to_string();
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT 1 FROM roles WHERE person = ?1 AND role = ?2 AND conversation = ?3",
                    )?
                    .exists(params![person, role, group])
            })
            .await
    }

    /// The groups that somebody was granted to manage.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn managed_by(&self, person: &PersonId) -> Result<Vec<Place>, LedgerError> {
        let person = person.to_string();
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT conversation FROM roles WHERE person = ?1 AND role = 'manager'",
                    )?
                    .query_map([person], |row| row.get::<_, String>(0))?
                    .filter_map(|group| group.map(|group| group.parse().ok()).transpose())
                    .collect()
            })
            .await
    }

    /// The roles that were granted, administrators first: of one group, or all; from the row
    /// `offset` on, at most `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn roles(
        &self,
        group: Option<&Place>,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<StoredRole>, LedgerError> {
        let group = group.map(ToString::to_string);
        self.threads
            .read(move |connection| {
                let mut rows = connection.prepare_cached(
                    "SELECT person, role, conversation, by, at FROM roles
                     WHERE ?1 IS NULL OR conversation = '' OR conversation = ?1
                     ORDER BY role, conversation, person LIMIT ?2 OFFSET ?3",
                )?;
                let mut rows = rows.query(params![group, limit, offset])?;
                let mut roles = Vec::new();
                while let Some(row) = rows.next()? {
                    let role = Role::read(&row.get::<_, String>(1)?, &row.get::<_, String>(2)?);
                    let person: Option<PersonId> = row.get::<_, String>(0)?.parse().ok();
                    if let (Some(person), Some(role)) = (person, role) {
                        let (by, at) = (row.get(3)?, timestamp(row.get(4)?));
                        roles.push(StoredRole { person, role, by, at });
                    }
                }
                Ok(roles)
            })
            .await
    }
}
