//! Which system calls are answered (seccomp).
//!
//! Those that are refused are named, not those that are allowed: which ones a library uses changes with its version and with the
//! machine, and a camera that does not open because of that helps nobody. Systemd's filter, in `lenscap.service`, is the other way round.

use libc::c_long;
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Is, SeccompCondition as Condition,
    SeccompFilter, SeccompRule as Rule, TargetArch, apply_filter, sock_filter,
};
use std::collections::{BTreeMap, BTreeSet};

/// What neither a camera nor a viewer needs.
const REFUSED: &[c_long] = &[
    // Other programs.
    libc::SYS_execve,
    libc::SYS_execveat,
    // The memory and the files of other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    // Another view of the system.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    // Files by other ways than their names, and special ones.
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_mknodat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    FCHMODAT2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    SETXATTRAT,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    REMOVEXATTRAT,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    // Another user, or more rights.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_capset,
    libc::SYS_personality,
    // The kernel and the machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_vhangup,
    // Large parts of the kernel in which faults are found again and again.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Their older forms.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_uselib,
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    libc::SYS_kexec_file_load,
];

/// Newer than the C library's list of them; the same number everywhere.
const FCHMODAT2: c_long = 452;
const SETXATTRAT: c_long = 463;
const REMOVEXATTRAT: c_long = 466;

/// What a socket may be, each with the protocols that are let through: 0 is the usual one. Not Unix streams: programs can be started
/// through those of systemd, Docker and the like. Systemd is told by datagrams, and pairs of sockets are made by another call.
const SOCKETS: [(i32, i32, &[i32]); 6] = [
    (libc::AF_INET, libc::SOCK_STREAM, &[0, libc::IPPROTO_TCP]),
    (libc::AF_INET, libc::SOCK_DGRAM, &[0, libc::IPPROTO_UDP]),
    (libc::AF_INET6, libc::SOCK_STREAM, &[0, libc::IPPROTO_TCP]),
    (libc::AF_INET6, libc::SOCK_DGRAM, &[0, libc::IPPROTO_UDP]),
    (libc::AF_UNIX, libc::SOCK_DGRAM, &[0]),
    (libc::AF_NETLINK, libc::SOCK_RAW, &[libc::NETLINK_ROUTE]),
];

/// Without the flags that can stand beside it (socket(2)).
const SOCKET_TYPE: u64 = 0xf;

/// So many types there can be.
const TYPES_MAX: i32 = 16;

/// Orders to a terminal that type into it, for whoever reads there next.
const TYPING: [u32; 2] = [0x5412, 0x541c];

/// Sends that connect, each with its argument that says so: what Landlock says of connections does not concern them.
const CONNECTING_SENDS: [(c_long, u8); 3] = [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)];

/// Has them refused with EPERM from now on, in this thread and those that it starts.
///
/// # Errors
///
/// If the kernel knows no filters, or this architecture has none.
pub fn confine() -> Result<(), Error> {
    for filter in filters()? {
        apply_filter(&filter)?;
    }
    Ok(())
}

fn filters() -> Result<Vec<BpfProgram>, Error> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = |rules: BTreeMap<i64, Vec<Rule>>, errno: i32| -> Result<BpfProgram, Error> {
        let refused = SeccompAction::Errno(errno.unsigned_abs());
        Ok(SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture)?.try_into()?)
    };
    // What clone3 is asked for stands in memory, where a filter cannot look. Without it the C library uses clone.
    let unknown = filter(BTreeMap::from([(number(libc::SYS_clone3), vec![])]), libc::ENOSYS)?;
    let mut rules: BTreeMap<i64, Vec<Rule>> = REFUSED.iter().map(|&call| (number(call), vec![])).collect();
    // A thread is allowed, a process is not.
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    rules.insert(number(libc::SYS_clone), vec![rule(&[(0, Length::Qword, Is::MaskedEq(thread), 0)])?]);
    rules.insert(number(libc::SYS_socket), sockets()?);
    let typing = TYPING.iter().map(|order| rule(&[(1, Length::Dword, Is::Eq, u64::from(*order))]));
    rules.insert(number(libc::SYS_ioctl), typing.collect::<Result<_, _>>()?);
    let connects = u64::from(libc::MSG_FASTOPEN.unsigned_abs());
    for (call, flags) in CONNECTING_SENDS {
        rules.insert(number(call), vec![rule(&[(flags, Length::Dword, Is::MaskedEq(connects), connects)])?]);
    }
    let mut filters = vec![unknown, filter(rules, libc::EPERM)?];
    if architecture == TargetArch::x86_64 {
        filters.push(no_second_numbers());
    }
    Ok(filters)
}

/// As seccompiler has them.
#[allow(clippy::unnecessary_cast, reason = "they are as wide as a register")]
fn number(call: c_long) -> i64 {
    call as i64
}

/// All of these conditions: argument, width, comparison, value.
fn rule(conditions: &[(u8, Length, Is, u64)]) -> Result<Rule, Error> {
    let conditions: Result<Vec<_>, _> = conditions
        .iter()
        .map(|(at, length, is, value)| Condition::new(*at, length.clone(), is.clone(), *value))
        .collect();
    Ok(Rule::new(conditions?)?)
}

/// What `socket` is not to make: all that is not in [`SOCKETS`].
fn sockets() -> Result<Vec<Rule>, Error> {
    let family = |family: i32| (0, Length::Dword, Is::Eq, u64::from(family.unsigned_abs()));
    let kind = |kind: i32| (1, Length::Dword, Is::MaskedEq(SOCKET_TYPE), u64::from(kind.unsigned_abs()));
    let mut rules = vec![];
    let known: BTreeSet<i32> = SOCKETS.iter().map(|(family, ..)| *family).collect();
    let other = known.iter().map(|family| (0, Length::Dword, Is::Ne, u64::from(family.unsigned_abs())));
    rules.push(rule(&other.collect::<Vec<_>>())?);
    for of in known {
        for which in 0..TYPES_MAX {
            match SOCKETS.iter().find(|(family, kind, _)| (*family, *kind) == (of, which)) {
                None => rules.push(rule(&[family(of), kind(which)])?),
                Some((_, _, protocols)) => {
                    let others = protocols.iter().map(|it| (2, Length::Dword, Is::Ne, u64::from(it.unsigned_abs())));
                    rules.push(rule(&[vec![family(of), kind(which)], others.collect()].concat())?);
                }
            }
        }
    }
    Ok(rules)
}

/// On x86-64 every call can have a second number (x32), which the lists do not know; programs of this kind have none (seccomp(2)).
fn no_second_numbers() -> BpfProgram {
    /// Load the word at an offset of seccomp's data; the number is the first. Jump if bits are set. Return.
    const LOAD: u16 = 0x20;
    const JUMP_IF_SET: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const SECOND: u32 = 0x4000_0000;
    let instruction = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    vec![
        instruction(LOAD, 0, 0, 0),
        instruction(JUMP_IF_SET, 0, 1, SECOND),
        instruction(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs()),
        instruction(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_can_be_made_and_name_no_call_twice() {
        if TargetArch::try_from(std::env::consts::ARCH).is_ok() {
            assert!(filters().unwrap().iter().all(|filter| !filter.is_empty()));
        }
        let mut calls = REFUSED.to_vec();
        calls.sort_unstable();
        calls.dedup();
        assert_eq!(calls.len(), REFUSED.len());
    }
}
