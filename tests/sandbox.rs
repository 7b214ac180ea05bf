//! What a server that has been taken over could still do: very little. Its own threads are made to try.

#![cfg(target_arch = "x86_64")]
use crate::support::tracing::call;
use crate::support::{Server, is_there};
use std::ffi::CString;

/// What the kernel answers: a number, or an error's.
type Answer = Result<u64, i32>;

fn answer(number: i64) -> Answer {
    u64::try_from(number).map_err(|_| -i32::try_from(number).unwrap())
}

/// Which Landlock this kernel has (landlock_create_ruleset(2)); 0: none. The server says so, and goes on without.
fn landlock() -> i64 {
    const VERSION: u32 = 1;
    // SAFETY: with this flag the call reads nothing, and makes nothing.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0usize, VERSION) };
    version.max(0)
}

/// A thread of a server by its name.
async fn thread_of(server: &Server, name: &str) -> i32 {
    // One that has answered has its name.
    server.debug().await;
    let threads = server.threads();
    threads.iter().find(|(_, it)| it == name).unwrap_or_else(|| panic!("no {name} among {threads:?}")).0
}

fn open(thread: i32, path: &str, flags: i32) -> Answer {
    let path = CString::new(path).unwrap();
    let directory = i64::from(libc::AT_FDCWD).cast_unsigned();
    let flags = u64::from(flags.unsigned_abs());
    answer(call(thread, libc::SYS_openat, path.as_bytes_with_nul(), |path| [directory, path, flags, 0o600, 0, 0]))
}

fn execute(thread: i32, path: &str) -> Answer {
    let path = CString::new(path).unwrap();
    answer(call(thread, libc::SYS_execve, path.as_bytes_with_nul(), |path| [path, 0, 0, 0, 0, 0]))
}

/// A system call with numbers alone.
fn plain(thread: i32, number: i64, arguments: [u64; 6]) -> Answer {
    answer(call(thread, number, &[], |_| arguments))
}

const CAMERA: &str = "[[camera]]\nid = \"front\"\nsource = \"test\"\n[[stream]]\nid = \"front\"\ncamera = \"front\"\n";

