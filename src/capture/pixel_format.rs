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
        FOURCCS.iter().find(|(known, _)| *known == fourcc).map(|(_, format)| *format)
    }
}

/// What V4L2 calls them, the best first: by what it costs to make H.264 of it.
pub const FOURCCS: [([u8; 4], PixelFormat); 5] = [
    (*b"H264", PixelFormat::H264),
    (*b"MJPG", PixelFormat::Mjpeg),
    (*b"JPEG", PixelFormat::Mjpeg),
    (*b"NV12", PixelFormat::Nv12),
    (*b"YUYV", PixelFormat::Yuyv),
];
