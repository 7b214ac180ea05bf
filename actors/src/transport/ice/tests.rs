//! The agent against a viewer that is written out by hand.

use super::*;

const TIMEOUTS: IceTimeouts = IceTimeouts {
    disconnected: Duration::from_secs(5),
    failed: Duration::from_secs(25),
    keepalive: Duration::from_secs(2),
};

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

fn credentials(generation: u32) -> Credentials {
    Credentials {
        local_ufrag: format!("ours{generation}"),
        local_password: format!("our password of 22 chars {generation}"),
        remote_ufrag: format!("theirs{generation}"),
        remote_password: format!("their password of 22 chars {generation}"),
    }
}

fn crypto() -> Arc<dyn RTCCryptoProvider> {
    rtc_crypto::default_provider().unwrap()
}

struct Bench {
    ice: Ice,
    now: Instant,
    asked: u8,
}

impl Bench {
    fn new(lite: &[SocketAddr]) -> Self {
        let now = Instant::now();
        Self { ice: Ice::new(credentials(0), 7, lite, TIMEOUTS, crypto(), now), now, asked: 0 }
    }

    fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    /// The viewer asks; gives what the agent sends.
    fn ask(&mut self, port: u16, generation: u32, role: Role, nominates: bool) -> Vec<(SocketAddr, Vec<u8>)> {
        self.asked += 1;
        let Credentials { local_ufrag, local_password, remote_ufrag, .. } = credentials(generation);
        let username = format!("{local_ufrag}:{remote_ufrag}");
        let request =
            stun::request([self.asked; 12], &username, &local_password, role, nominates, crypto().crypto()).unwrap();
        assert_eq!(self.ice.read(at(port), &request, self.now), Heard::Request);
        self.ice.take().collect()
    }

    fn check(&mut self, port: u16, generation: u32, nominates: bool) -> Vec<(SocketAddr, Vec<u8>)> {
        self.ask(port, generation, Role::Controlling(9), nominates)
    }

    /// The viewer answers those of these that are questions.
    fn answer(&mut self, sent: &[(SocketAddr, Vec<u8>)], generation: u32) -> usize {
        let questions = sent.iter().filter_map(|(to, it)| Some((to, Message::read(it)?)));
        let questions = questions.filter(|(_, it)| it.kind() == Some(MessageKind::Request));
        let answers: Vec<_> = questions.map(|(to, it)| (*to, it.id())).collect();
        for (to, id) in &answers {
            let password = credentials(generation).remote_password;
            let success = stun::success(*id, *to, &password, crypto().crypto()).unwrap();
            assert!(matches!(self.ice.read(*to, &success, self.now), Heard::Answer(_)));
        }
        answers.len()
    }
}

fn kinds(sent: &[(SocketAddr, Vec<u8>)]) -> Vec<MessageKind> {
    sent.iter().filter_map(|(_, it)| Message::read(it)?.kind()).collect()
}

#[test]
fn the_first_nominating_check_is_answered_and_asked_back_at_once() {
    let mut bench = Bench::new(&[]);
    let sent = bench.check(1, 0, true);
    assert_eq!(kinds(&sent), [MessageKind::Success, MessageKind::Request]);
    let mut answer = Message::read(&sent[0].1).unwrap();
    assert!(answer.verify("our password of 22 chars 0", crypto().crypto()).is_some());
    assert_eq!(bench.ice.remote(), None, "it has not consented yet");
    assert!(bench.ice.knows(at(1)), "but it may shake hands");
    bench.pass(10);
    assert_eq!(bench.answer(&sent, 0), 1);
    assert_eq!(bench.ice.remote(), Some(at(1)));
}

#[test]
fn a_nomination_of_a_path_that_was_answered_moves_it_at_once_and_of_another_after_a_round_trip() {
    let mut bench = Bench::new(&[]);
    let sent = bench.check(1, 0, true);
    bench.answer(&sent, 0);
    let sent = bench.check(2, 0, false);
    bench.answer(&sent, 0);
    assert_eq!(bench.ice.remote(), Some(at(1)), "no nomination");
    bench.check(2, 0, true);
    assert_eq!(bench.ice.remote(), Some(at(2)));
    let sent = bench.check(3, 0, true);
    assert_eq!(bench.ice.remote(), Some(at(2)), "nobody has answered there");
    bench.answer(&sent, 0);
    assert_eq!(bench.ice.remote(), Some(at(3)));
    // An answer from a path that was nominated before takes nothing back.
    bench.pass(31_000);
    bench.ice.pairs.find_mut(at(1)).unwrap().proven = None;
    let sent = bench.check(1, 0, false);
    assert_eq!(bench.answer(&sent, 0), 1);
    assert_eq!(bench.ice.remote(), Some(at(3)));
}

