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
