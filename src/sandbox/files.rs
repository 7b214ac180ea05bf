//! Which files and ports are within reach (Landlock).

use super::{Hold, Needs};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus,
};
use std::path::Path;

/// What is known of the rights: those of Linux 6.15. Of an older kernel those that it has are taken away.
const KNOWN: ABI = ABI::V7;

/// Where cameras are described.
const DESCRIPTIONS: [&str; 2] = ["/sys/class/video4linux", "/sys/devices"];

/// Takes all rights but those that are needed. Files that are open already, and sockets, stay as they are.
///
/// # Errors
///
/// If the kernel knows Landlock and refuses.
pub fn confine(needs: &Needs) -> Result<Hold, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut reach: Vec<(&str, BitFlags<AccessFs>)> = vec![
        // Its own threads, and what its guards have started.
        ("/proc", read),
    ];
    if needs.devices {
        // Cameras that are plugged in later have no rule of their own, so it is the folder's.
        reach.push(("/dev", read | AccessFs::WriteFile | AccessFs::IoctlDev));
        reach.extend(DESCRIPTIONS.map(|folder| (folder, read)));
    }
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .create()?;
    for (path, access) in reach {
        // What is not there needs no right.
        if let Ok(folder) = PathFd::new(Path::new(path)) {
            rules = rules.add_rule(PathBeneath::new(folder, access))?;
        }
    }
    for port in &needs.ports {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
    }
    Ok(match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Hold::Full,
        RulesetStatus::PartiallyEnforced => Hold::Partial,
        RulesetStatus::NotEnforced => Hold::Not("this kernel has none, or it is not among its `lsm=`".into()),
    })
}
