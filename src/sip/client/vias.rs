//! Values of Via for the requests that follow an INVITE.

use crate::sip::error::{ParseError, ValueError};
use crate::sip::message::Message;
use crate::sip::via::Via;

/// The Via of an INVITE, with other branches. What is unique stays so with a number behind it, so that no
/// randomness is needed.
pub(super) struct Vias {
    before: String,
    branch: String,
    used: u32,
}

impl Vias {
    pub(super) fn after(invite: &Message) -> Result<Self, ParseError> {
        let Some(via) = invite.via()?.into_iter().next() else {
            return Err(ParseError::Missing("Via"));
        };
        let Some(branch) = via.branch().map(str::to_owned) else {
            let source = ValueError {
                at: 0,
                expected: "a branch",
            };
            return Err(ParseError::Value {
                name: "Via",
                source,
            });
        };
        let Via {
            transport,
            host,
            port,
            params,
        } = via;
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        let kept = params.into_iter().filter(|(name, _)| name != "branch");
        let params: Vec<String> = kept
            .map(|(name, value)| match value {
                Some(value) => format!(";{name}={value}"),
                None => format!(";{name}"),
            })
            .collect();
        Ok(Self {
            before: format!("SIP/2.0/{transport} {host}{port}{}", params.concat()),
            branch,
            used: 0,
        })
    }

    pub(super) fn next(&mut self) -> String {
        self.used = self.used.wrapping_add(1);
        format!("{};branch={}.{}", self.before, self.branch, self.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::transaction::testing::message;

    #[test]
    fn only_the_branch_differs() {
        let invite = message(
            "INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP [::1]:5070;rport;branch=z9hG4bKa;x=y\r\n\r\n",
        );
        let mut vias = Vias::after(&invite).unwrap();
        let start = "SIP/2.0/UDP [::1]:5070;rport;x=y;branch=z9hG4bKa";
        assert_eq!(vias.next(), format!("{start}.1"));
        assert_eq!(vias.next(), format!("{start}.2"));
        for bad in ["", "Via: SIP/2.0/UDP h\r\n", "Via: UDP\r\n"] {
            let invite = message(&format!("INVITE sip:b@x SIP/2.0\r\n{bad}\r\n"));
            assert!(Vias::after(&invite).is_err(), "{bad}");
        }
    }
}
