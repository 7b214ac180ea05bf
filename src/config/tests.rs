use super::ice::ICE_MARGIN;
use super::*;
use crate::capture::test_pattern::Scene;
use lenscap_actors::retry::Delays;
use std::time::Duration;

fn wrong(text: &str) -> String {
    Config::parse("x.toml", text).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn the_defaults_are_right_and_have_a_demo() {
    let config = Config::defaults().unwrap();
    assert_eq!(config.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.cameras[0].source, Source::Test(Scene::Calm));
    assert_eq!(config.streams, [Stream::of("demo")]);
    assert!(config.discover_v4l2);
    assert_eq!(config.supervision, Supervision::default());
    assert_eq!((&config.retry, &config.cameras[0].retry), (&Policy::default(), &Policy::default()));
    assert!(!config.allow_kill, "not without being told");
}

#[test]
fn an_empty_file_has_the_same_settings_as_the_defaults_but_no_camera() {
    let (empty, defaults) = (Config::parse("x", "").unwrap(), Config::defaults().unwrap());
    assert!(empty.cameras.is_empty() && empty.streams.is_empty());
    let settings = |config: &Config| format!("{:?}", Config { cameras: vec![], streams: vec![], ..config.clone() });
    assert_eq!(settings(&empty), settings(&defaults));
}

#[test]
fn every_commented_key_of_the_defaults_is_a_key() {
    // The documentation in config.toml must not name what the program does not know.
    let text: String = DEFAULTS
        .lines()
        .filter_map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.contains(" = ") && !rest.starts_with(' ') => Some(rest),
            Some(rest) if rest.starts_with('[') && rest.ends_with(']') => Some(rest),
            Some(_) => None,
            None => Some(line),
        })
        .map(|line| format!("{line}\n"))
        .collect::<String>()
        .replace("profile = \"production\"", "profile = \"custom\"");
    // Examples are no secrets, and that would be said, too.
    let text = text
        .replace("replace this by 32 random characters or more", &"0123456789abcdef".repeat(2))
        .replace("Ym9vY2hsb2Jvb2NobG8", "Ym9vY2hsb2Jvb2NobGg")
        .replace("sha256:ba", "sha256:ab");
    // These have no effect on the test picture, and that would be said.
    let v4l2 = |text: &str| text.replace("source = \"test\"", "source = \"usb:046d:0825\"");
    // A certificate comes from files or from an authority.
    let text = v4l2(&text);
    let acme = text.find("[tls.acme]").unwrap();
    let after = acme + text[acme..].find("[access]").unwrap();
    let from_files = format!("{}{}", &text[..acme], &text[after..]);
    let is_file = |line: &&str| line.starts_with("certificate = ") || line.starts_with("key = ");
    let from_authority: String = text.lines().filter(|line| !is_file(line)).map(|line| format!("{line}\n")).collect();
    for text in [from_files, from_authority] {
        let config = Config::parse("x", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(config.streams.len(), 2);
        assert_eq!(config.ice.disconnected, Duration::from_secs(5));
        assert!(config.tls.is_some());
    }
}

#[test]
fn the_examples_of_the_defaults_are_no_secrets_and_no_secret_is_quoted() {
    let examples = DEFAULTS.lines().filter_map(|line| line.strip_prefix("# "));
    let line = |key: &str| examples.clone().find(|line| line.starts_with(key)).unwrap();
    for text in [
        format!("[access]\n{}", line("link_key")),
        format!("[[access.user]]\nname = \"ann\"\n{}", line("password")),
        format!("[[access.token]]\nname = \"tv\"\n{}", line("hash")),
    ] {
        assert!(wrong(&text).contains("is the example"), "{text}");
    }
    for text in [
        "[access]\nlink_key = 4711471147114711",
        "[[access.user]]\nname = \"ann\"\npassword = 4711471147114711",
        "[[access.token]]\nname = \"tv\"\nhash = 4711471147114711",
        "[[webrtc.ice_servers]]\nurls = \"turn:x\"\nusername = \"me\"\ncredential = 4711471147114711",
    ] {
        let words = wrong(text);
        assert!(!words.contains("4711") && words.contains("expected"), "{words}");
    }
    assert!(wrong("[access]\nusers = 1").contains("unknown field"));
}

