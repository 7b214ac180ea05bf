//! `[tls]`: the certificate, if HTTPS is spoken.

use super::file::Tls as Section;
use super::{Checked, Reader};
use crate::tls::Files;
use std::path::PathBuf;

impl Reader<'_> {
    pub(super) fn tls(&self, section: &Section) -> Checked<Option<Files>> {
        let path = |value: &toml::Spanned<String>| PathBuf::from(value.get_ref());
        match (&section.certificate, &section.key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(Files { certificate: path(certificate), key: path(key) })),
            (Some(one), None) | (None, Some(one)) => {
                Err(self.error(one.span().start, "needs the other beside it: certificate and key".to_owned()))
            }
        }
    }
}
