//! `[tls]`: the certificate, if HTTPS is spoken.

use super::file::Tls as Section;
use super::{Checked, Listen, Reader};
use crate::tls::Files;
use std::path::PathBuf;

impl Reader<'_> {
    pub(super) fn tls(&self, section: &Section, listen: &Listen) -> Checked<Option<Files>> {
        let path = |value: &toml::Spanned<String>| PathBuf::from(value.get_ref());
        match (&section.certificate, &section.key) {
            (None, None) => Ok(None),
            (Some(one), _) | (_, Some(one)) if matches!(listen, Listen::File(_)) => {
                let message = format!("HTTPS at {listen}: the proxy that it is for has the certificate");
                Err(self.error(one.span().start, message))
            }
            (Some(certificate), Some(key)) => Ok(Some(Files { certificate: path(certificate), key: path(key) })),
            (Some(one), None) | (None, Some(one)) => {
                Err(self.error(one.span().start, "needs the other beside it: certificate and key".to_owned()))
            }
        }
    }
}
