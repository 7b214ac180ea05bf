//! Which files and ports are within reach (Landlock).

use super::confinement::Hold;
use super::needs::Needs;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus,
};
use std::path::Path;

/// What is known of the rights: those of Linux 6.15. Of an older kernel those that it has are taken away.
const KNOWN: ABI = ABI::V7;

/// Where cameras are described. Not the folder of video devices itself, which comes with the first of them.
const DESCRIPTIONS: [&str; 2] = ["/sys/class", "/sys/devices"];

/// What the C library reads to find out a name's address (resolv.conf(5), nsswitch.conf(5)), with the folder in which systemd
/// replaces it, and the modules for it.
const NAMES: [&str; 14] = [
    "/etc/resolv.conf",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/connman",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/ld.so.cache",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
];

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
    let keeping = read | AccessFs::WriteFile | AccessFs::MakeReg | AccessFs::Truncate;
    let kept = needs.folder.iter().map(|folder| (folder.as_path(), keeping));
    // Who calls others by name has to find them.
    let names = if needs.calls.is_empty() { &[][..] } else { &NAMES };
    reach.extend(names.iter().map(|path| (*path, read)));
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .create()?;
    for (path, access) in reach.into_iter().map(|(path, access)| (Path::new(path), access)).chain(kept) {
        // What is not there needs no right.
        let Ok(opened) = PathFd::new(path) else { continue };
        let access = if path.is_dir() { access } else { access & AccessFs::from_file(KNOWN) };
        rules = rules.add_rule(PathBeneath::new(opened, access))?;
    }
    for port in &needs.calls {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
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
