//! The chain of the audit: each entry has a hash over itself and the hash of the one before, so that whoever changes,
//! removes or reorders one has to change all that follow.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::hex::hex;

/// What an entry's hash is over, besides the hash of the entry before.
#[derive(Debug, Clone, Copy)]
pub struct Link<'a> {
    /// Its number in the chain, from 1.
    pub number: i64,
    /// The transaction that wrote it.
    pub tx: i64,
    /// Its number among all that were written.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// What was done.
    pub action: &'a str,
    /// How it ended.
    pub outcome: &'a str,
    /// What did it.
    pub actor_kind: &'a str,
    /// Which one.
    pub actor_id: Option<i64>,
    /// To whose account.
    pub account_id: Option<i64>,
    /// What else there is to say, as JSON without white space whose names are in order.
    pub detail: Option<&'a str>,
}

/// SHA-256, in hexadecimal, of a JSON array without white space: the hash before, number, tx, id, time in microseconds as
/// in RFC 3339, action, outcome, kind and id of the actor, account, and the text of the detail.
#[must_use]
pub fn hash(before: &str, link: &Link<'_>) -> String {
    let at = time(link.at);
    let content = json!([
        before,
        link.number,
        link.tx,
        link.id,
        at,
        link.action,
        link.outcome,
        link.actor_kind,
        link.actor_id,
        link.account_id,
        link.detail,
    ]);
    hex(&Sha256::digest(content.to_string()))
}

/// A time as it stands in what is hashed.
#[must_use]
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// An entry of the chain by its number and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Its number; 0 before the first.
    pub number: i64,
    /// Its hash.
    pub hash: String,
}

/// Where and how a chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An entry is not there.
    Missing(i64),
    /// An entry is not the one that was chained, or not in its place.
    Changed(i64),
    /// The chain does not end where its end was written down.
    OtherEnd(i64),
}

impl Fault {
    /// The number of the entry.
    #[must_use]
    pub fn number(self) -> i64 {
        match self {
            Self::Missing(number) | Self::Changed(number) | Self::OtherEnd(number) => number,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(number) => write!(f, "entry {number} is missing"),
            Self::Changed(number) => write!(
                f,
                "entry {number} is not what was chained: it was changed, or is not in its place"
            ),
            Self::OtherEnd(number) => {
                write!(
                    f,
                    "the chain should end with entry {number}, and does not: entries after it were added, or the last \
                     ones removed"
                )
            }
        }
    }
}

/// Follows a chain from the entry before the first.
#[derive(Debug, Clone)]
pub struct Follower {
    last: End,
    entries: u64,
}

impl Follower {
    /// Begins after `before_first`.
    #[must_use]
    pub fn new(before_first: End) -> Self {
        Self {
            last: before_first,
            entries: 0,
        }
    }

    /// Takes the next entry there is, with the hash it has.
    ///
    /// # Errors
    /// The [`Fault`] if it is not the next of the chain.
    pub fn follow(&mut self, link: &Link<'_>, has: Option<&str>) -> Result<(), Fault> {
        let expected = self.last.number + 1;
        if link.number > expected {
            return Err(Fault::Missing(expected));
        }
        let hash = hash(&self.last.hash, link);
        if link.number < expected || has != Some(hash.as_str()) {
            return Err(Fault::Changed(link.number));
        }
        self.last = End {
            number: link.number,
            hash,
        };
        self.entries += 1;
        Ok(())
    }

    /// How many entries were followed.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Ends.
    ///
    /// # Errors
    /// [`Fault::OtherEnd`] if the chain should have ended elsewhere.
    pub fn end(&self, written_down: &End) -> Result<(), Fault> {
        if self.last == *written_down {
            return Ok(());
        }
        Err(Fault::OtherEnd(written_down.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> End {
        End {
            number: 0,
            hash: "0".repeat(64),
        }
    }

    fn link(number: i64, action: &str) -> Link<'_> {
        Link {
            number,
            tx: 7,
            id: number + 10,
            at: DateTime::from_timestamp(1_700_000_000, 5_000).unwrap(),
            action,
            outcome: "done",
            actor_kind: "user",
            actor_id: Some(3),
            account_id: None,
            detail: Some("{\"a\":\"b\"}"),
        }
    }

    /// Worked out by another program from the description in `docs/audit.md`.
    #[test]
    fn the_hash_is_the_documented_one() {
        let hash = hash(&"0".repeat(64), &link(1, "user.created"));
        assert_eq!(
            hash,
            "f661b0f1ce037bf222f7a6e94db805aff28514956a0b85032338aae993e41f66"
        );
    }

    #[test]
    fn a_chain_is_followed_to_its_end() {
        let links = [link(1, "a"), link(2, "b"), link(3, "c")];
        let mut hashes = vec![nothing().hash];
        for link in &links {
            hashes.push(hash(&hashes[hashes.len() - 1], link));
        }
        let end = |number: usize| End {
            number: i64::try_from(number).unwrap(),
            hash: hashes[number].clone(),
        };
        let follow = |which: &[usize], links: &[Link<'_>]| {
            let mut follower = Follower::new(nothing());
            for n in which {
                follower.follow(&links[n - 1], Some(&hashes[*n]))?;
            }
            follower.end(&end(3)).map(|()| follower.entries())
        };
        assert_eq!(follow(&[1, 2, 3], &links), Ok(3));
        assert_eq!(follow(&[1, 3], &links), Err(Fault::Missing(2)));
        assert_eq!(follow(&[2, 3], &links), Err(Fault::Missing(1)));
        assert_eq!(follow(&[1, 1, 2, 3], &links), Err(Fault::Changed(1)));
        assert_eq!(follow(&[1, 2], &links), Err(Fault::OtherEnd(3)));
        let mut changed = links;
        changed[1].account_id = Some(1);
        assert_eq!(follow(&[1, 2, 3], &changed), Err(Fault::Changed(2)));
        let mut swapped = links;
        (swapped[1].id, swapped[2].id) = (swapped[2].id, swapped[1].id);
        assert_eq!(follow(&[1, 2, 3], &swapped), Err(Fault::Changed(2)));
    }
}