#[test]
fn every_key_of_retry_is_in_the_defaults() {
    let error = wrong("[retry]\nnonsense = 1");
    let keys: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
    assert!(keys.len() >= 8, "{error}");
    let section = DEFAULTS.split("\n[retry]\n").nth(1).unwrap().split("\n[").next().unwrap();
    for key in keys {
        assert!(section.contains(&format!("\n{key} = ")), "{key}");
    }
}

#[test]
fn a_camera_overrides_the_retry_policy_key_by_key() {
    let text = "[retry]\nstrategy = \"immediate\"\ntries = 5\nmax = \"1m\"\n\
                [[camera]]\nid = \"a\"\nsource = \"test\"\n[camera.retry]\nmax_attempts = 7\nfactor = 3\n\
                [[camera]]\nid = \"b\"\nsource = \"test\"\n[camera.retry]\nstrategy = \"adaptive\"\n\
                [[camera]]\nid = \"c\"\nsource = \"test\"\n";
    let config = Config::parse("x", text).unwrap();
    let [a, b, c] = [0, 1, 2].map(|at| config.cameras[at].retry.clone());
    assert_eq!(c, config.retry);
    assert_eq!((c.strategy, c.backoff.max), (Delays::Immediate { tries: 5 }, Duration::from_secs(60)));
    assert_eq!((a.strategy, a.backoff.factor, c.backoff.factor), (c.strategy, 3.0, 2.0));
    assert_eq!((a.max_attempts.map(|max| max.get()), c.max_attempts), (Some(7), None));
    assert_eq!(b, Policy { strategy: Delays::Adaptive, ..c });
}

#[test]
fn origins_are_taken_as_browsers_write_them() {
    for (written, expected) in [
        ("https://house.example", "https://house.example"),
        ("https://house.example:443", "https://house.example"),
        ("http://house.example:80", "http://house.example"),
        ("http://house.example:443", "http://house.example:443"),
        ("HTTPS://House.Example:8443", "https://house.example:8443"),
        ("https://häuser.example", "https://xn--huser-gra.example"),
        ("https://192.0.2.7", "https://192.0.2.7"),
        ("http://[2001:DB8:0::1]:8123", "http://[2001:db8::1]:8123"),
    ] {
        let config = Config::parse("x", &format!("[server]\nallowed_origins = [{written:?}]")).unwrap();
        assert_eq!(config.allowed_origins, [expected], "{written}");
    }
    for written in [
        "house.example",
        "https://",
        "https:house.example",
        "https:///house.example",
        "https://house.example/",
        "https://house.example?a",
        "https://house.example#a",
        "https://me@house.example",
        "https://*.house.example",
        "https://house.example:port",
        "https://house.example\\a",
        "https://house .example",
        "https://house.example;a",
        "https://house%2eexample",
        "ftp://house.example",
        "null",
        "",
    ] {
        let error = wrong(&format!("[server]\nallowed_origins = [{written:?}]"));
        assert!(error.starts_with("x.toml:2: server.allowed_origins: ") && error.contains("is no origin"), "{error}");
    }
}

