//! `[tls]`: where the certificate comes from, if HTTPS is spoken.

use super::access::check_host;
use super::file::{Acme, Tls as Section};
use super::listen::Listen;
use super::reader::{Checked, Reader};
use crate::tls::Origin;
use crate::tls::acme::{Order, USUAL_DIRECTORY};
use crate::tls::files::Files;
use std::path::PathBuf;
use toml::Spanned;
use url::Url;

impl Reader<'_> {
    pub(super) fn tls(&self, section: &Section, listen: &Listen) -> Checked<Option<Origin>> {
        let path = |value: &Spanned<String>| PathBuf::from(value.get_ref());
        let origin = match (&section.certificate, &section.key, &section.acme) {
            (None, None, None) => return Ok(None),
            (Some(certificate), Some(key), None) => {
                Origin::Files(Files { certificate: path(certificate), key: path(key) })
            }
            (None, None, Some(acme)) => Origin::Acme(self.acme(acme)?),
            (Some(one), _, Some(_)) | (_, Some(one), Some(_)) => {
                let message = "a certificate comes from files or by [tls.acme], not both".to_owned();
                return Err(self.error(one.span().start, message));
            }
            (Some(one), None, None) | (None, Some(one), None) => {
                return Err(self.error(one.span().start, "needs the other beside it: certificate and key".to_owned()));
            }
        };
        match listen {
            Listen::Tcp(_) => Ok(Some(origin)),
            Listen::File(_) => {
                let at = section.certificate.as_ref().or(section.acme.as_ref().map(|acme| &acme.folder));
                let message = format!("HTTPS at {listen}: the proxy that it is for has the certificate");
                Err(self.error(at.map_or(0, |value| value.span().start), message))
            }
        }
    }

    fn acme(&self, section: &Acme) -> Checked<Order> {
        let mut names = vec![];
        for name in section.names.get_ref() {
            names.push(self.at(name, check_host(name.get_ref()).and_then(|name| check_name(&name)))?);
        }
        if names.is_empty() {
            return Err(self.error(section.names.span().start, "names at least one, like \"cams.example\"".to_owned()));
        }
        let directory = match &section.directory {
            Some(value) => self.at(value, check_directory(value.get_ref()))?,
            None => check_directory(USUAL_DIRECTORY).map_err(|message| self.error(0, message))?,
        };
        let contact = section.contact.as_ref().map(|value| self.at(value, check_contact(value.get_ref())));
        Ok(Order {
            names,
            contact: contact.transpose()?,
            folder: section.folder.get_ref().into(),
            directory,
            roots: section.roots.as_ref().map(|value| value.get_ref().into()),
        })
    }
}

/// An authority that anybody can ask gives certificates for names that it can find.
fn check_name(name: &str) -> Result<String, String> {
    match name.contains('.') && name.parse::<std::net::IpAddr>().is_err() {
        true => Ok(name.to_owned()),
        false => Err(format!("{name:?} is no name that others can find: expected one like \"cams.example\"")),
    }
}

fn check_directory(text: &str) -> Result<Url, String> {
    let parsed = Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.has_host());
    parsed.ok_or_else(|| format!("{text:?} is no directory: expected one like {USUAL_DIRECTORY:?}"))
}

fn check_contact(text: &str) -> Result<String, String> {
    match text.strip_prefix("mailto:").is_some_and(|address| address.contains('@')) {
        true => Ok(text.to_owned()),
        false => Err(format!("{text:?} is no contact: expected one like \"mailto:me@example.org\"")),
    }
}
