//! Who holds a device, as far as `/proc` tells: processes of others can be looked into by root only.

use std::fs;
use std::path::Path;

/// A process that has this device open, as `name (pid 4711)`; neither this one nor the one of this number.
pub fn holder(device: &Path, except: u32) -> Option<String> {
    let device = fs::canonicalize(device).ok()?;
    let own = std::process::id();
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else { continue };
        let holds = |entry: fs::DirEntry| fs::read_link(entry.path()).is_ok_and(|target| target == device);
        if pid != own && pid != except && descriptors.flatten().any(holds) {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (pid {pid})", name.trim()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn another_process_is_named() {
        let folder = std::env::temp_dir();
        let file = folder.join(format!("lenscap-holder-{}", std::process::id()));
        fs::write(&file, "").unwrap();
        assert_eq!(holder(&file, 0), None);
        let open = fs::File::open(&file).unwrap();
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::from(open)).spawn().unwrap();
        assert_eq!(holder(&file, 0), Some(format!("sleep (pid {})", child.id())));
        assert_eq!(holder(&file, child.id()), None);
        child.kill().unwrap();
        child.wait().unwrap();
        fs::remove_file(&file).unwrap();
    }
}
