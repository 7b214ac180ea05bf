//! What can be set on the camera.

use super::descriptors::{CAMERA, PROCESSING};

/// A control of UVC, as its requests see it.
#[derive(Clone, Debug)]
pub struct Control {
    pub unit: u8,
    pub selector: u8,
    length: usize,
    minimum: i32,
    maximum: i32,
    /// Step, or for a choice the values that it has as bits.
    resolution: i32,
    default: i32,
    current: i32,
}

/// Exposure mode (manual or by the aperture) and time, brightness, contrast.
pub fn all() -> Vec<Control> {
    let control = |unit, selector, length, [minimum, maximum, resolution, default]: [i32; 4]| Control {
        unit,
        selector,
        length,
        minimum,
        maximum,
        resolution,
        default,
        current: default,
    };
    vec![
        control(CAMERA, 2, 1, [0, 0, 0b1001, 0b1000]),
        control(CAMERA, 4, 4, [1, 10_000, 1, 156]),
        control(PROCESSING, 2, 2, [-64, 64, 1, 0]),
        control(PROCESSING, 3, 2, [0, 100, 1, 50]),
    ]
}

impl Control {
    /// Answers a GET request.
    pub fn get(&self, request: u8) -> Option<Vec<u8>> {
        let value = match request {
            0x81 => self.current,
            0x82 => self.minimum,
            0x83 => self.maximum,
            0x84 => self.resolution,
            0x85 => return Some((self.length as u16).to_le_bytes().to_vec()),
            0x86 => return Some(vec![3]), // can be got and set
            0x87 => self.default,
            _ => return None,
        };
        Some(value.to_le_bytes()[..self.length].to_vec())
    }

    /// Takes a new value.
    pub fn set(&mut self, bytes: &[u8]) {
        self.current = match *bytes {
            [byte] => i32::from(byte),
            [low, high] => i32::from(i16::from_le_bytes([low, high])),
            [a, b, c, d] => i32::from_le_bytes([a, b, c, d]),
            _ => self.current,
        };
    }
}
