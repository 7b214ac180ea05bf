//! What is secret in a command is shown nowhere.

use crate::support::*;
use serde_json::json;

async fn watch(server: &Server, stream: &str) -> Socket {
    let mut viewer = connect(server).await;
    say(&mut viewer, &json!({ "type": "watch", "stream": stream, "sdp": OFFER })).await;
    viewer
}

#[actix::test]
async fn what_a_program_says_is_heard_without_the_secrets_of_its_command() {
    // A program that says what it was given, and what it is not asked for, and goes on with one picture, or ends.
    let camera = |id: &str, end: &str| {
        let says = "echo \"using $1, $TOKEN and rtsp://you:other77@cam\" >&2";
        let command = format!("TOKEN=letmein99 sh -c '{says}; {KEYFRAME_IN_QUOTES}; {end}' --password hunter2%2F22");
        format!("[[camera]]\nid = \"{id}\"\nsource = {:?}\n", format!("exec:{command}"))
    };
    let server = Server::start(&format!("{}{}", camera("goes", "exec sleep 1000"), camera("ends", "exit 3")), "");
    let mut viewers = [watch(&server, "goes").await, watch(&server, "ends").await];
    let error = hear(&mut viewers[1], "error").await.unwrap();
    for camera in ["goes", "ends"] {
        let said = "program says: using ***, *** and rtsp://***@cam";
        server.until_logged(&format!("root/cameras/{camera}/device: {said}")).await;
    }
    let report = server.until("capturing", |report| report["cameras"].to_string().contains("capturing")).await;
    let source = report["cameras"].as_array().unwrap()[0]["source"].as_str().unwrap().to_owned();
    assert!(source.starts_with("exec:TOKEN=*** sh -c") && source.ends_with("--password ***"), "{source}");
    let mut metrics = client().get(server.url("/metrics")).send().await.unwrap();
    let metrics = String::from_utf8(metrics.body().limit(1 << 22).await.unwrap().to_vec()).unwrap();
    for shown in [report.to_string(), server.log(), error.to_string(), metrics] {
        for secret in ["hunter2", "letmein", "other77"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }
}

#[actix::test]
async fn a_secret_of_a_file_or_of_the_environment_reaches_the_program_and_nobody_else() {
    let folder = Folder::new();
    let (secret, proof) = (folder.file("secret", "open sesame 1\nnot this\n"), folder.0.join("proof"));
    let command = format!(
        "printf %s \"rtsp://me:${{file:{}}}@cam/${{env:CAM_TOKEN}}\" > {}; echo got ${{env:CAM_TOKEN}} >&2; {KEYFRAME} && exec sleep 1000",
        secret.display(),
        proof.display()
    );
    let missing = "exec:cat ${file:/no/such/secret}";
    let cameras = format!(
        "[[camera]]\nid = \"goes\"\nsource = {:?}\n[[camera]]\nid = \"ends\"\nsource = {missing:?}\n",
        format!("exec:{command}")
    );
    let server = Server::start_with(&cameras, "", &[("CAM_TOKEN", "letmein99".to_owned())]);
    let mut viewers = [watch(&server, "goes").await, watch(&server, "ends").await];
    let error = hear(&mut viewers[1], "error").await.unwrap();
    assert!(error["message"].as_str().unwrap().contains("/no/such/secret"), "{error}");
    server.until_logged("program says: got ***").await;
    assert_eq!(std::fs::read_to_string(proof).unwrap(), "rtsp://me:open sesame 1@cam/letmein99");
    let pid = server.camera_pid_of("goes").await;
    let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    let shown = format!("{}{}{line}", server.debug().await, server.log());
    assert!(!shown.contains("letmein") && !shown.contains("sesame"), "{shown}");
}

/// [`KEYFRAME`] within single quotes.
const KEYFRAME_IN_QUOTES: &str = "printf \"\\000\\000\\001\\147\\102\\300\\036\\000\\000\\001\\145\\210\"";
