//! A control group for one program, where the server has been given a part of the tree of groups.
//!
//! With `Delegate=yes` systemd marks the group of a service as the service's own (`user.delegate`, see
//! `systemd.resource-control(5)`). There `cgroup.kill` ends a whole program at once, even one that starts
//! processes faster than they can be counted. Elsewhere the groups are somebody else's, and left alone.

use rustix::fs::getxattr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Where the tree of groups is: of systems with version 2 only, and of those with both.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// By which a group is marked as given to who is in it.
const MARKS: [&str; 2] = ["user.delegate", "trusted.delegate"];

/// A group of this process's own making; removed when it is dropped.
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// A group below the one that this process is in, if that is ours.
    pub fn delegated() -> Option<Self> {
        let own = own_group()?;
        is_delegated(&own).then_some(())?;
        let path = own.join(format!("camera-{}", std::process::id()));
        fs::create_dir(&path).ok()?;
        Some(Self(path))
    }

    /// Where a process says that it belongs to the group, by writing "0".
    pub fn membership(&self) -> io::Result<File> {
        File::options().write(true).open(self.0.join("cgroup.procs"))
    }

    /// Kills all that are in it (Linux 5.14).
    pub fn kill(&self) {
        // Without it they are killed one by one.
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // It is empty, for all are reaped.
        let _ = fs::remove_dir(&self.0);
    }
}

fn own_group() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = path_of(&groups)?;
    let mounts = MOUNTS.iter().map(|mount| Path::new(mount).join(path));
    mounts.into_iter().find(|group| group.join("cgroup.procs").exists() && group.join("cgroup.controllers").exists())
}

/// The group of version 2 (`cgroups(7)`, `/proc/pid/cgroup`), relative to where the tree is mounted.
fn path_of(groups: &str) -> Option<&str> {
    groups.lines().find_map(|line| line.strip_prefix("0::/"))
}

fn is_delegated(group: &Path) -> bool {
    let mut value = [0; 8];
    MARKS.iter().any(|mark| getxattr(group, *mark, &mut value).is_ok_and(|length| length == 1 && value[0] == b'1'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_of_version_2_is_found_among_others() {
        assert_eq!(path_of("0::/\n"), Some(""));
        assert_eq!(path_of("8:pids:/a\n0::/system.slice/lenscap.service\n"), Some("system.slice/lenscap.service"));
        assert_eq!(path_of("8:pids:/a\n"), None);
    }

    #[test]
    fn a_folder_without_a_mark_is_not_ours() {
        assert!(!is_delegated(Path::new("/proc")));
        assert!(!is_delegated(Path::new("/there/is/none")));
    }
}
