//! RTP headers as this side writes them (RFC 3550, section 5.1; RFC 8285, section 4.2; RFC 4588, section 4).

/// Id and value of a header extension.
type Extension<T> = Option<(u8, T)>;

/// What a packet's header says.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub payload_type: u8,
    /// The last packet of its frame.
    pub marker: bool,
    /// Bytes follow the payload that are none of it, and the last of them counts them.
    pub padded: bool,
    /// Sequence number with the roll-over counter above it, 48 bits (RFC 3711, section 3.3.1).
    pub index: u64,
    pub timestamp: u32,
    pub ssrc: u32,
    /// The number among all packets of the connection.
    pub transport_wide: Extension<u16>,
    /// When the picture was taken, in NTP's format.
    pub capture_time: Extension<u64>,
}

const PADDED: u8 = 0x20;
const EXTENDED: u8 = 0x10;

impl Head {
    /// Appends the header; gives its length, which depends only on which extensions there are.
    pub fn write(&self, out: &mut Vec<u8>) -> usize {
        let mut head = [0u8; 12 + 4 + 12];
        let mut end = 12;
        if self.transport_wide.is_some() || self.capture_time.is_some() {
            // One-byte headers: id and length, and padding up to a word.
            head[12..14].copy_from_slice(&[0xbe, 0xde]);
            end = 16;
            if let Some((id, number)) = self.transport_wide {
                head[end] = id << 4 | (2 - 1);
                head[end + 1..end + 3].copy_from_slice(&number.to_be_bytes());
                end += 3;
            }
            if let Some((id, time)) = self.capture_time {
                head[end] = id << 4 | (8 - 1);
                head[end + 1..end + 9].copy_from_slice(&time.to_be_bytes());
                end += 9;
            }
            end = end.next_multiple_of(4);
            head[15] = ((end - 16) / 4) as u8;
            head[0] = EXTENDED;
        }
        head[0] |= 2 << 6;
        if self.padded {
            head[0] |= PADDED;
        }
        head[1] = u8::from(self.marker) << 7 | self.payload_type;
        head[2..4].copy_from_slice(&(self.index as u16).to_be_bytes());
        head[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        head[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(&head[..end]);
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::rtp::header::Header;
    use rtc_shared::marshal::Unmarshal;

    #[test]
    fn the_library_reads_what_is_written() {
        for (transport_wide, capture_time, length) in [
            (None, None, 12),
            (Some((3, 0xabcd)), None, 20),
            (None, Some((14, 0x0102_0304_0506_0708)), 28),
            (Some((1, 7)), Some((2, 9)), 28),
        ] {
            let head = Head {
                payload_type: 102,
                marker: capture_time.is_some(),
                padded: transport_wide.is_some(),
                index: 0x5_fffe,
                timestamp: 0xdead_beef,
                ssrc: 0x1234_5678,
                transport_wide,
                capture_time,
            };
            let mut out = vec![9];
            assert_eq!(head.write(&mut out), length);
            let read = Header::unmarshal(&mut &out[1..]).unwrap();
            assert_eq!(
                (read.sequence_number, read.timestamp, read.ssrc, read.payload_type, read.marker, read.padding),
                (0xfffe, 0xdead_beef, 0x1234_5678, 102, head.marker, head.padded)
            );
            let extension = |id| read.get_extension(id).map(|value| value.to_vec());
            if let Some((id, number)) = transport_wide {
                assert_eq!(extension(id), Some(number.to_be_bytes().to_vec()));
            }
            if let Some((id, time)) = capture_time {
                assert_eq!(extension(id), Some(time.to_be_bytes().to_vec()));
            }
        }
    }
}