#[test]
fn mistakes_are_named_with_file_line_key_and_expectation() {
    let camera = "[[camera]]\nid = \"a\"\nsource = \"test\"\n";
    for (text, start, expected) in [
        ("[server]\nlisten = \"nonsense\"", "x.toml:2: server.listen: ", "expected an IP address"),
        ("[server]\nlisten = \"unix:sock\"", "x.toml:2: server.listen: ", "expected an absolute path"),
        (
            "[server]\nlisten = \"unix:/a\"\n[tls]\ncertificate = \"a\"\nkey = \"b\"",
            "x.toml:4: tls.certificate: ",
            "the proxy that it is for has the certificate",
        ),
        ("[tls.acme]\nnames = []\nfolder = \"a\"", "x.toml:2: tls.acme.names: ", "names at least one"),
        ("[tls.acme]\nnames = [\"cams\"]\nfolder = \"a\"", "x.toml:2: tls.acme.names: ", "that others can find"),
        ("[tls.acme]\nnames = [\"192.0.2.7\"]\nfolder = \"a\"", "x.toml:2: tls.acme.names: ", "that others can find"),
        (
            "[tls.acme]\nnames = [\"a.example\"]\nfolder = \"a\"\ndirectory = \"http://x\"",
            "x.toml:4: tls.acme.directory: ",
            "is no directory",
        ),
        (
            "[tls.acme]\nnames = [\"a.example\"]\nfolder = \"a\"\ncontact = \"me\"",
            "x.toml:4: tls.acme.contact: ",
            "is no contact",
        ),
        ("[tls]\nkey = \"k\"\n[tls.acme]\nnames = [\"a.example\"]\nfolder = \"a\"", "x.toml:2: tls.key: ", "not both"),
        ("[server]\nlissen = \"1\"", "x.toml:2: server.lissen: ", "expected one of"),
        ("[webrtc]\nmedia_threads = 0", "x.toml:2: webrtc.media_threads: ", "expected 1 to 64"),
        ("[server]\nmax_viewers = 0", "x.toml:2: server.max_viewers: ", "expected 1 to 10000"),
        ("[server]\nmax_viewers_per_address = 0", "x.toml:2: server.max_viewers_per_address: ", "expected 1 to 10000"),
        ("[server]\ntrusted_proxies = [\"proxy\"]", "x.toml:2: server.trusted_proxies: ", "is no address"),
        ("[server]\nmax_viewers = \"many\"", "x.toml:2: server.max_viewers: ", "expected i64"),
        ("[server]\nallowed_origins = [\"*\"]", "x.toml:2: server.allowed_origins: ", "expected one like"),
        ("[servr]\n", "x.toml:1: servr: ", "expected one of"),
        ("[supervision]\nrestarts = -1", "x.toml:2: supervision.restarts: ", "expected 0 to 1000000"),
        ("[supervision]\nperiod = \"1ms\"", "x.toml:2: supervision.period: ", "expected 1 s or more"),
        ("[supervision]\nfrozen_after = \"4s\"", "x.toml:2: supervision.frozen_after: ", "expected 5 s or more"),
        ("[supervision]\nfrozen_after = 5", "x.toml:2: supervision.frozen_after: ", ""),
        ("[retry]\nstrategy = \"never\"", "x.toml:2: retry.strategy: ", "expected \"exponential\", \"adaptive\""),
        ("[retry]\ninitial = \"0s\"", "x.toml:2: retry.initial: ", "expected 10ms to 24h"),
        ("[retry]\ninitial = \"1m\"", "x.toml:2: retry.initial: ", "(60s) is longer than the longest (10s)"),
        ("[retry]\nfactor = 0.5", "x.toml:2: retry.factor: ", "expected 1 to 100"),
        ("[retry]\nfactor = nan", "x.toml:2: retry.factor: ", "expected 1 to 100"),
        ("[retry]\nmax = \"25h\"", "x.toml:2: retry.max: ", "expected 10ms to 24h"),
        ("[retry]\njitter = 1.5", "x.toml:2: retry.jitter: ", "expected 0 to 1"),
        ("[retry]\nreset_after = \"0s\"", "x.toml:2: retry.reset_after: ", "expected 1s to 24h"),
        ("[retry]\ntries = 0", "x.toml:2: retry.tries: ", "expected 1 to 100"),
        ("[retry]\nmax_attempts = -1", "x.toml:2: retry.max_attempts: ", "expected 0 to 1000000"),
        (&format!("{camera}[camera.retry]\nmax = \"9ms\""), "x.toml:5: camera.retry.max: ", "expected 10ms to 24h"),
        (
            &format!("{camera}[camera.retry]\nmax = \"200ms\""),
            "x.toml:5: camera.retry.max: ",
            "longer than the longest",
        ),
        (&format!("{camera}[camera.retry]\npatience = 1"), "x.toml:5: camera.retry.patience: ", "expected one of"),
        ("[debug]\nallow_kill = 1", "x.toml:2: debug.allow_kill: ", ""),
        (&format!("{camera}stall_timeout = \"1s\""), "x.toml:4: camera.stall_timeout: ", "cameras only"),
        (&format!("{camera}controls = {{ a = 1 }}"), "x.toml:4: camera.controls: ", "cameras only"),
        (&format!("{camera}exclusive_group = \"a b\""), "x.toml:4: camera.exclusive_group: ", "expected 1 to 64"),
        ("[[camera]]\nid = \"a\"\nsource = \"usb:1:2\"", "x.toml:3: camera.source: ", "usb:046d:0825"),
        (
            "[[camera]]\nid = \"a\"\nsource = \"usb:0001:0002\"\nstall_timeout = \"1ms\"",
            "x.toml:4: camera.stall_timeout: ",
            "500ms or more",
        ),
        ("listen = ", "x.toml:1: listen: ", ""),
        ("[webrtc.ice]\nprofile = \"fast\"", "x.toml:2: webrtc.ice.profile: ", "expected \"production\""),
        ("[webrtc.ice]\nprofile = \"custom\"", "x.toml:2: webrtc.ice.profile: ", "needs"),
        ("[webrtc.ice]\nkeepalive_interval = \"1s\"", "x.toml:2: webrtc.ice.keepalive_interval: ", "custom"),
        ("[[camera]]\nid = \"a b\"\nsource = \"test\"", "x.toml:2: camera.id: ", "expected 1 to 64"),
        ("[[camera]]\nid = \"a\"\nsource = \"tset\"", "x.toml:3: camera.source: ", "expected \"test\""),
        (&format!("{camera}{camera}"), "x.toml:5: camera.id: ", "line 2"),
        (&format!("{camera}size = [0, 1]"), "x.toml:4: camera.size: ", "expected [width, height]"),
        (&format!("{camera}fps = 1000"), "x.toml:4: camera.fps: ", "expected 1 to 240"),
        (&format!("{camera}format = \"yuyv\""), "x.toml:4: camera.format: ", "v4l2"),
        (&format!("{camera}[[stream]]\nid = \"s\"\ncamera = \"b\""), "x.toml:6: stream.camera: ", "expected one of a"),
        (
            &format!("{camera}[[stream]]\nid = \"a\"\ncamera = \"a\"\nsmall_rendition = 1"),
            "x.toml:7: stream.small_rendition: ",
            "expected a boolean",
        ),
        (
            &format!("{camera}[[stream]]\nid = \"a\"\ncamera = \"a\"\nbitrate = 300_000\nmin_bitrate = 400_000"),
            "x.toml:8: stream.min_bitrate: ",
            "more than `bitrate`",
        ),
        (&format!("{camera}small_rendition = true"), "x.toml:4: camera.small_rendition: ", "expected one of"),
        (&format!("{camera}[[stream]]\nid = \"a~small\"\ncamera = \"a\""), "x.toml:5: stream.id: ", "expected 1 to 64"),
        (&format!("{camera}[[stream]]\nid = \"s\"\n"), "x.toml:4: stream: ", "missing field `camera`"),
    ] {
        let error = wrong(text);
        assert!(error.starts_with(start) && error.contains(expected), "{text:?} gives {error:?}");
    }
}

