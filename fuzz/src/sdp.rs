//! Offers: whatever is offered is refused in words, or answered in due form.

use crate::Target;
use lenscap_actors::transport::{Identity, Secrets, answer};
use std::net::SocketAddr;
use std::sync::LazyLock;

/// The target.
pub const TARGET: Target = Target { name: "sdp", run, seeds };

/// What browsers and programs offer.
fn seeds() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../actors/tests/offers");
    let offers = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut offers: Vec<_> = offers.filter(|path| path.extension().is_some_and(|kind| kind == "sdp")).collect();
    offers.sort();
    assert!(!offers.is_empty(), "there are offers in {folder}");
    offers.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn run(data: &[u8]) {
    static IDENTITY: LazyLock<Identity> = LazyLock::new(|| Identity::generate().unwrap());
    let offer = String::from_utf8_lossy(data);
    let secrets = Secrets {
        ufrag: "ours".to_owned(),
        password: "a-password-of-22-chars".to_owned(),
        ssrcs: [1, 2],
        sequence: 1,
        timestamp: 1,
        tie_breaker: 1,
    };
    let here: SocketAddr = ([192, 0, 2, 1], 8555).into();
    match answer(&offer, &IDENTITY, &[here], secrets) {
        Ok((text, _)) => {
            let sections = |sdp: &str| sdp.lines().filter(|line| line.starts_with("m=")).count();
            assert_eq!(sections(&text), sections(&offer), "each section is answered:\n{text}");
            assert!(
                text.contains("a=ice-ufrag:ours\r\n") && text.contains("192.0.2.1 8555"),
                "it can connect:\n{text}"
            );
            assert!(!text.contains("\r\n\r\n") && text.ends_with("\r\n"), "lines as they should be:\n{text}");
        }
        Err(error) => assert!(error.to_string().len() > 10, "{error:?} says too little"),
    }
}