#[actix_web::test]
async fn no_thread_can_open_other_files_or_start_a_program() {
    let server = Server::start(CAMERA, "");
    let config = std::fs::canonicalize(server.config()).unwrap();
    for name in ["http", "media", "cameras", "lenscap"] {
        let thread = thread_of(&server, name).await;
        assert!(open(thread, "/proc/self/stat", libc::O_RDONLY).is_ok(), "{name}: this way it can be tried");
        assert_eq!(execute(thread, "/bin/true"), Err(libc::EPERM), "{name} starts a program");
        let child = u64::from(libc::SIGCHLD.unsigned_abs());
        assert_eq!(plain(thread, libc::SYS_clone, [child, 0, 0, 0, 0, 0]), Err(libc::EPERM), "{name} forks");
        assert_eq!(plain(thread, libc::SYS_clone3, [0; 6]), Err(libc::ENOSYS), "{name} forks unseen");
        let own = u64::from(std::process::id());
        for (what, number, arguments) in [
            ("traces", libc::SYS_ptrace, [u64::from(libc::PTRACE_SEIZE), own, 0, 0, 0, 0]),
            ("has a namespace", libc::SYS_unshare, [u64::from(libc::CLONE_NEWUSER.unsigned_abs()), 0, 0, 0, 0, 0]),
            ("sees all packets", libc::SYS_socket, [17, 3, 0, 0, 0, 0]),
            ("makes packets of its own", libc::SYS_socket, [2, 3, 1, 0, 0, 0]),
            ("asks systemd or Docker", libc::SYS_socket, [1, 1, 0, 0, 0, 0]),
            ("asks them in packets", libc::SYS_socket, [1, 5, 0, 0, 0, 0]),
            ("connects by several paths", libc::SYS_socket, [2, 1, 262, 0, 0, 0]),
            ("connects by sending", libc::SYS_sendto, [0, 0, 0, 0x2000_0000, 0, 0]),
            ("types into the terminal", libc::SYS_ioctl, [2, 0x5412, 0, 0, 0, 0]),
            ("opens keys to others", 452, [0; 6]),
            ("mounts", libc::SYS_mount, [0; 6]),
            ("loads a module", libc::SYS_finit_module, [0; 6]),
            ("has a program in the kernel", libc::SYS_bpf, [0; 6]),
            ("has the kernel's keys", libc::SYS_keyctl, [0; 6]),
            ("reads the memory of others", libc::SYS_process_vm_readv, [own, 0, 0, 0, 0, 0]),
            ("has another user", libc::SYS_setuid, [0; 6]),
            ("has an io_uring", libc::SYS_io_uring_setup, [8, 0, 0, 0, 0, 0]),
        ] {
            assert_eq!(plain(thread, number, arguments), Err(libc::EPERM), "{name} {what}");
        }
        // What it needs: to tell systemd, to know its addresses, and video.
        for socket in [[1, 2, 0], [16, 3, 0], [2, 2, 17], [10, 1, 6]] {
            let [family, kind, protocol] = socket;
            let made = plain(thread, libc::SYS_socket, [family, kind, protocol, 0, 0, 0]);
            assert!(made.is_ok(), "{name} has no socket {socket:?}: {made:?}");
        }
        if landlock() == 0 {
            println!("this kernel has no Landlock: files are not tried");
            continue;
        }
        for file in ["/etc/shadow", "/etc/passwd", "/bin/sh", "/sys/class/net", "/dev/null", config.to_str().unwrap()] {
            assert_eq!(open(thread, file, libc::O_RDONLY), Err(libc::EACCES), "{name} opens {file}");
        }
        let new = config.with_file_name("new");
        assert_eq!(open(thread, new.to_str().unwrap(), libc::O_WRONLY | libc::O_CREAT), Err(libc::EACCES), "{name}");
        assert_eq!(open(thread, "/proc/self/oom_score_adj", libc::O_WRONLY), Err(libc::EACCES), "{name}");
    }
    assert!(server.debug().await["cameras"].is_array(), "and it serves as before");
}

#[actix_web::test]
async fn no_thread_can_call_others_or_listen_elsewhere() {
    if landlock() < 4 {
        println!("the Landlock of this kernel knows no ports: not tried");
        return;
    }
    let server = Server::start(CAMERA, "");
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = elsewhere.local_addr().unwrap().port();
    let thread = thread_of(&server, "http").await;
    let (family, kind) = (u64::from(libc::AF_INET.unsigned_abs()), u64::from(libc::SOCK_STREAM.unsigned_abs()));
    let socket = plain(thread, libc::SYS_socket, [family, kind, 0, 0, 0, 0]).unwrap();
    // struct sockaddr_in: the family in the machine's order, the port in the network's.
    let address = |port: u16| {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
        bytes[2..4].copy_from_slice(&port.to_be_bytes());
        bytes[4..8].copy_from_slice(&[127, 0, 0, 1]);
        bytes
    };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let by = |number, port| answer(call(thread, number, &address(port), |at| [socket, at, 16, 0, 0, 0]));
    assert_eq!(by(libc::SYS_connect, port), Err(libc::EACCES), "it calls another server");
    assert_eq!(by(libc::SYS_bind, free), Err(libc::EACCES), "it listens at another port");
}

#[actix_web::test]
async fn all_that_can_be_turned_off_by_one_key() {
    let server = Server::start(CAMERA, "sandbox = false");
    let thread = thread_of(&server, "http").await;
    assert!(open(thread, "/etc/passwd", libc::O_RDONLY).is_ok());
}