#[test]
fn a_question_that_is_lost_is_asked_again_a_few_times() {
    let mut bench = Bench::new(&[]);
    bench.check(1, 0, true);
    let mut asked = vec![];
    let start = bench.now;
    while let Some(due) = bench.ice.due().filter(|due| *due < start + Duration::from_secs(20)) {
        bench.now = due;
        bench.ice.wake(due);
        asked.extend(bench.ice.take().map(|_| due.duration_since(start).as_millis()));
    }
    assert_eq!(asked, [100, 300, 700, 1500, 3100, 6300]);
}

#[test]
fn strangers_teach_no_address_and_change_no_role() {
    let mut bench = Bench::new(&[]);
    let username = "ours0:theirs0";
    for (password, role, port) in [
        ("a guess of 22 characters", Role::Controlled(u64::MAX), 1),
        ("our password of 22 chars 0", Role::Controlling(1), MULTICAST_DNS_PORT),
    ] {
        let request = stun::request([1; 12], username, password, role, true, crypto().crypto()).unwrap();
        assert_eq!(bench.ice.read(at(port), &request, bench.now), Heard::Nothing);
    }
    assert!(bench.ice.take().next().is_none() && !bench.ice.knows(at(1)) && !bench.ice.controlling);
}

#[test]
fn an_answer_counts_once_and_from_where_it_was_asked() {
    let mut bench = Bench::new(&[]);
    let sent = bench.check(1, 0, true);
    bench.answer(&sent, 0);
    assert!(bench.ice.probe(bench.now));
    let probe: Vec<_> = bench.ice.take().collect();
    assert_eq!(bench.ice.undeliverable(at(1), &probe[0].1[..20]), Some(true));
    assert_eq!(bench.ice.undeliverable(at(1), &probe[0].1[..19]), Some(false));
    assert_eq!(bench.ice.undeliverable(at(2), &probe[0].1), None);
    let id = Message::read(&probe[0].1).unwrap().id();
    let success = stun::success(id, at(1), "their password of 22 chars 0", crypto().crypto()).unwrap();
    bench.pass(40);
    assert_eq!(bench.ice.read(at(2), &success, bench.now), Heard::Nothing, "from another address");
    let forged = stun::success(id, at(1), "a guess of 22 characters", crypto().crypto()).unwrap();
    assert_eq!(bench.ice.read(at(1), &forged, bench.now), Heard::Nothing);
    assert_eq!(bench.ice.read(at(1), &success, bench.now), Heard::Answer(Duration::from_millis(40)));
    assert_eq!(bench.ice.read(at(1), &success, bench.now), Heard::Nothing, "played back");
    // Our own question, sent back to us, is signed with the viewer's password and not with ours.
    assert_eq!(bench.ice.read(at(1), &probe[0].1, bench.now), Heard::Nothing);
}

#[test]
fn addresses_are_few_and_the_one_that_carries_media_stays() {
    let mut bench = Bench::new(&[]);
    let sent = bench.check(1, 0, true);
    bench.answer(&sent, 0);
    for port in 2..100 {
        bench.pass(1);
        bench.check(port, 0, false);
    }
    let known: Vec<u16> = (1..100).filter(|port| bench.ice.knows(at(*port))).collect();
    assert_eq!(known, [1, 93, 94, 95, 96, 97, 98, 99]);
    assert_eq!(bench.ice.remote(), Some(at(1)));
}

#[test]
fn a_restart_keeps_the_old_path_until_the_new_one_is_nominated() {
    let mut bench = Bench::new(&[]);
    let sent = bench.check(1, 0, true);
    bench.answer(&sent, 0);
    bench.ice.restart(credentials(1), &[], bench.now);
    // The old credentials hold, for probes and for a path that moves once more.
    bench.ice.probe(bench.now);
    let probe: Vec<_> = bench.ice.take().collect();
    assert_eq!(bench.answer(&probe, 0), 1);
    let sent = bench.check(2, 0, true);
    bench.answer(&sent, 0);
    assert_eq!(bench.ice.remote(), Some(at(2)));
    // A restart before that one has led anywhere.
    let sent = bench.check(3, 1, false);
    bench.answer(&sent, 1);
    bench.ice.restart(credentials(2), &[], bench.now);
    bench.check(2, 0, false);
    let sent = bench.check(3, 2, true);
    bench.answer(&sent, 2);
    assert_eq!(bench.ice.remote(), Some(at(3)));
    let Credentials { local_password, .. } = credentials(0);
    let old = stun::request([99; 12], "ours0:theirs0", &local_password, Role::Controlling(9), true, crypto().crypto());
    assert_eq!(bench.ice.read(at(2), &old.unwrap(), bench.now), Heard::Nothing, "they are void now");
    bench.ice.probe(bench.now);
    let probe: Vec<_> = bench.ice.take().collect();
    assert_eq!(bench.answer(&probe, 2), 1);
}

