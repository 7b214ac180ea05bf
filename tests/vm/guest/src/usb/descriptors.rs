//! What the camera says it is: USB 2.0 and UVC 1.1 descriptors, with bulk transfer.

/// Who a camera is.
#[derive(Clone, Debug)]
pub struct Identity {
    pub vendor: u16,
    pub product: u16,
    pub name: String,
    pub serial: String,
}

/// A pixel format that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Mjpeg,
    H264,
    Yuyv,
}

/// The formats, by their index less one, with their sizes.
pub const FORMATS: [(Format, &[[u16; 2]]); 3] =
    [(Format::Mjpeg, &[[320, 240]]), (Format::H264, &[[320, 240]]), (Format::Yuyv, &[[320, 240], [640, 480]])];

/// Times between pictures, in 100 ns: 30, 15, 10 and 5 a second.
pub const INTERVALS: [u32; 4] = [333_333, 666_666, 1_000_000, 2_000_000];

/// The usual one.
pub const DEFAULT_INTERVAL: u32 = INTERVALS[1];

/// The camera terminal and the processing unit, by their numbers.
pub const CAMERA: u8 = 1;
pub const PROCESSING: u8 = 2;
const OUTPUT: u8 = 3;

const MANUFACTURER_STRING: u8 = 1;
const NAME_STRING: u8 = 2;
const SERIAL_STRING: u8 = 3;

const CS_INTERFACE: u8 = 0x24;

/// The device descriptor.
pub fn device(identity: &Identity) -> Vec<u8> {
    let mut bytes = vec![18, 1];
    bytes.extend(0x0200u16.to_le_bytes());
    // A device of several interfaces that belong together (interface association).
    bytes.extend([0xef, 2, 1, 64]);
    bytes.extend(identity.vendor.to_le_bytes());
    bytes.extend(identity.product.to_le_bytes());
    bytes.extend(0x0100u16.to_le_bytes());
    bytes.extend([MANUFACTURER_STRING, NAME_STRING, SERIAL_STRING, 1]);
    bytes
}

/// A string descriptor, if there is one of this index.
pub fn string(identity: &Identity, index: u8) -> Option<Vec<u8>> {
    let text = match index {
        0 => return Some(vec![4, 3, 0x09, 0x04]), // English is the only language
        MANUFACTURER_STRING => "lenscap",
        NAME_STRING => &identity.name,
        SERIAL_STRING => &identity.serial,
        _ => return None,
    };
    let mut bytes = vec![0, 3];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes[0] = bytes.len() as u8;
    Some(bytes)
}

/// The configuration descriptor with all that belongs to it.
pub fn configuration() -> Vec<u8> {
    let mut bytes = vec![8, 0x0b, 0, 2, 0x0e, 3, 0, NAME_STRING];
    bytes.extend(interface(0, 0, 1));
    bytes.extend(control());
    bytes.extend(interface(1, 1, 2));
    bytes.extend(streaming());
    bytes.extend([7, 5, 0x81, 2, 0, 2, 0]); // bulk, 512 bytes
    let total = (9 + bytes.len()) as u16;
    let mut all = vec![9, 2];
    all.extend(total.to_le_bytes());
    all.extend([2, 1, 0, 0x80, 250]);
    all.extend(bytes);
    all
}

fn interface(number: u8, endpoints: u8, subclass: u8) -> [u8; 9] {
    [9, 4, number, 0, endpoints, 0x0e, subclass, 0, 0]
}

/// A class-specific descriptor, with its length before it.
fn class(subtype: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![content.len() as u8 + 3, CS_INTERFACE, subtype];
    bytes.extend(content);
    bytes
}

/// Video control: camera, then processing, then output.
fn control() -> Vec<u8> {
    let mut units = vec![];
    // Exposure by mode and by time.
    units.extend(class(2, &[CAMERA, 0x01, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0x0a, 0, 0]));
    // Brightness and contrast.
    units.extend(class(5, &[PROCESSING, CAMERA, 0, 0x40, 2, 0x03, 0, 0, 0]));
    units.extend(class(3, &[OUTPUT, 0x01, 0x01, 0, PROCESSING, 0]));
    let total = (13 + units.len()) as u16;
    let mut header = vec![0x10, 0x01];
    header.extend(total.to_le_bytes());
    header.extend(48_000_000u32.to_le_bytes());
    header.extend([1, 1]);
    let mut bytes = class(1, &header);
    bytes.extend(units);
    bytes
}