#[actix_web::test]
async fn every_thread_is_confined_and_no_camera_s_program_is() {
    let says = "exec:grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status >&2; cat /etc/passwd > /dev/null && echo could read >&2; \
                printf '\\000\\000\\001\\147\\102\\300\\036\\000\\000\\001\\145\\210' && exec sleep 1000";
    let camera =
        format!("[[camera]]\nid = \"front\"\nsource = {says:?}\n[[stream]]\nid = \"front\"\ncamera = \"front\"\n");
    let server = Server::start(&camera, "");
    crate::support::watch_by_whep(&server, "front").await;
    let program = server.camera_pid().await;
    server.until_logged("could read").await;
    let log = server.log();
    let lines: Vec<&str> =
        log.lines().filter(|line| line.contains("Seccomp:") || line.contains("NoNewPrivs:")).collect();
    assert!(lines.len() == 2 && lines.iter().all(|line| line.trim_end().ends_with('0')), "{lines:?}");
    for (thread, name) in server.threads() {
        let status = std::fs::read_to_string(format!("/proc/{}/task/{thread}/status", server.pid())).unwrap();
        assert!(status.contains("Seccomp:\t2"), "{name} is not confined");
    }
    assert!(is_there(program));
}

#[actix_web::test]
async fn a_server_whose_broker_is_killed_says_so_and_ends() {
    let mut server = Server::start(CAMERA, "");
    let broker = server.broker();
    // SAFETY: it is a child of our own child, which has not been waited for.
    let send = |signal| unsafe { libc::kill(broker, signal) };
    send(libc::SIGTERM);
    // A signal that waits is seen at once (proc_pid_status(5)): it is blocked, and stays so.
    let status = || std::fs::read_to_string(format!("/proc/{broker}/status")).unwrap();
    let line = |name: &str| status().lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("ShdPnd:").ends_with("4000"), "what ends others does not end it: {}", status());
    send(libc::SIGKILL);
    assert_eq!(server.wait().code(), Some(1));
    server.until_logged("the broker (camera-broker) has ended").await;
}

#[actix_web::test]
async fn the_broker_ends_with_its_server_however_that_ends() {
    let mut server = Server::start(CAMERA, "");
    let broker = server.broker();
    server.signal(libc::SIGKILL);
    server.wait();
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    while is_there(broker) {
        assert!(std::time::Instant::now() < deadline, "the broker is still there");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[actix_web::test]
async fn a_program_that_was_asked_for_in_vain_never_runs() {
    let folder = crate::support::Folder::new();
    let ran = folder.0.join("ran");
    let source = format!("exec:echo ran >> {}; {} && exec sleep 1000", ran.display(), crate::support::KEYFRAME);
    let camera = format!("[[camera]]\nid = \"front\"\nsource = {source:?}\n");
    let server = Server::start(&camera, "");
    let broker = server.broker();
    // SAFETY: it is a child of our own child, which has not been waited for.
    let send = |signal| unsafe { libc::kill(broker, signal) };
    send(libc::SIGSTOP);
    let location = crate::support::watch_by_whep(&server, "front").await;
    let report = server.until("said", |report| report["cameras"][0]["failures"].as_u64() > Some(0)).await;
    let words = report["cameras"][0]["last_error"].as_str().unwrap().to_owned();
    assert!(words.contains("the broker does not answer"), "{words}");
    let leave = server.url(&format!("/peers/{}/leave", crate::support::token(&location)));
    assert_eq!(crate::support::client().post(leave).send().await.unwrap().status(), 204);
    send(libc::SIGCONT);
    // It does what it was asked for. Nobody wants it any more, and when it is next asked for something that is put right.
    let location = crate::support::watch_by_whep(&server, "front").await;
    let program = server.camera_pid().await;
    assert_eq!(std::fs::read_to_string(&ran).unwrap().lines().count(), 1, "once, for the viewer that is there");
    assert!(is_there(program));
    assert_eq!(server.children().len(), 2, "the broker, and one guard");
    let leave = server.url(&format!("/peers/{}/leave", crate::support::token(&location)));
    assert_eq!(crate::support::client().post(leave).send().await.unwrap().status(), 204);
    assert_eq!(server.children(), [broker], "no guard is left, and none unreaped");
}
