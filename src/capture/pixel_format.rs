//! In which form a camera gives its pictures.

/// Pixel formats of V4L2 cameras.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PixelFormat {
    /// The cheapest the device has.
    #[default]
    Auto,
    /// H.264, encoded by the camera.
    H264,
    /// Motion JPEG.
    Mjpeg,
    /// YUYV 4:2:2.
    Yuyv,
    /// NV12 4:2:0.
    Nv12,
}

impl PixelFormat {
    /// What V4L2 calls by these four characters, if it is anything that can be shown.
    pub fn of(fourcc: [u8; 4]) -> Option<Self> {
        match &fourcc {
            b"H264" => Some(Self::H264),
            b"MJPG" | b"JPEG" => Some(Self::Mjpeg),
            b"YUYV" => Some(Self::Yuyv),
            b"NV12" => Some(Self::Nv12),
            _ => None,
        }
    }
}
