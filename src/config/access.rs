//! `[access]`: who may come, and under which names we are reached.

use super::file::Access as Section;
use super::listen::Listen;
use super::reader::{Checked, Reader};
use super::values::check_id;
use crate::access::accounts::{Accounts, Token, User};
use crate::access::hosts::{Hosts, machine};
use crate::access::rights::{Rights, Streams};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;
use toml::Spanned;

/// A login lasts so long if nothing is said.
const SESSION_FOR: Duration = Duration::from_secs(30 * 86_400);

const SESSION_RANGE: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(366 * 86_400)];

/// Names of streams that nobody has to list.
const ALL: &str = "*";

/// What stands in config.toml as an example: everybody knows it.
const EXAMPLES: [&str; 3] = [
    "$argon2id$v=19$m=19456,t=2,p=1$Ym9vY2hsb2Jvb2NobG8$DmzcRTXBPcmr0+kzDYZzRsiqZ7TPkOxLqMhSq0mJvLo",
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "replace this by 32 random characters or more",
];

impl Reader<'_> {
    /// `certified` are names that are ours without being in `hosts`.
    pub(super) fn access(&self, section: &Section, certified: &[String]) -> Checked<Accounts> {
        let mut hosts = certified.to_vec();
        for host in section.hosts.iter().flatten() {
            hosts.push(self.at(host, check_host(host.get_ref()))?);
        }
        let (mut users, mut names) = (BTreeMap::new(), BTreeMap::new());
        for user in &section.user {
            self.unique(&mut names, &user.name, "user")?;
            let name = self.at(&user.name, check_name(user.name.get_ref()))?;
            let password = self.secret(&user.password)?;
            users.insert(name, User { password, rights: self.rights(user.view.as_deref(), user.control, user.admin)? });
        }
        let (mut tokens, mut names) = (BTreeMap::new(), BTreeMap::new());
        for token in &section.token {
            self.unique(&mut names, &token.name, "token")?;
            let name = self.at(&token.name, check_id(token.name.get_ref()))?;
            let digest = self.secret(&token.hash)?;
            tokens.insert(
                name,
                Token { digest, rights: self.rights(token.view.as_deref(), token.control, token.admin)? },
            );
        }
        let session_for = match &section.session_for {
            None => SESSION_FOR,
            Some(value) => self.duration_between(value, SESSION_RANGE)?,
        };
        let link_key = section.link_key.as_ref().map(|key| self.secret(key)).transpose()?;
        let open = section.open.unwrap_or(false);
        Ok(Accounts { hosts: Hosts::new(hosts, &machine()), open, users, tokens, link_key, session_for })
    }

    /// One that is not in the documentation.
    fn secret<T: FromStr<Err = String>>(&self, value: &Spanned<String>) -> Checked<T> {
        let parsed = match EXAMPLES.contains(&value.get_ref().as_str()) {
            true => Err("is the example of config.toml, which everybody can read".to_owned()),
            false => value.get_ref().parse(),
        };
        self.at(value, parsed)
    }

    /// Nobody shall find out that the whole network could watch.
    pub(super) fn is_meant(&self, accounts: &Accounts, listen: &Listen, at: Option<&Spanned<String>>) -> Checked<()> {
        if listen.is_local() || accounts.is_any() || accounts.link_key.is_some() || accounts.open {
            return Ok(());
        }
        let message = format!(
            "{listen} can be reached from the network, and nobody has an account: say in [access] who may come \
             (`lenscap passwd` helps), or there `open = true` if everybody may"
        );
        Err(self.error(at.map_or(0, |value| value.span().start), message))
    }

    fn rights(&self, view: Option<&[Spanned<String>]>, control: Option<bool>, admin: Option<bool>) -> Checked<Rights> {
        let view = match view {
            None => Streams::all(),
            Some(names) => {
                let mut checked = vec![];
                for name in names {
                    let text = name.get_ref();
                    let fits = text == ALL || check_id(&text.replace('*', "-")).is_ok();
                    let message = format!("{text:?} names no stream: expected one like \"front\", \"front*\" or \"*\"");
                    checked.push(self.at(name, fits.then(|| text.clone()).ok_or(message))?);
                }
                Streams::named(checked)
            }
        };
        Ok(Rights { view, control: control.unwrap_or(false), admin: admin.unwrap_or(false) })
    }
}

/// The name of a user: something that can be typed, and sent by Basic (RFC 7617), where a colon ends it.
fn check_name(name: &str) -> Result<String, String> {
    let fits =
        !name.is_empty() && name.chars().count() <= 64 && !name.contains(':') && !name.contains(char::is_control);
    fits.then(|| name.to_owned())
        .ok_or_else(|| format!("{name:?} is no name: expected 1 to 64 characters without \":\""))
}

/// A name under which we are reached.
pub(super) fn check_host(host: &str) -> Result<String, String> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
    };
    let fits = host.len() <= 253 && host.split('.').all(label);
    fits.then(|| host.to_ascii_lowercase())
        .ok_or_else(|| format!("{host:?} is no name of a host: expected one like \"cams.example\", without a port"))
}
