//! Three cameras, one of each format, for a test on the host to watch.

use crate::server::{CameraConfig, Server};
use crate::usb::{self, Camera};
use std::fs::File;
use std::io::Write;

/// Serves until the machine is ended from outside. `public` is the address under which the host
/// forwards UDP to here.
pub fn forever(mut report: File, public: &str) -> ! {
    let formats = ["mjpeg", "h264", "yuyv"];
    let cameras: Vec<Camera> = (1..).zip(formats).map(|(nth, name)| Camera::plug(usb::identity(nth, name))).collect();
    let sources: Vec<String> = cameras.iter().map(|camera| format!("v4l2:{}", camera.node())).collect();
    let configs: Vec<CameraConfig<'_>> = sources
        .iter()
        .zip(formats)
        .map(|(source, format)| CameraConfig { id: format, source, format, size: [320, 240], fps: 10 })
        .collect();
    let tables = format!(
        "[server]\nlisten = \"0.0.0.0:8080\"\n[webrtc]\nlisten = \"0.0.0.0:8555\"\npublic_addresses = [{public:?}]\n[access]\nopen = true\n"
    );
    let mut server = Server::start_with(&tables, &configs);
    writeln!(report, "ready").unwrap();
    loop {
        // There is nothing to be done but to notice an end.
        std::thread::sleep(std::time::Duration::from_secs(1));
        server.assert_alive();
    }
}