/// Video streaming: the formats.
fn streaming() -> Vec<u8> {
    let mut formats = vec![];
    for (index, (format, sizes)) in (1u8..).zip(FORMATS) {
        let count = sizes.len() as u8;
        let (subtype, content) = match format {
            Format::Mjpeg => (0x06, vec![index, count, 1, 1, 0, 0, 0, 0]),
            Format::H264 => (0x10, [&[index, count][..], &guid(b"H264"), &[0, 1, 0, 0, 0, 0, 1]].concat()),
            Format::Yuyv => (0x04, [&[index, count][..], &guid(b"YUY2"), &[16, 1, 0, 0, 0, 0]].concat()),
        };
        formats.extend(class(subtype, &content));
        for (nth, &size) in (1u8..).zip(sizes) {
            formats.extend(frame(format, nth, size));
        }
        formats.extend(class(0x0d, &[1, 1, 4]));
    }
    let total = (13 + FORMATS.len() + formats.len()) as u16;
    let mut header = vec![FORMATS.len() as u8];
    header.extend(total.to_le_bytes());
    header.extend([0x81, 0, OUTPUT, 0, 0, 0, 1]);
    header.extend([0; FORMATS.len()]);
    let mut bytes = class(1, &header);
    bytes.extend(formats);
    bytes
}

fn frame(format: Format, index: u8, size: [u16; 2]) -> Vec<u8> {
    let mut content = vec![index, 0];
    content.extend(size[0].to_le_bytes());
    content.extend(size[1].to_le_bytes());
    let largest = frame_size(size);
    content.extend((largest * 8 * 5).to_le_bytes());
    content.extend((largest * 8 * 30).to_le_bytes());
    if format != Format::H264 {
        content.extend(largest.to_le_bytes());
    }
    content.extend(DEFAULT_INTERVAL.to_le_bytes());
    content.push(INTERVALS.len() as u8);
    if format == Format::H264 {
        content.extend(0u32.to_le_bytes()); // bytes a line, which vary
    }
    INTERVALS.iter().for_each(|interval| content.extend(interval.to_le_bytes()));
    let subtype = match format {
        Format::Mjpeg => 0x07,
        Format::H264 => 0x11,
        Format::Yuyv => 0x05,
    };
    class(subtype, &content)
}

/// Bytes of the largest picture of this size.
pub fn frame_size(size: [u16; 2]) -> u32 {
    u32::from(size[0]) * u32::from(size[1]) * 2
}

fn guid(fourcc: &[u8; 4]) -> Vec<u8> {
    [&fourcc[..], &[0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_follow_each_other_without_a_gap_and_totals_are_right() {
        let all = configuration();
        assert_eq!(usize::from(u16::from_le_bytes([all[2], all[3]])), all.len());
        let mut at = 0;
        let mut totals = vec![];
        while at < all.len() {
            let descriptor = &all[at..at + usize::from(all[at])];
            match descriptor[1..3] {
                // The headers of control and streaming have their totals at different places.
                [CS_INTERFACE, 1] if totals.is_empty() => totals.push((at, [descriptor[5], descriptor[6]])),
                [CS_INTERFACE, 1] => totals.push((at, [descriptor[4], descriptor[5]])),
                _ => {}
            }
            at += descriptor.len();
        }
        assert_eq!(at, all.len());
        let [(control, control_total), (streaming, streaming_total)] = totals[..] else { panic!("{totals:?}") };
        let total = |bytes| usize::from(u16::from_le_bytes(bytes));
        assert_eq!(control + total(control_total) + 9, streaming, "then comes the other interface, of 9 bytes");
        assert_eq!(streaming + total(streaming_total) + 7, all.len(), "then comes the endpoint, of 7 bytes");
    }

    #[test]
    fn a_string_says_its_length() {
        let identity = Identity { vendor: 1, product: 2, name: "Kamera \u{e4}".into(), serial: "1".into() };
        assert_eq!(string(&identity, NAME_STRING).unwrap().len(), 2 + 2 * 8);
        assert_eq!(string(&identity, NAME_STRING).unwrap()[0], 18);
        assert!(string(&identity, 9).is_none());
    }
}
