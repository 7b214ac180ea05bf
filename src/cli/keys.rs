//! Makes keys: hashes of passwords, tokens, and links.

use crate::access::digest::Digest;
use crate::access::hosts::{machine, names_of};
use crate::access::links::PARAMETER;
use crate::access::password::PasswordHash;
use crate::access::{secret, unix_now};
use crate::config::{Config, check_id};
use crate::screen;
use crate::tls::own;
use std::io::{BufRead, IsTerminal, stdin};
use std::path::Path;
use std::time::Duration;

/// Shorter passwords are guessed, in characters.
const PASSWORD_MIN: usize = 8;

/// Asks for a password, twice if by a terminal, and gives its hash.
pub fn password() -> Result<String, String> {
    let password = if stdin().is_terminal() {
        let ask = |prompt| rpassword::prompt_password(prompt).map_err(|error| format!("nothing can be read: {error}"));
        let password = ask("Password: ")?;
        if ask("Again: ")? != password {
            return Err("these were two different passwords".to_owned());
        }
        password
    } else {
        let mut line = String::new();
        stdin().lock().read_line(&mut line).map_err(|error| format!("nothing can be read: {error}"))?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    if password.chars().count() < PASSWORD_MIN {
        return Err(format!("a password of less than {PASSWORD_MIN} characters is guessed too easily"));
    }
    PasswordHash::of(&password)
}

/// A new token, which is shown once, and what keeps it in the configuration.
pub fn token(name: &str) -> Result<String, String> {
    let name = check_id(name)?;
    let secret = secret().map_err(|error| format!("no random numbers: {error}"))?;
    let digest = Digest::of(secret.as_bytes());
    // Not where the section goes: that may be a file.
    screen::err(format_args!("The program has to send this, which is shown once:\nAuthorization: Bearer {secret}\n\n"));
    Ok(format!("[[access.token]]\nname = \"{name}\"\nhash = \"{digest}\"\nview = [\"*\"]"))
}

/// A certificate for these names, or for this machine's own, and how it is used.
pub fn certificate(mut names: Vec<String>, folder: &Path) -> Result<String, String> {
    if names.is_empty() {
        names = names_of(&machine());
        names.push("localhost".to_owned());
        names.extend(if_addrs::get_if_addrs().into_iter().flatten().map(|interface| interface.ip().to_string()));
        names.sort();
        names.dedup();
    }
    let whom = names.join(", ");
    let (files, fingerprint) = own::make(names, folder)?;
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let [certificate, key] = [&files.certificate, &files.key].map(|file| absolute(file).display().to_string());
    Ok(format!(
        "# For {whom}\n# Browsers warn of it once. Compare its SHA-256 fingerprint then:\n# {fingerprint}\n\
         [tls]\ncertificate = {certificate:?}\nkey = {key:?}"
    ))
}

/// The address of a stream for whoever has it, from now on for so long.
pub fn link(config: &Config, stream: &str, lasts: Duration) -> Result<String, String> {
    let Some(key) = &config.access.link_key else {
        let proposed = secret().map_err(|error| format!("no random numbers: {error}"))?;
        return Err(format!(
            "links need a key that they are signed with. Put this into [access] of the configuration, and name that by --config:\nlink_key = \"{proposed}\""
        ));
    };
    if !config.streams.iter().any(|known| known.id == stream) {
        screen::err(format_args!("{stream:?} is not configured: the link will do if it is a camera that is found\n"));
    }
    Ok(format!("/view/{stream}?{PARAMETER}={}", key.sign(stream, unix_now().saturating_add(lasts.as_secs()))))
}
