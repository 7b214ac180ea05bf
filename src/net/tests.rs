use super::*;

fn batch(to: SocketAddr, datagrams: &[&[u8]]) -> Batch {
    let mut batch = Batch::default();
    let mut run = batch.run(to);
    datagrams.iter().for_each(|datagram| run.datagram(|bytes| bytes.extend_from_slice(datagram)));
    drop(run);
    batch
}

#[actix::test]
async fn an_error_about_one_destination_does_not_keep_datagrams_from_another() {
    let udp = Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    // Bound and closed: nobody listens there.
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let open = listener.local_addr().unwrap();
    for round in 0..20u8 {
        udp.send(&batch(closed, &[&[round]]));
        udp.send(&batch(open, &[&[round]]));
        let mut buffer = [0; 8];
        let (length, _) = listener.recv_from(&mut buffer).await.unwrap();
        assert_eq!(buffer[..length], [round]);
    }
}

/// Counts what arrives.
struct Counter(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl actix::Actor for Counter {
    type Context = actix::Context<Self>;
}

impl actix::Handler<Inbound> for Counter {
    type Result = ();
    fn handle(&mut self, inbound: Inbound, _: &mut Self::Context) {
        self.0.fetch_add(inbound.datagrams.len(), std::sync::atomic::Ordering::Relaxed);
    }
}

#[actix::test]
async fn what_a_viewer_answers_that_never_asks_is_led_to_its_peer() {
    let count = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
    let counter = actix::Actor::start(Counter(count.clone()));
    let udp = Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let viewer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.register("ours", "a password of 22 chars", counter.clone().recipient().into());
    udp.expect("ours", viewer.local_addr().unwrap());
    let (here, password) = (udp.local_addr().unwrap(), "the viewer's own, 22 chars");
    viewer.send_to(&stun::success([7; 12], here, password, udp.crypto.crypto()).unwrap(), here).unwrap();
    udp.drain();
    counter.send(Inbound { at: Instant::now(), datagrams: vec![], undeliverable: vec![] }).await.unwrap();
    assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[actix::test]
async fn all_that_has_arrived_is_led_to_its_peer_before_a_drain_returns() {
    let count = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
    let counter = actix::Actor::start(Counter(count.clone()));
    let udp = Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    udp.register("ours", "a password of 22 chars", counter.clone().recipient().into());
    let viewer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let role = stun::Role::Controlling(1);
    let password = "a password of 22 chars";
    let request = stun::request([7; 12], "ours:theirs", password, role, false, udp.crypto.crypto()).unwrap();
    for _ in 0..100 {
        viewer.send_to(&request, udp.local_addr().unwrap()).unwrap();
    }
    // Nobody reads.
    udp.drain();
    // A message to the same mailbox comes after them.
    counter.send(Inbound { at: Instant::now(), datagrams: vec![], undeliverable: vec![] }).await.unwrap();
    assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 100);
}

#[actix::test]
async fn the_reader_rests_after_an_error() {
    let udp = std::sync::Arc::new(Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap());
    let reading = udp.read(oneshot::channel().0).unwrap();
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    udp.send(&batch(closed, &[&[1]]));
    // Of the threads of that name there is this one only; it may not have taken it yet.
    let find = || {
        let mut threads = std::fs::read_dir("/proc/self/task").unwrap().map(|thread| thread.unwrap().path());
        threads.find(|thread| std::fs::read_to_string(thread.join("comm")).is_ok_and(|name| name == "udp\n"))
    };
    let thread = loop {
        match find() {
            Some(thread) => break thread,
            None => tokio::task::yield_now().await,
        }
    };
    // Nanoseconds on a processor, first of all (the kernel's documentation of schedstats).
    let seconds = || {
        let times = std::fs::read_to_string(thread.join("schedstat")).unwrap();
        times.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
    };
    let before = seconds();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let share = (seconds() - before) / 0.3;
    assert!(share < 0.3, "{share:.2} of a core while nothing happens");
    drop(reading);
}

/// Sends a burst and makes sure that it arrives, whole and in order.
async fn assert_a_burst_arrives(udp: &Udp) {
    let listener = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let sizes = [1200, 1200, 1200, 300, 1200, 50, 60];
    let burst: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(n, &size)| vec![n as u8; size]).collect();
    udp.send(&batch(to, &burst.iter().map(|datagram| &datagram[..]).collect::<Vec<_>>()));
    for (n, size) in sizes.into_iter().enumerate() {
        let mut buffer = [0; 2000];
        let received = tokio::time::timeout(std::time::Duration::from_secs(5), listener.recv_from(&mut buffer));
        let (length, _) = received.await.unwrap_or_else(|_| panic!("datagram {n} is lost")).unwrap();
        assert_eq!((length, buffer[0], buffer[length - 1]), (size, n as u8, n as u8));
    }
}

#[actix::test]
async fn a_burst_arrives_as_it_was_sent() {
    assert_a_burst_arrives(&Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap()).await;
}

#[actix::test]
async fn a_burst_arrives_where_the_kernel_does_not_segment() {
    let udp = Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    // Without a checksum to be computed the kernel refuses to segment, as it does on a network
    // device that computes none.
    let on: libc::c_int = 1;
    let (value, length) = ((&raw const on).cast(), size_of_val(&on) as libc::socklen_t);
    let socket = std::os::fd::AsRawFd::as_raw_fd(udp.socket.inner());
    // SAFETY: the option takes an int, which outlives the call.
    let result = unsafe { libc::setsockopt(socket, libc::SOL_SOCKET, libc::SO_NO_CHECK, value, length) };
    assert_eq!(result, 0);
    assert!(udp.socket.datagrams_a_call() > 1, "as the kernel has it, and nothing has failed yet");
    assert_a_burst_arrives(&udp).await;
    assert_eq!(udp.socket.datagrams_a_call(), 1, "the kernel has refused");
}