#[test]
fn two_cameras_cannot_share_a_device_even_by_another_path() {
    let text = "[[camera]]\nid = \"a\"\nsource = \"v4l2:/dev/null\"\n[[camera]]\nid = \"b\"\nsource = \"v4l2:/dev/../dev/null\"";
    let error = wrong(text);
    assert!(error.starts_with("x.toml:6: camera.source: ") && error.contains("\"a\""), "{error}");
}

#[test]
fn ice_times_that_flap_are_refused_with_the_reason() {
    let times = |disconnected: &str, failed: &str, keepalive: &str| {
        format!(
            "[webrtc.ice]\nprofile = \"custom\"\ndisconnected_timeout = \"{disconnected}\"\n\
             failed_timeout = \"{failed}\"\nkeepalive_interval = \"{keepalive}\""
        )
    };
    let error = wrong(&times("2s", "25s", "2s"));
    assert!(error.starts_with("x.toml:3: webrtc.ice.disconnected_timeout") && error.contains("healthy"), "{error}");
    assert!(wrong(&times("2200ms", "25s", "2s")).contains("more than 2.2s"));
    assert!(Config::parse("x", &times("2201ms", "25s", "2s")).is_ok());
    assert!(wrong(&times("5s", "5s", "2s")).contains("10s or more"));
    assert!(wrong(&times("5s", "25s", "1ms")).contains("50ms or more"));
    let error = wrong(&times("20s", "25s", "10001ms"));
    assert!(error.starts_with("x.toml:5: webrtc.ice.keepalive_interval") && error.contains("10s or less"), "{error}");
    assert!(Config::parse("x", &times("20s", "25s", "10s")).is_ok());
    assert!(wrong(&times("soon", "25s", "1s")).contains("no duration"));
    for profile in ["production", "development"] {
        let ice = Config::parse("x", &format!("[webrtc.ice]\nprofile = \"{profile}\"")).unwrap().ice;
        assert!(ice.disconnected > ice.keepalive + ICE_MARGIN);
    }
}

