//! A certificate that nobody has signed: enough to keep a LAN from listening, if its fingerprint is compared once.

use super::files::Files;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use sha2::{Digest, Sha256};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Makes a certificate for these names and addresses, and writes it and its key into a folder. Gives the files and the
/// SHA-256 fingerprint, as browsers show it.
///
/// # Errors
///
/// In words, if a name cannot stand in a certificate, or the files cannot be written or are there already.
pub fn make(names: Vec<String>, folder: &Path) -> Result<(Files, String), String> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(names).map_err(|error| format!("there can be no such certificate: {error}"))?;
    let files = Files { certificate: folder.join("lenscap-cert.pem"), key: folder.join("lenscap-key.pem") };
    write(&files.key, &signing_key.serialize_pem(), 0o600)?;
    write(&files.certificate, &cert.pem(), 0o644)?;
    let digest = Sha256::digest(cert.der());
    Ok((files, digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")))
}

/// Never over another file: that may be a key that is in use.
fn write(file: &Path, text: &str, mode: u32) -> Result<(), String> {
    let written = OpenOptions::new().write(true).create_new(true).mode(mode).open(file);
    written
        .and_then(|mut written| written.write_all(text.as_bytes()))
        .map_err(|error| format!("{} cannot be written: {error}", file.display()))
}