#[test]
fn conflicts_of_roles_are_settled_by_the_tie_breaker() {
    // Ours is 7.
    let mut bench = Bench::new(&[]);
    let sent = bench.ask(1, 0, Role::Controlled(9), false);
    let error =
        Message::read(&sent[0].1).unwrap().verify("our password of 22 chars 0", crypto().crypto()).unwrap().error;
    assert_eq!(error, Some(487), "the viewer has to choose");
    let sent = bench.ask(1, 0, Role::Controlled(3), false);
    assert_eq!(kinds(&sent), [MessageKind::Success, MessageKind::Request], "we choose");
    bench.answer(&sent, 0);
    assert_eq!(bench.ice.remote(), Some(at(1)));
    // And we give in when the viewer says so.
    bench.ice.probe(bench.now);
    let probe: Vec<_> = bench.ice.take().collect();
    let id = Message::read(&probe[0].1).unwrap().id();
    let conflict = stun::role_conflict(id, "their password of 22 chars 0", crypto().crypto()).unwrap();
    bench.ice.read(at(1), &conflict, bench.now);
    assert!(!bench.ice.controlling);
}

#[test]
fn who_only_answers_is_asked_and_nominated() {
    let mut bench = Bench::new(&[at(1), at(2)]);
    let sent: Vec<_> = bench.ice.take().collect();
    let mut question = Message::read(&sent[1].1).unwrap();
    let signed = question.verify("their password of 22 chars 0", crypto().crypto()).unwrap();
    assert_eq!((signed.nominates, signed.role), (true, Some(Role::Controlling(7))));
    assert_eq!(bench.answer(&sent[1..], 0), 1);
    assert_eq!(bench.ice.remote(), Some(at(2)));
    bench.answer(&sent[..1], 0);
    assert_eq!(bench.ice.remote(), Some(at(2)), "the first that answered");
}

#[test]
fn silence_is_first_disconnection_then_failure_and_connecting_has_an_end() {
    let mut bench = Bench::new(&[]);
    let drive = |bench: &mut Bench, answers: bool| {
        let start = bench.now;
        let mut verdicts = vec![];
        while let Some(due) = bench.ice.due().filter(|due| *due <= start + Duration::from_secs(60)) {
            bench.now = due.max(bench.now);
            if let Some(verdict) = bench.ice.wake(bench.now) {
                verdicts.push((verdict, bench.now.duration_since(start).as_secs()));
            }
            let sent: Vec<_> = bench.ice.take().collect();
            if answers {
                bench.answer(&sent, 0);
            }
        }
        bench.now = start + Duration::from_secs(60);
        verdicts
    };
    assert_eq!(drive(&mut bench, true), [(IceState::Failed, 25)], "nobody came");
    let mut bench = Bench::new(&[]);
    let sent = bench.check(1, 0, true);
    bench.answer(&sent, 0);
    assert_eq!(drive(&mut bench, true), [], "its answers keep it");
    assert_eq!(bench.ice.remote(), Some(at(1)));
    let silence = drive(&mut bench, false);
    assert_eq!(silence.iter().map(|it| it.0).collect::<Vec<_>>(), [IceState::Disconnected, IceState::Failed]);
}

#[test]
fn without_consent_media_ends_after_half_a_minute_and_soon_all_of_it_whatever_the_viewer_asks() {
    let mut bench = Bench::new(&[]);
    let sent = bench.check(1, 0, true);
    bench.answer(&sent, 0);
    let start = bench.now;
    let mut verdicts = vec![];
    for second in 1..60u64 {
        bench.now = start + Duration::from_secs(second);
        bench.check(1, 0, true);
        assert_eq!(bench.ice.has_consent(bench.now), second < 30);
        verdicts.extend(bench.ice.wake(bench.now).map(|verdict| (verdict, second)));
    }
    assert_eq!(verdicts, [(IceState::Failed, 35)]);
}

/// A stall may hold them all up, and any answer saves the viewer.
#[test]
fn all_probes_of_a_silence_are_remembered_until_the_verdict() {
    use crate::departure::patience::Patience;
    use crate::departure::silence::Silence;
    for round_trip in [1, 20, 70, 600].map(Duration::from_millis) {
        let mut bench = Bench::new(&[]);
        let sent = bench.check(1, 0, true);
        bench.answer(&sent, 0);
        let mut silence = Silence::new(Patience::production());
        (0..5).for_each(|_| silence.measured(round_trip));
        silence.sent(bench.now);
        let mut probes = vec![];
        for _ in 0..2000 {
            let Some(due) = silence.due() else { break };
            if silence.tick(due, Duration::ZERO).probe {
                silence.sent_probe(due);
                bench.ice.probe(due);
                probes.extend(bench.ice.take());
            }
        }
        let known = |(to, probe): &(SocketAddr, Vec<u8>)| bench.ice.undeliverable(*to, probe) == Some(true);
        assert!(silence.due().is_none() && probes.len() > 64 && probes.iter().all(known), "{round_trip:?}");
    }
}