#[test]
fn streams_default_to_one_a_camera_and_can_be_changed_or_added() {
    let text = "[[camera]]\nid = \"a\"\nsource = \"test\"\n[[camera]]\nid = \"b\"\nsource = \"test\"\n\
                [[stream]]\nid = \"a-small\"\ncamera = \"a\"\nsize = [640, 360]\n\
                [[stream]]\nid = \"b\"\ncamera = \"b\"\nbitrate = 700_000\nsmall_rendition = false\n\
                adaptive_bitrate = true\n";
    let streams = Config::parse("x", text).unwrap().streams;
    assert_eq!(streams.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["a", "b", "a-small"]);
    assert_eq!(streams[1].bitrate, Some(700_000));
    assert_eq!(streams.iter().map(|s| s.small_rendition).collect::<Vec<_>>(), [true, false, true]);
    let adaptive = |stream: &Stream| (stream.adaptive_bitrate, stream.min_bitrate);
    assert_eq!(streams.iter().map(adaptive).collect::<Vec<_>>(), [(false, 250_000), (true, 250_000), (false, 250_000)]);
    assert_eq!(streams[2].size, Some([640, 360]));
    let clash = format!("{text}[[stream]]\nid = \"a\"\ncamera = \"b\"");
    assert!(wrong(&clash).contains("another camera"));
}

#[test]
fn public_addresses_take_the_port_of_the_socket_if_they_have_none() {
    let text =
        "[webrtc]\nlisten = \"0.0.0.0:7000\"\npublic_addresses = [\"192.0.2.7\", \"192.0.2.8:9\", \"2001:db8::1\"]";
    let config = Config::parse("x", text).unwrap();
    let expected: Vec<SocketAddr> =
        ["192.0.2.7:7000", "192.0.2.8:9", "[2001:db8::1]:7000"].iter().map(|a| a.parse().unwrap()).collect();
    assert_eq!(config.public_addresses, expected);
}

#[test]
fn whether_a_configuration_is_right_does_not_depend_on_what_is_plugged_in() {
    let folder = std::env::temp_dir().join(format!("lenscap-names-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let camera = |id: &str| format!("[[camera]]\nid = \"{id}\"\nsource = \"v4l2:{}\"\n", folder.join(id).display());
    let text = format!("{}{}", camera("porch"), camera("garden"));
    assert!(of_one_device(&Config::parse("x", &text).unwrap().cameras).is_empty());
    std::fs::write(folder.join("video0"), "").unwrap();
    for name in ["porch", "garden"] {
        std::os::unix::fs::symlink(folder.join("video0"), folder.join(name)).unwrap();
    }
    let config = Config::parse("x", &text);
    let [words] = &of_one_device(&config.unwrap().cameras)[..] else { panic!("nothing is said of it") };
    assert!(words.starts_with("porch, garden are all ") || words.starts_with("garden, porch are all "), "{words}");
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(
        wrong(&format!("{}{}", camera("porch"), camera("porch").replace("id = \"porch\"", "id = \"other\"")))
            .contains("already")
    );
}
