//! Certificates that the server gets by itself, from an authority of the test's own.

use crate::support::acme::Authority;
use crate::support::tls::{self, Tls};
use crate::support::{Folder, PATIENCE, Server};
use rustls::pki_types::CertificateDer;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

const NAME: &str = "cams.example";

/// A port that nobody has: the authority has to know it before the server is there.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Connects, trusting what this root has signed only.
fn connect(port: u16, root: &CertificateDer<'static>) -> std::io::Result<Tls> {
    tls::connect(("127.0.0.1", port), NAME, tls::trusting([root]), &[])
}

fn ask(stream: &mut Tls) -> String {
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: {NAME}\r\n\r\n").unwrap();
    let mut read = vec![];
    while !read.ends_with(b"ok\n") {
        let mut some = [0; 1024];
        let length = stream.read(&mut some).unwrap();
        assert!(length > 0, "ended: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&some[..length]);
    }
    String::from_utf8(read).unwrap()
}

/// Waits until a connection can be made.
async fn connected(port: u16, root: &CertificateDer<'static>) -> Tls {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let root = root.clone();
        match actix_web::web::block(move || connect(port, &root)).await.unwrap() {
            Ok(stream) => return stream,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[actix_web::test]
async fn a_certificate_is_had_by_itself_and_kept() {
    let (port, kept) = (free_port(), Folder::new());
    let folder = kept.0.join("acme");
    let authority = Authority::start(port, Duration::from_secs(86_400)).await;
    let section = authority.section(NAME, &folder);
    let camera = format!("[[camera]]\nid = \"front\"\nsource = \"test\"\n{section}");
    for start in ["first", "second"] {
        let server = Server::start_at(port, &camera);
        let mut stream = connected(port, &authority.root).await;
        let answer = actix_web::web::block(move || ask(&mut stream)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{start}: its name is ours without another word: {answer}");
        assert_eq!(authority.issued(), 1, "{start}: a certificate that is kept is not asked for again");
        drop(server);
    }
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "nobody else may look at the keys");
}

#[actix_web::test]
async fn it_is_renewed_in_time_and_connections_go_on() {
    let (port, kept) = (free_port(), Folder::new());
    let authority = Authority::start(port, Duration::from_secs(6)).await;
    let section = authority.section(NAME, &kept.0.join("acme"));
    let _server = Server::start_at(port, &format!("[[camera]]\nid = \"front\"\nsource = \"test\"\n{section}"));
    let mut stream = connected(port, &authority.root).await;
    let deadline = Instant::now() + PATIENCE;
    let mut is_renewed = false;
    // Until it has been asked once more after that.
    while !is_renewed {
        is_renewed = authority.issued() > 1;
        assert!(Instant::now() < deadline, "it is not renewed");
        stream = actix_web::web::block(move || {
            assert!(ask(&mut stream).starts_with("HTTP/1.1 200"));
            stream
        })
        .await
        .expect("who was connected before is connected");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(connected(port, &authority.root).await);
}

#[actix_web::test]
async fn an_authority_that_cannot_be_reached_is_said_and_ends_nothing() {
    let (port, kept) = (free_port(), Folder::new());
    let authority = Authority::start(port, Duration::from_secs(60)).await;
    let section = authority.section(NAME, &kept.0.join("acme"));
    let nobody = format!("127.0.0.1:{}", free_port());
    let section = section.replace(&authority.address.to_string(), &nobody);
    let server = Server::start_at(port, &format!("[[camera]]\nid = \"front\"\nsource = \"test\"\n{section}"));
    server.until_logged("no new certificate for cams.example").await;
    assert!(connect(port, &authority.root).is_err(), "there is none to show");
}

#[actix_web::test]
async fn the_folder_of_the_configuration_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    std::fs::set_permissions(&folder.0, std::fs::Permissions::from_mode(0o700)).unwrap();
    let section = format!("[tls.acme]\nnames = [{NAME:?}]\nfolder = {:?}\n", folder.0);
    let config = folder.file("config.toml", &format!("[server]\nlisten = \"127.0.0.1:0\"\n{section}"));
    let output = crate::support::lenscap(&["run", "--config", config.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the configuration is in it"), "{output:?}");
}

#[actix_web::test]
async fn a_folder_into_which_others_may_look_is_refused_and_stays_as_it_is() {
    use std::os::unix::fs::PermissionsExt;
    let (kept, folder) = (Folder::new(), Folder::new());
    std::fs::set_permissions(&kept.0, std::fs::Permissions::from_mode(0o755)).unwrap();
    let section = format!("[tls.acme]\nnames = [{NAME:?}]\nfolder = {:?}\n", kept.0);
    let config = folder.file("config.toml", &format!("[server]\nlisten = \"127.0.0.1:0\"\n{section}"));
    let output = crate::support::lenscap(&["run", "--config", config.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("tls.acme.folder") && words.contains("others may look into it"), "{words}");
    assert_eq!(std::fs::metadata(&kept.0).unwrap().permissions().mode() & 0o777, 0o755);
}
