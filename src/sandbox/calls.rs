//! Which system calls are answered (seccomp).
//!
//! Those that are refused are named, not those that are allowed: which ones a library uses changes with its version and with the
//! machine, and a camera that does not open because of that helps nobody. Systemd's filter, in `lenscap.service`, is the other way round.

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Is, SeccompCondition as Condition,
    SeccompFilter, SeccompRule as Rule, TargetArch, apply_filter,
};
use std::collections::BTreeMap;

/// What neither a camera nor a viewer needs.
const REFUSED: &[i64] = &[
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
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
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
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
];

/// The network, the programs of this machine, and the kernel's news of network interfaces.
const FAMILIES: [i32; 4] = [libc::AF_INET, libc::AF_INET6, libc::AF_UNIX, libc::AF_NETLINK];

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

fn filters() -> Result<[BpfProgram; 2], Error> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = |rules: BTreeMap<i64, Vec<Rule>>, errno: i32| -> Result<BpfProgram, Error> {
        let refused = SeccompAction::Errno(errno.unsigned_abs());
        Ok(SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture)?.try_into()?)
    };
    // What clone3 is asked for stands in memory, where a filter cannot look. Without it the C library uses clone.
    let unknown = filter(BTreeMap::from([(libc::SYS_clone3, vec![])]), libc::ENOSYS)?;
    let mut rules: BTreeMap<i64, Vec<Rule>> = REFUSED.iter().map(|&call| (call, vec![])).collect();
    // A thread is allowed, a process is not.
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    let process = Condition::new(0, Length::Qword, Is::MaskedEq(thread), 0)?;
    rules.insert(libc::SYS_clone, vec![Rule::new(vec![process])?]);
    let other: Result<Vec<_>, _> = FAMILIES
        .iter()
        .map(|family| Condition::new(0, Length::Dword, Is::Ne, u64::from(family.unsigned_abs())))
        .collect();
    rules.insert(libc::SYS_socket, vec![Rule::new(other?)?]);
    Ok([unknown, filter(rules, libc::EPERM)?])
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
