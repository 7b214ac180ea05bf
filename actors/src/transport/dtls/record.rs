//! The records of a DTLS datagram (RFC 6347, section 4.1). Pure.

/// Bytes of a record's header.
const HEADER: usize = 13;

/// Content types (RFC 5246, section 6.2.1).
pub const CHANGE_CIPHER_SPEC: u8 = 20;
pub const HANDSHAKE: u8 = 22;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its content type.
    pub kind: u8,
    /// How often the keys had changed when it was sent; at 0 it is plain.
    pub epoch: u16,
    /// What it carries, encrypted or not.
    pub body: &'a [u8],
}

/// The records, as far as they are whole.
pub fn records(mut datagram: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let (header, rest) = datagram.split_first_chunk::<HEADER>()?;
        let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let (body, after) = rest.split_at_checked(length)?;
        datagram = after;
        Some(Record { kind: header[0], epoch: u16::from_be_bytes([header[3], header[4]]), body })
    })
}
